/*
 * GetBucketCors, PutBucketCors, DeleteBucketCors. The document is kept as it
 * came, once it was found to be right.
 */
#include "gateway/s3/cors_rules.h"
#include "gateway/s3/op/ops.h"

static enum s3_error
keep(struct s3_request *rq, struct slice document)
{
	return store_config_put(rq->world->store, rq->bucket, STORE_CONFIG_CORS,
				document);
}

enum s3_error
op_get_bucket_cors(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;
	struct cors_rule *rules;
	struct slice doc;
	const char *why;
	enum s3_error err =
	    store_config_get(rq->world->store, rq->bucket, STORE_CONFIG_CORS,
			     &rq->http->arena, &doc);

	if (err == S3_OK && doc.n == 0)
		return op_get_unset(rq);
	if (err == S3_OK)
		err = cors_rules_read(doc, &rq->http->arena, &rules, &why);
	if (err != S3_OK)
		return S3_ERR_INTERNAL_ERROR;
	cors_rules_write(rules, &xml);
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_put_bucket_cors(struct s3_request *rq)
{
	struct cors_rule *rules;
	enum s3_error err;

	if (rq->body.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	err = cors_rules_read(buf_slice(&rq->body), &rq->http->arena, &rules,
			      &rq->detail.message);
	if (err == S3_OK)
		err = keep(rq, buf_slice(&rq->body));
	if (err == S3_OK)
		http_answer(rq->http, 200, SLICE_EMPTY);
	return err;
}

enum s3_error
op_delete_bucket_cors(struct s3_request *rq)
{
	enum s3_error err = keep(rq, SLICE_EMPTY);

	if (err == S3_OK)
		http_answer(rq->http, 204, SLICE_EMPTY);
	return err;
}
