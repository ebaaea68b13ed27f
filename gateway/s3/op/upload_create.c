/*
 * CreateMultipartUpload and AbortMultipartUpload.
 */
#include "gateway/s3/op/multipart.h"
#include "gateway/s3/op/ops.h"

static enum s3_error
read_request(struct s3_request *rq, struct store_upload_req *req)
{
	enum hash_alg alg = HASH_NONE;
	enum s3_error err;

	req->bucket = rq->bucket;
	req->key = rq->key;
	req->initiator = slice_str(rq->id.account_id);
	err = s3_read_kept(rq, &req->headers, &req->storage_class, &req->tags);
	if (err == S3_OK)
		err = s3_checksum_choice(rq, &alg, &req->checksum_composite);
	req->checksum_alg = (uint16_t)alg;
	return err;
}

/* An upload without a named algorithm says nothing of one. */
static void
set_checksum_headers(struct s3_request *rq, const struct store_upload_req *req)
{
	const char *name = s3_checksum_name(req->checksum_alg);

	if (!name)
		return;
	http_set_header(rq->http, "x-amz-checksum-algorithm", slice_str(name));
	http_set_header(rq->http, "x-amz-checksum-type",
			s3_checksum_type(req->checksum_composite));
}

enum s3_error
op_create_multipart_upload(struct s3_request *rq)
{
	struct store_upload_req req = { 0 };
	struct buf xml = BUF_INIT;
	char id[STORE_UPLOAD_ID_MAX];
	enum s3_error err = read_request(rq, &req);

	if (err == S3_OK)
		err = store_upload_create(rq->world->store, &req, id);
	if (err != S3_OK)
		return err;
	set_checksum_headers(rq, &req);
	xml_prolog(&xml);
	xml_open_ns(&xml, "InitiateMultipartUploadResult", XML_NS_S3);
	xml_text(&xml, "Bucket", rq->bucket);
	xml_text(&xml, "Key", rq->key);
	xml_text(&xml, "UploadId", slice_str(id));
	xml_close(&xml, "InitiateMultipartUploadResult");
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_abort_multipart_upload(struct s3_request *rq)
{
	enum s3_error err = store_upload_abort(
	    rq->world->store, rq->bucket, rq->key, s3_param(rq, "uploadId"));

	if (err != S3_OK)
		return s3_upload_failed(rq, err);
	http_answer(rq->http, 204, SLICE_EMPTY);
	return S3_OK;
}
