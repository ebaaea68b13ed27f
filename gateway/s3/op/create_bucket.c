/*
 * CreateBucket. The bucket keeps the region that is asked for, so that
 * clients which name one work unchanged; without one it gets the gateway's.
 * What would make it another bucket than the client asked for is refused.
 */
#include "base/xml_read.h"
#include "gateway/s3/op/ops.h"
#include "gateway/s3/tags.h"

#define US_EAST_1 "us-east-1"

/* ---- regions ------------------------------------------------------------ */

/* "eu-west-1", "us-gov-east-1": words, and a number at the end. */
static bool
has_region_form(struct slice s)
{
	struct slice rest = s, part = SLICE_EMPTY;
	size_t words = 0;
	uint64_t number;

	while (slice_cut(&rest, '-', &part)) {
		if (!rest.p)
			break;
		words += part.n > 0;
		for (size_t i = 0; i < part.n; i++)
			if (part.p[i] < 'a' || part.p[i] > 'z')
				return false;
		if (part.n == 0)
			return false;
	}
	return words >= 2 && s.n <= 32 && slice_u64(part, &number) == 0;
}

/* The region in the scope of the signature, "20130524/us-east-1/s3/...". */
static struct slice
signed_region(const struct s3_request *rq)
{
	struct slice rest = slice_str(rq->id.scope), part = SLICE_EMPTY;

	(void)slice_cut(&rest, '/', &part);
	(void)slice_cut(&rest, '/', &part);
	return part;
}

bool
s3_is_region(const struct s3_request *rq, struct slice s)
{
	return has_region_form(s) ||
	       slice_eq_str(s, rq->world->conf->aws_region) ||
	       (s.n && slice_eq(s, signed_region(rq)));
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

/* "EU" is the old name of eu-west-1; us-east-1 is never named (AWS). */
static enum s3_error
choose_region(struct s3_request *rq, struct slice asked, struct slice *out)
{
	*out = slice_eq_str(asked, "EU") ? SLICE("eu-west-1") : asked;
	if (slice_eq_str(*out, US_EAST_1) || (asked.p && asked.n == 0) ||
	    (out->n && !s3_is_region(rq, *out)))
		return s3_fail(rq, S3_ERR_INVALID_LOCATION_CONSTRAINT, NULL,
			       "LocationConstraint", asked);
	if (check_own_region(rq, *out) != S3_OK)
		return S3_ERR_ILLEGAL_LOCATION_CONSTRAINT;
	if (out->n == 0)
		*out = slice_str(rq->world->conf->aws_region);
	return S3_OK;
}

/* ---- the body ----------------------------------------------------------- */

/* Tags are rewritten as the <Tagging> document that tags.h reads. */
struct configuration {
	struct arena *arena;
	struct slice region; /* .p NULL: not said */
	struct buf tagging;
};

static int
on_constraint(void *ctx, struct slice text)
{
	struct configuration *c = ctx;

	if (c->region.p)
		return -1;
	/* The text's memory ends with the parse. */
	c->region = arena_copy(c->arena, slice_trim(text));
	return 0;
}

static int
on_tags(void *ctx)
{
	struct configuration *c = ctx;

	if (c->tagging.n)
		return -1;
	xml_open(&c->tagging, "Tagging");
	xml_open(&c->tagging, "TagSet");
	return 0;
}

static int
on_tags_end(void *ctx, struct slice text)
{
	struct configuration *c = ctx;

	(void)text;
	xml_close(&c->tagging, "TagSet");
	xml_close(&c->tagging, "Tagging");
	return 0;
}

static int
on_tag(void *ctx)
{
	struct configuration *c = ctx;

	xml_open(&c->tagging, "Tag");
	return 0;
}

static int
on_tag_end(void *ctx, struct slice text)
{
	struct configuration *c = ctx;

	(void)text;
	xml_close(&c->tagging, "Tag");
	return 0;
}

static int
on_tag_key(void *ctx, struct slice text)
{
	struct configuration *c = ctx;

	xml_text(&c->tagging, "Key", text);
	return 0;
}

static int
on_tag_value(void *ctx, struct slice text)
{
	struct configuration *c = ctx;

	xml_text(&c->tagging, "Value", text);
	return 0;
}

static enum s3_error
read_body(struct s3_request *rq, struct slice *region,
	  struct store_headers *tags)
{
#define ROOT "CreateBucketConfiguration/"
	static const struct xml_rule elements[] = {
		{ ROOT "LocationConstraint", NULL, on_constraint },
		{ ROOT "Tags", on_tags, on_tags_end },
		{ ROOT "Tags/Tag", on_tag, on_tag_end },
		{ ROOT "Tags/Tag/Key", NULL, on_tag_key },
		{ ROOT "Tags/Tag/Value", NULL, on_tag_value },
	};
#undef ROOT
	struct configuration c = { .arena = &rq->http->arena };
	enum s3_error err = S3_OK;

	if (rq->body.n && xml_read_strict(buf_slice(&rq->body), elements,
					  ARRAY_LEN(elements), &c) != 0)
		err = S3_ERR_MALFORMED_XML;
	if (err == S3_OK && c.tagging.n)
		err = tags_read_xml(rq, buf_slice(&c.tagging), TAGS_OF_BUCKET,
				    tags);
	if (err == S3_OK)
		err = choose_region(rq, c.region, region);
	buf_release(&c.tagging);
	return err;
}

/* ---- the operation ------------------------------------------------------ */

/* What is an ownership, s3_refuse_headers() judges. */
static enum s3_error
check_ownership(struct s3_request *rq)
{
	static const char *const ownerships[] = { "BucketOwnerEnforced",
						  "BucketOwnerPreferred",
						  "ObjectWriter" };
	const char *header = "x-amz-object-ownership";
	struct slice v = s3_header_or_hoisted(rq, header);

	for (size_t i = 0; i < ARRAY_LEN(ownerships); i++)
		if (slice_eq_str(v, ownerships[i]))
			return S3_OK;
	if (!v.p)
		return S3_OK;
	return s3_bad_argument(
	    rq,
	    arena_printf(&rq->http->arena,
			 "Invalid x-amz-object-ownership header: %.*s",
			 SLICE_ARG(v))
		.p,
	    header, v);
}

enum s3_error
op_create_bucket_begin(struct s3_request *rq)
{
	enum s3_error err;

	if (!store_bucket_name_valid(rq->bucket) ||
	    slice_eq_str(rq->bucket, S3_RESERVED_BUCKET))
		return S3_ERR_INVALID_BUCKET_NAME;
	err = check_ownership(rq);
	return err == S3_OK ? s3_refuse_headers(rq) : err;
}

enum s3_error
op_create_bucket(struct s3_request *rq)
{
	struct store *store = rq->world->store;
	struct store_headers tags = { 0 };
	struct slice region;
	enum s3_error err = read_body(rq, &region, &tags);

	if (err == S3_OK)
		err = store_bucket_create(store, rq->bucket,
					  slice_str(rq->id.account_id), region);
	/* In us-east-1 alone, creating one's own bucket again is fine. */
	if (err == S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU &&
	    slice_eq_str(region, US_EAST_1))
		err = S3_OK;
	else if (err == S3_OK && tags.n)
		err = s3_bucket_tags_put(rq, &tags);
	if (err != S3_OK)
		return err;
	s3_set_bucket_arn(rq);
	http_set_headerf(rq->http, "Location", "/%.*s", SLICE_ARG(rq->bucket));
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
