/*
 * ListBuckets: the sender's own, in byte order of the name, page by page when
 * the client asks for pages.
 */
#include "gateway/s3/op/ops.h"
#include "gateway/s3/token.h"

#define BUCKETS_MAX 10000
#define TOKEN_KIND 'b'

struct filter {
	struct slice prefix; /* .p NULL: none, here and below */
	struct slice region;
	struct slice after;
	uint64_t max;
	bool asked; /* the request has a parameter of these */
};

static enum s3_error
read_max(struct s3_request *rq, struct filter *f)
{
	struct slice v = s3_param(rq, "max-buckets"), digits = v;
	uint64_t n;

	f->max = BUCKETS_MAX;
	if (!v.p)
		return S3_OK;
	if (slice_u64(v, &f->max) == 0 && f->max >= 1 && f->max <= BUCKETS_MAX)
		return S3_OK;
	if (v.n && v.p[0] == '-')
		digits = slice_from(v, 1);
	return s3_bad_argument(
	    rq,
	    slice_u64(digits, &n) == 0 && n <= INT32_MAX
		? "Argument max-buckets must be an integer between 1 and 10000"
		: "Provided max-buckets not an integer or within integer range",
	    "max-buckets", v);
}

static enum s3_error
read_filter(struct s3_request *rq, struct filter *f)
{
	struct slice token = s3_param(rq, "continuation-token");
	enum s3_error err;
	char kind;

	f->prefix = s3_param(rq, "prefix");
	f->region = s3_param(rq, "bucket-region");
	f->asked = f->prefix.p || f->region.p || token.p ||
		   s3_param_has(rq, "max-buckets");
	err = read_max(rq, f);
	if (err == S3_OK && f->region.p && !s3_is_region(rq, f->region))
		return s3_bad_argument(
		    rq,
		    arena_printf(&rq->http->arena,
				 "Argument value %.*s is not a valid AWS "
				 "Region",
				 SLICE_ARG(f->region))
			.p,
		    "bucket-region", f->region);
	if (err == S3_OK && token.p &&
	    (token_read(&rq->http->arena, token, &kind, &f->after) != 0 ||
	     kind != TOKEN_KIND))
		return s3_fail(rq, S3_ERR_INVALID_ARGUMENT,
			       "The continuation token provided is incorrect",
			       "ArgumentName", SLICE("continuation-token"));
	return err;
}

static bool
is_listed(const struct filter *f, const struct store_bucket *b)
{
	return (!f->prefix.p || slice_starts(b->name, f->prefix)) &&
	       (!f->region.p || slice_eq(b->region, f->region)) &&
	       (!f->after.p || slice_cmp(b->name, f->after) > 0);
}

static void
put_bucket(const struct filter *f, const struct store_bucket *b,
	   struct buf *xml)
{
	xml_open(xml, "Bucket");
	xml_text(xml, "Name", b->name);
	s3_xml_time(xml, "CreationDate", b->created_us);
	if (f->asked)
		xml_text(xml, "BucketRegion", b->region);
	xml_open(xml, "BucketArn");
	buf_puts(xml, S3_ARN);
	xml_escape(xml, b->name);
	xml_close(xml, "BucketArn");
	xml_close(xml, "Bucket");
}

enum s3_error
op_list_buckets(struct s3_request *rq)
{
	struct slice account = slice_str(rq->id.account_id);
	const struct store_bucket *last = NULL;
	struct filter f = { .max = 0 };
	struct store_bucket *v;
	struct buf xml = BUF_INIT;
	size_t n, i;
	enum s3_error err = read_filter(rq, &f);

	if (err == S3_OK)
		err = store_bucket_list(rq->world->store, account,
					&rq->http->arena, &v, &n);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListAllMyBucketsResult", XML_NS_S3);
	s3_xml_owner(rq, &xml, "Owner", account);
	xml_open(&xml, "Buckets");
	for (i = 0; i < n; i++) {
		if (!is_listed(&f, &v[i]))
			continue;
		if (f.max-- == 0)
			break;
		last = &v[i];
		put_bucket(&f, last, &xml);
	}
	xml_close(&xml, "Buckets");
	if (f.prefix.p)
		xml_text(&xml, "Prefix", f.prefix);
	if (i < n && last) {
		xml_open(&xml, "ContinuationToken");
		token_write(&xml, TOKEN_KIND, last->name);
		xml_close(&xml, "ContinuationToken");
	}
	xml_close(&xml, "ListAllMyBucketsResult");
	return s3_answer_xml(rq, &xml);
}
