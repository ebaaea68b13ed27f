/*
 * UploadPart: the way of PutObject, into a part. What it belongs to is looked
 * up before the body comes, and again inside the commit.
 */
#include "gateway/s3/body.h"
#include "gateway/s3/op/multipart.h"
#include "gateway/s3/op/ops.h"

enum s3_error
op_upload_part_begin(struct s3_request *rq)
{
	struct store_part_ref part;
	struct store_upload upload;
	enum s3_error err = s3_part_ref(rq, &part);

	if (err == S3_OK)
		err = s3_refuse_key(rq);
	if (err == S3_OK)
		err = s3_upload_find(rq, &upload);
	if (err == S3_OK)
		err = s3_open_body(rq);
	if (err == S3_OK)
		err = s3_part_algorithm(rq, &upload,
					s3_body_checksum(rq->filters));
	if (err == S3_OK) {
		part.checksum_alg = (uint16_t)s3_body_checksum(rq->filters);
		part.digests = s3_body_digests(rq->filters);
	}
	if (err == S3_OK)
		err = store_part_begin(rq->world->store, &part,
				       s3_body_length(rq->filters),
				       s3_put_max(rq), &rq->put);
	return s3_upload_failed(rq, err);
}

enum s3_error
op_upload_part_finish(struct s3_request *rq)
{
	enum hash_alg promised = s3_body_checksum(rq->filters);
	struct store_put_final fin = { 0 };
	struct store_put *put = rq->put;
	struct store_object made;
	char etag[2 * MD5_BYTES + 1];
	enum s3_error err = s3_body_end(rq, etag, &fin);

	if (err != S3_OK)
		return err;
	rq->put = NULL;
	err = s3_body_committed(rq, store_put_commit(put, &fin, &made));
	if (err != S3_OK)
		return s3_upload_failed(rq, err);
	http_set_headerf(rq->http, "ETag", "\"%s\"", made.etag);
	s3_checksum_set(rq, promised, fin.checksum);
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
