/*
 * PutObject. begin refuses whatever the headers allow to refuse; the body
 * goes through the filters into the store as it comes; finish verifies all
 * promises and commits. An upload that fails anywhere leaves nothing.
 */
#include "gateway/s3/body.h"
#include "gateway/s3/checksum.h"
#include "gateway/s3/ops.h"
#include "gateway/s3/tags.h"

enum s3_error
op_put_object_begin(struct s3_request *rq)
{
	struct store_put_req *req = &rq->put_req;
	enum s3_error err = s3_no_version(rq);

	if (err == S3_OK)
		err = s3_open_body(rq);
	if (err != S3_OK)
		return err;
	req->bucket = rq->bucket;
	req->key = rq->key;
	req->size = s3_body_length(rq->filters);
	req->size_max = s3_put_max(rq);
	err = s3_metadata_read(rq, &req->headers);
	if (err == S3_OK)
		err = s3_storage_class(rq, &req->storage_class);
	if (err == S3_OK)
		err = tags_read_header(rq, &req->tags);
	if (err == S3_OK)
		err = s3_write_conditions(rq, &req->cond);
	if (err == S3_OK)
		err = store_put_begin(rq->world->store, req, &rq->put);
	return s3_condition_failed(rq, err);
}

enum s3_error
op_put_object_data(struct s3_request *rq, const void *p, size_t n)
{
	return store_put_write(rq->put, p, n);
}

enum s3_error
op_put_object_finish(struct s3_request *rq)
{
	struct store_put_final fin = {
		.note = s3_note(rq, "ObjectCreated:Put"),
	};
	struct store_put *put = rq->put;
	struct store_object made;
	char etag[2 * MD5_BYTES + 1];
	enum s3_error err = s3_body_end(rq, etag, &fin);

	if (err != S3_OK)
		return err;
	rq->put = NULL;
	err = store_put_commit(put, &fin, &made);
	if (err != S3_OK)
		return s3_condition_failed(rq, err);
	http_set_headerf(rq->http, "ETag", "\"%s\"", etag);
	s3_set_version_id(rq, made.version_id);
	s3_checksum_set(rq, fin.checksum_alg, fin.checksum);
	http_set_header(rq->http, "x-amz-checksum-type", SLICE("FULL_OBJECT"));
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
