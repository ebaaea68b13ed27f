/*
 * PutObject. begin refuses whatever the headers allow to refuse; the body
 * goes through the filters into the store as it comes; finish verifies all
 * promises and commits. An upload that fails anywhere leaves nothing.
 */
#include "gateway/s3/body.h"
#include "gateway/s3/op/ops.h"

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
	return s3_begin_put(rq);
}

enum s3_error
op_put_object_data(struct s3_request *rq, const void *p, size_t n)
{
	return store_put_write(rq->put, p, n);
}

enum s3_error
op_put_object_finish(struct s3_request *rq)
{
	char etag[STORE_ETAG_MAX];
	enum s3_error err = s3_end_put(rq, "ObjectCreated:Put", etag);

	if (err == S3_OK)
		http_answer(rq->http, 200, SLICE_EMPTY);
	return err;
}
