/*
 * GetBucketNotificationConfiguration, PutBucketNotificationConfiguration. The
 * document kept is the one that is answered; the relay follows it. One without
 * rules is kept as well: it says that the owner wants none.
 */
#include "gateway/rules.h"
#include "gateway/s3/op/ops.h"

enum s3_error
op_get_bucket_notification(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;
	struct slice doc;
	enum s3_error err =
	    store_config_get(rq->world->store, rq->bucket,
			     STORE_CONFIG_NOTIFICATION, &rq->http->arena, &doc);

	if (err != S3_OK)
		return err;
	if (doc.n)
		buf_put(&xml, doc);
	else
		rules_write(NULL, &xml);
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_put_bucket_notification(struct s3_request *rq)
{
	struct buf xml = BUF_MAX(RULES_BYTES_MAX);
	struct notification_rule *rules;
	enum s3_error err;

	if (rq->body.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	err = rules_read(buf_slice(&rq->body), &rq->http->arena, &rules,
			 &rq->detail);
	if (err != S3_OK)
		return err;
	rules_write(rules, &xml);
	if (buf_ok(&xml))
		err = store_config_put(rq->world->store, rq->bucket,
				       STORE_CONFIG_NOTIFICATION,
				       buf_slice(&xml));
	else
		err = s3_failf(rq, S3_ERR_INVALID_ARGUMENT,
			       "The notification configuration is longer than "
			       "%u bytes",
			       RULES_BYTES_MAX);
	buf_release(&xml);
	if (err == S3_OK)
		http_answer(rq->http, 200, SLICE_EMPTY);
	return err;
}
