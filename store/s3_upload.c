/*
 * Multipart uploads at another S3 endpoint.
 */
#include "store/s3_store.h"
#include "base/encode.h"

enum s3_error
s3_upload_abort(struct store *s, struct slice bucket, struct slice key,
		struct slice id)
{
	struct buf query = BUF_INIT;
	struct s3_call call = {
		.method = "DELETE",
		.bucket = bucket,
		.key = key,
		.payload_hash = S3_EMPTY_SHA256,
	};
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	buf_puts(&query, "uploadId=");
	uri_encode(&query, id, false);
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_request_run(s3_of(s)->remote, &call, &answer);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}
