/*
 * Buckets: ListBuckets, CreateBucket, HeadBucket, DeleteBucket.
 */
#include "gateway/s3/ops.h"
#include "base/xml_read.h"

#define US_EAST_1 "us-east-1"

enum s3_error
op_list_buckets(struct s3_request *rq)
{
	struct store_bucket *v;
	struct buf xml = BUF_INIT;
	size_t n;
	enum s3_error err =
	    store_bucket_list(rq->world->store, slice_str(rq->id.account_id),
			      &rq->http->arena, &v, &n);

	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListAllMyBucketsResult", XML_NS_S3);
	s3_xml_owner(rq, &xml, "Owner", slice_str(rq->id.account_id));
	xml_open(&xml, "Buckets");
	for (size_t i = 0; i < n; i++) {
		xml_open(&xml, "Bucket");
		xml_text(&xml, "Name", v[i].name);
		s3_xml_time(&xml, "CreationDate", v[i].created_us);
		xml_close(&xml, "Bucket");
	}
	xml_close(&xml, "Buckets");
	xml_close(&xml, "ListAllMyBucketsResult");
	return s3_answer_xml(rq, &xml);
}

/* ---- CreateBucket ------------------------------------------------------- */

struct constraint {
	struct arena *arena;
	struct slice region;
};

static int
on_constraint(void *ctx, struct slice text)
{
	struct constraint *c = ctx;

	/* The text's memory ends with the parse. */
	c->region = arena_copy(c->arena, slice_trim(text));
	return 0;
}

static bool
is_region(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-'))
			return false;
	}
	return s.n <= 32;
}

/*
 * REELGATE_STRICT_REGION: a bucket is made in the gateway's own region alone.
 * Outside us-east-1 it must be named, as at AWS's regional endpoints.
 */
static enum s3_error
check_own_region(struct s3_request *rq, struct slice region)
{
	const char *own = rq->world->conf->aws_region;
	bool unnamed_is_own = strcmp(own, US_EAST_1) == 0;

	if (!rq->world->conf->strict_region || slice_eq_str(region, own) ||
	    (region.n == 0 && unnamed_is_own))
		return S3_OK;
	if (region.n == 0)
		return S3_ERR_ILLEGAL_LOCATION_CONSTRAINT;
	return s3_failf(rq, S3_ERR_ILLEGAL_LOCATION_CONSTRAINT,
			"The %.*s location constraint is incompatible for the "
			"region specific endpoint this request was sent to.",
			SLICE_ARG(region));
}

/*
 * The bucket keeps the region that is asked for, so that clients which name
 * one work unchanged; without one it gets the gateway's.
 */
static enum s3_error
read_region(struct s3_request *rq, struct slice *region)
{
	static const struct xml_rule rules[] = {
		{ "CreateBucketConfiguration/LocationConstraint", NULL,
		  on_constraint },
	};

	struct constraint c = { .arena = &rq->http->arena };
	enum s3_error err;

	if (rq->body.n &&
	    xml_read(buf_slice(&rq->body), rules, ARRAY_LEN(rules), &c) != 0)
		return S3_ERR_MALFORMED_XML;
	*region = c.region;
	if (!is_region(*region) || slice_eq_str(*region, US_EAST_1))
		return s3_fail(rq, S3_ERR_INVALID_LOCATION_CONSTRAINT, NULL,
			       "LocationConstraint", *region);
	err = check_own_region(rq, *region);
	if (region->n == 0)
		*region = slice_str(rq->world->conf->aws_region);
	return err;
}

enum s3_error
op_create_bucket(struct s3_request *rq)
{
	const char *own_region = rq->world->conf->aws_region;
	struct slice region;
	enum s3_error err;

	if (!store_bucket_name_valid(rq->bucket) ||
	    slice_eq_str(rq->bucket, S3_RESERVED_BUCKET))
		return S3_ERR_INVALID_BUCKET_NAME;
	err = s3_refuse_headers(rq);
	if (err == S3_OK)
		err = read_region(rq, &region);
	if (err == S3_OK)
		err = store_bucket_create(rq->world->store, rq->bucket,
					  slice_str(rq->id.account_id), region);
	/* In us-east-1 alone, creating one's own bucket again is fine. */
	if (err == S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU &&
	    strcmp(own_region, US_EAST_1) == 0)
		err = S3_OK;
	if (err != S3_OK)
		return err;
	http_set_headerf(rq->http, "Location", "/%.*s", SLICE_ARG(rq->bucket));
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}

/* ---- HeadBucket, DeleteBucket ------------------------------------------- */

enum s3_error
op_head_bucket(struct s3_request *rq)
{
	http_set_header(rq->http, "x-amz-bucket-region", rq->record.region);
	http_set_header(rq->http, "Content-Type", SLICE("application/xml"));
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}

enum s3_error
op_delete_bucket(struct s3_request *rq)
{
	enum s3_error err = store_bucket_delete(rq->world->store, rq->bucket);

	if (err == S3_OK)
		http_answer(rq->http, 204, SLICE_EMPTY);
	return err;
}
