/*
 * Listing of buckets at another S3 endpoint: ListBuckets, page by page; an
 * endpoint that does not know pages gives all at once, in whatever order.
 */
#include "base/timeval.h"
#include "store/s3/bucket.h"
#include "store/s3/xml.h"

#define PAGE 10000u /* as many as an account may have */
#define PAGES_MAX 100u
#define LIST_MAX (8u << 20)

struct bucket_reading {
	struct arena *arena;
	struct store_bucket *v; /* of this page */
	size_t n;
	struct slice token;
};

static struct store_bucket *
last(void *ctx)
{
	const struct bucket_reading *r = ctx;

	return &r->v[r->n - 1];
}

static int
begin_bucket(void *ctx)
{
	struct bucket_reading *r = ctx;

	if (r->n == PAGE)
		return -1;
	r->v[r->n++] = (struct store_bucket){ .region = SLICE_EMPTY };
	return 0;
}

static int
take_name(void *ctx, struct slice text)
{
	const struct bucket_reading *r = ctx;

	last(ctx)->name = arena_copy(r->arena, text);
	return 0;
}

static int
take_region(void *ctx, struct slice text)
{
	const struct bucket_reading *r = ctx;

	last(ctx)->region = arena_copy(r->arena, text);
	return 0;
}

static int
take_created(void *ctx, struct slice text)
{
	return time_parse_iso(text, &last(ctx)->created_us);
}

static int
take_token(void *ctx, struct slice text)
{
	struct bucket_reading *r = ctx;

	r->token = arena_copy(r->arena, text);
	return 0;
}

#define ROOT "ListAllMyBucketsResult"
static const struct xml_rule list_rules[] = {
	{ ROOT "/Buckets/Bucket", begin_bucket, NULL },
	{ ROOT "/Buckets/Bucket/Name", NULL, take_name },
	{ ROOT "/Buckets/Bucket/BucketRegion", NULL, take_region },
	{ ROOT "/Buckets/Bucket/CreationDate", NULL, take_created },
	{ ROOT "/ContinuationToken", NULL, take_token },
};

/* The page, and where the next one begins. */
static enum s3_error
ask_page(struct s3_store *s, struct bucket_reading *r)
{
	struct s3_call call = s3_get_call(SLICE_EMPTY);
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (r->token.n)
		s3_query_put(&query, "continuation-token", r->token);
	s3_query_u64(&query, "max-buckets", PAGE);
	r->token = SLICE_EMPTY;
	r->n = 0;
	call.query = buf_slice(&query);
	call.answer_max = LIST_MAX;
	if (buf_ok(&query))
		err = s3_ask(s, &call, list_rules, ARRAY_LEN(list_rules), r,
			     &answer);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* Those of the page that are the owner's go to @out, which grows. Where there
 * are several, each goes on behind the one before. */
static int
take_page(struct s3_store *s, const struct bucket_reading *r, bool is_only,
	  struct slice owner, struct buf *out)
{
	const struct store_bucket *all = (const void *)out->p;
	size_t n = out->n / sizeof(*all);

	for (size_t i = 0; i < r->n; i++) {
		struct store_bucket *b = &r->v[i];
		struct slice before =
		    i ? r->v[i - 1].name : (n ? all[n - 1].name : SLICE_EMPTY);

		if (!b->name.n || (!is_only && slice_cmp(before, b->name) >= 0))
			return -1;
		b->owner = s3_bucket_owner(s, b->name, r->arena);
	}
	for (size_t i = 0; i < r->n; i++)
		if (!owner.n || slice_eq(r->v[i].owner, owner))
			buf_add(out, &r->v[i], sizeof(*r->v));
	return buf_ok(out) ? 0 : -1;
}

static int
by_name(const void *a, const void *b)
{
	const struct store_bucket *x = a, *y = b;

	return slice_cmp(x->name, y->name);
}

/* 0, or -1: one came twice. */
static int
put_in_order(struct store_bucket *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n; i++)
		if (slice_eq(v[i - 1].name, v[i].name))
			return -1;
	return 0;
}

enum s3_error
s3_bucket_list(struct store *base, struct slice owner, struct arena *a,
	       struct store_bucket **out, size_t *n)
{
	struct s3_store *s = s3_of(base);
	struct bucket_reading r = { .arena = a };
	struct s3_call call = s3_get_call(SLICE_EMPTY);
	struct buf all = BUF_INIT;
	enum s3_error err = S3_OK;

	r.v = arena_array(a, PAGE, sizeof(*r.v));
	if (!r.v)
		return S3_ERR_INTERNAL_ERROR;
	for (unsigned i = 0; err == S3_OK; i++) {
		err = ask_page(s, &r);
		if (err == S3_OK &&
		    (i == PAGES_MAX ||
		     take_page(s, &r, !i && !r.token.n, owner, &all) != 0 ||
		     (r.token.n && !r.n)))
			err = s3_answer_broken(&call, "the list of buckets is "
						      "out of order or does "
						      "not end");
		if (r.token.n == 0)
			break;
	}
	*n = all.n / sizeof(**out);
	*out = arena_array(a, *n, sizeof(**out));
	if (err == S3_OK && *out && all.n) {
		memcpy(*out, all.p, all.n);
		if (put_in_order(*out, *n) != 0)
			err = s3_answer_broken(&call, "a bucket comes twice");
	}
	buf_release(&all);
	return a->err ? S3_ERR_INTERNAL_ERROR : err;
}
