/*
 * Removals at another S3 endpoint.
 */
#include "store/s3_store.h"

static enum s3_error
remove_key(struct store *s, struct slice bucket, struct store_removal *v)
{
	struct store_header headers[2];
	struct s3_call call = {
		.method = "HEAD",
		.bucket = bucket,
		.key = v->key,
		.payload_hash = S3_EMPTY_SHA256,
	};
	struct http_client_answer answer;
	enum s3_error err;

	if (v->version_id.n)
		return S3_ERR_NOT_IMPLEMENTED;
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	http_client_answer_release(&answer);
	v->removed.existed = err == S3_OK;
	if (err != S3_OK && err != S3_ERR_NO_SUCH_KEY)
		return err;
	call.method = "DELETE";
	call.headers.v = headers;
	call.headers.n = s3_cond_headers(&v->cond, headers);
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	http_client_answer_release(&answer);
	return err;
}

enum s3_error
s3_remove(struct store *s, struct slice bucket, struct store_removal *v,
	  size_t n, const struct store_note *note)
{
	(void)note; /* the other side makes the event */
	for (size_t i = 0; i < n; i++)
		if (v[i].err == S3_OK)
			v[i].err = remove_key(s, bucket, &v[i]);
	return S3_OK;
}
