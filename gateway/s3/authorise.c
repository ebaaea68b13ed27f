/*
 * Whose bucket it is decides; what comes first when several things are wrong
 * is AWS's order.
 */
#include "gateway/s3/authorise.h"

#define EXPECTED_OWNER "x-amz-expected-bucket-owner"
#define EXPECTED_SOURCE_OWNER "x-amz-source-expected-bucket-owner"

bool
s3_public_access(const struct s3_request *rq, const struct store_bucket *bucket,
		 const char *action)
{
	(void)rq;
	(void)bucket;
	(void)action;
	return false;
}

/* An expected owner is an account number, or not there. */
static enum s3_error
check_expected_form(struct s3_request *rq, const char *header)
{
	struct slice v = s3_header_or_hoisted(rq, header);
	uint64_t number;

	if (!v.p ||
	    (v.n == ACCOUNT_NUMBER_MAX - 1 && slice_u64(v, &number) == 0))
		return S3_OK;
	return s3_failf(rq, S3_ERR_INVALID_BUCKET_OWNER, "%s [%.*s]",
			s3_error_info(S3_ERR_INVALID_BUCKET_OWNER)->message,
			SLICE_ARG(v));
}

static bool
is_expected_owner(const struct s3_request *rq, const char *header,
		  struct slice owner)
{
	struct slice v = s3_header_or_hoisted(rq, header);
	char number[ACCOUNT_NUMBER_MAX];

	if (!v.p)
		return true;
	account_number(owner, number);
	return slice_eq_str(v, number);
}

static enum s3_error
check_bucket(struct s3_request *rq, const struct store_bucket *b,
	     const char *action, const char *expected)
{
	bool own = rq->id.kind != AUTH_ANONYMOUS &&
		   slice_eq_str(b->owner, rq->id.account_id);

	if (!own && !s3_public_access(rq, b, action))
		return S3_ERR_ACCESS_DENIED;
	return is_expected_owner(rq, expected, b->owner) ? S3_OK
							 : S3_ERR_ACCESS_DENIED;
}

enum s3_error
s3_may(struct s3_request *rq, struct slice bucket, const char *action)
{
	struct store_bucket b;
	enum s3_error err =
	    store_bucket_head(rq->world->store, bucket, &rq->http->arena, &b);

	if (err == S3_ERR_NO_SUCH_BUCKET)
		return s3_fail(rq, err, NULL, "BucketName", bucket);
	return err == S3_OK
		   ? check_bucket(rq, &b, action, EXPECTED_SOURCE_OWNER)
		   : err;
}

enum s3_error
s3_authorise(struct s3_request *rq)
{
	const char *action = rq->op->action;
	enum s3_error err;

	if (rq->scope == S3_SERVICE || strcmp(action, "s3:CreateBucket") == 0)
		return rq->id.kind == AUTH_ANONYMOUS ? S3_ERR_ACCESS_DENIED
						     : S3_OK;
	err = check_expected_form(rq, EXPECTED_OWNER);
	if (err == S3_OK)
		err = check_expected_form(rq, EXPECTED_SOURCE_OWNER);
	if (err == S3_OK)
		err = store_bucket_head(rq->world->store, rq->bucket,
					&rq->http->arena, &rq->record);
	if (err != S3_OK)
		return err;
	/* HeadBucket tells even strangers where the bucket is: SDKs find the
	 * region to sign for this way. */
	if (strcmp(rq->op->name, "HeadBucket") == 0)
		http_set_header(rq->http, "x-amz-bucket-region",
				rq->record.region);
	return check_bucket(rq, &rq->record, action, EXPECTED_OWNER);
}
