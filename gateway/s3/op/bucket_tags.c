/*
 * GetBucketTagging, PutBucketTagging, DeleteBucketTagging. The document kept
 * is the one that is answered.
 */
#include "gateway/s3/op/ops.h"
#include "gateway/s3/tags.h"

enum s3_error
op_get_bucket_tagging(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;
	struct slice doc;
	enum s3_error err =
	    store_config_get(rq->world->store, rq->bucket, STORE_CONFIG_TAGGING,
			     &rq->http->arena, &doc);

	if (err != S3_OK)
		return err;
	if (doc.n == 0)
		return op_get_unset(rq);
	buf_put(&xml, doc);
	return s3_answer_xml(rq, &xml);
}

enum s3_error
s3_bucket_tags_put(struct s3_request *rq, const struct store_headers *tags)
{
	struct buf xml = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (tags->n)
		store_put_tagging(&xml, tags);
	if (buf_ok(&xml))
		err = store_config_put(rq->world->store, rq->bucket,
				       STORE_CONFIG_TAGGING, buf_slice(&xml));
	buf_release(&xml);
	return err;
}

enum s3_error
op_put_bucket_tagging(struct s3_request *rq)
{
	struct store_headers tags;
	enum s3_error err =
	    tags_read_xml(rq, buf_slice(&rq->body), TAGS_OF_BUCKET, &tags);

	if (err == S3_OK)
		err = s3_bucket_tags_put(rq, &tags);
	if (err == S3_OK)
		http_answer(rq->http, 204, SLICE_EMPTY);
	return err;
}

enum s3_error
op_delete_bucket_tagging(struct s3_request *rq)
{
	enum s3_error err =
	    s3_bucket_tags_put(rq, &(struct store_headers){ 0 });

	if (err == S3_OK)
		http_answer(rq->http, 204, SLICE_EMPTY);
	return err;
}
