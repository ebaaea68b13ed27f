/*
 * PutObject. begin refuses whatever the headers allow to refuse; the body
 * goes through the filters into the store as it comes; finish verifies all
 * promises and commits. An upload that fails anywhere leaves nothing.
 */
#include "gateway/s3/body.h"
#include "gateway/s3/checksum.h"
#include "gateway/s3/ops.h"

#define UPLOADS "uploads/"

/* MAX_UPLOAD_BYTES is the video API's bound: keys below uploads/ of the
 * default bucket, whoever signed. */
static uint64_t
size_max(const struct s3_request *rq)
{
	const struct conf *c = rq->world->conf;

	if (slice_eq_str(rq->bucket, c->aws_s3_bucket) &&
	    slice_starts(rq->key, SLICE(UPLOADS)) &&
	    c->max_upload_bytes < STORE_PUT_BYTES_MAX)
		return c->max_upload_bytes;
	return STORE_PUT_BYTES_MAX;
}

static enum s3_error
too_large(struct s3_request *rq, uint64_t proposed)
{
	s3_detail_add(&rq->detail, "ProposedSize",
		      arena_printf(&rq->http->arena, "%llu",
				   (unsigned long long)proposed));
	return s3_fail(rq, S3_ERR_ENTITY_TOO_LARGE, NULL, "MaxSizeAllowed",
		       arena_printf(&rq->http->arena, "%llu",
				    (unsigned long long)rq->put_req.size_max));
}

enum s3_error
op_put_object_begin(struct s3_request *rq)
{
	struct store_put_req *req = &rq->put_req;
	struct slice version = s3_param(rq, "versionId");
	enum s3_error err;

	if (version.p)
		return s3_bad_argument(
		    rq, "This operation does not accept a version-id.",
		    "versionId", version);
	if (!http_header_has(rq->http, "Content-Length") &&
	    rq->http->content_length != HTTP_LENGTH_UNKNOWN)
		return S3_ERR_MISSING_CONTENT_LENGTH;
	err = s3_body_new(rq);
	if (err != S3_OK)
		return err;
	req->bucket = rq->bucket;
	req->key = rq->key;
	req->size = s3_body_length(rq->filters);
	req->size_max = size_max(rq);
	if (req->size > req->size_max)
		return too_large(rq, req->size);
	err = s3_metadata_read(rq, &req->headers);
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
		.note = {
			.event_name = SLICE("ObjectCreated:Put"),
			.principal_id = slice_str(rq->id.account_id),
			.source_ip = slice_str(rq->http->peer_ip),
			.request_id = slice_str(rq->http->request_id),
		},
	};
	struct store_put *put = rq->put;
	char etag[2 * MD5_BYTES + 1];
	enum s3_error err = s3_body_end(rq, etag, &fin);

	if (err != S3_OK)
		return err;
	rq->put = NULL;
	err = store_put_commit(put, &fin, NULL);
	if (err != S3_OK)
		return s3_condition_failed(rq, err);
	http_set_headerf(rq->http, "ETag", "\"%s\"", etag);
	s3_checksum_set(rq, fin.checksum_alg, fin.checksum);
	http_set_header(rq->http, "x-amz-checksum-type", SLICE("FULL_OBJECT"));
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
