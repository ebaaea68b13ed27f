/*
 * Listing of objects at another S3 endpoint: ListObjectsV2.
 */
#include "store/s3/listing.h"
#include "base/timeval.h"

/* ---- an object in a list, of any kind ----------------------------------- */

int
s3_listed_time(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	return time_parse_iso(text, &o->mtime_us);
}

int
s3_listed_size(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	return slice_u64(text, &o->size);
}

int
s3_listed_etag(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	return s3_text_etag(text, o->etag, sizeof(o->etag));
}

int
s3_listed_class(void *ctx, struct slice text)
{
	const struct s3_listing *l = ctx;
	struct store_object *o = s3_listing_last(ctx);

	o->storage_class = s3_text_class(l->arena, text);
	return 0;
}

/* The first that is known; AWS may name several. */
int
s3_listed_algorithm(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	if (!o->checksum_alg)
		o->checksum_alg = (uint16_t)s3_sum_by_name(text);
	return 0;
}

int
s3_listed_sum_type(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	o->checksum_composite = slice_eq_str(text, "COMPOSITE");
	return 0;
}

/* ---- ListObjectsV2 ------------------------------------------------------ */

#define ROOT "ListBucketResult"
static const struct xml_rule rules[] = {
	S3_LISTING_RULES(ROOT),
	{ ROOT "/NextContinuationToken", NULL, s3_listing_token },
	{ ROOT "/Contents", s3_listing_item, NULL },
	{ ROOT "/Contents/Key", NULL, s3_listing_name },
	S3_LISTED_RULES(ROOT "/Contents"),
};

/* Its names ascend, as those of every query. */
static void
put_query(const struct s3_listing *l, bool first, struct buf *q)
{
	if (!first)
		s3_query_put(q, "continuation-token", l->token);
	if (l->delimiter.n)
		s3_query_put(q, "delimiter", l->delimiter);
	s3_query_put(q, "encoding-type", SLICE("url"));
	s3_query_put(q, "list-type", SLICE("2"));
	s3_query_u64(q, "max-keys", l->max);
	s3_query_put(q, "prefix", l->prefix);
	if (first && l->after.n)
		s3_query_put(q, "start-after", s3_listing_bound(l));
}

struct store_list_entry *
s3_listed_objects(struct arena *a, const struct s3_listed *v, size_t n)
{
	struct store_list_entry *out = arena_array(a, n, sizeof(*out));

	for (size_t i = 0; out && i < n; i++) {
		out[i].is_prefix = v[i].is_prefix;
		out[i].name = v[i].name;
		if (v[i].is_prefix)
			continue;
		out[i].object = *(const struct store_object *)v[i].item;
		out[i].object.key = v[i].name;
	}
	return out;
}

enum s3_error
s3_list(struct store *s, const struct store_list_req *req, struct arena *a,
	struct store_list_page *out)
{
	struct s3_listing l = { .bucket = req->bucket,
				.prefix = req->prefix,
				.delimiter = req->delimiter,
				.max = req->max_keys,
				.after = req->start_after,
				.after_is_prefix = req->start_is_prefix,
				.put_query = put_query,
				.rules = rules,
				.n_rules = ARRAY_LEN(rules),
				.item_bytes = sizeof(struct store_object) };
	struct s3_listed *v;
	enum s3_error err = s3_listing_page(s3_of(s), &l, a, &v, &out->n);

	if (err != S3_OK)
		return err;
	out->entries = s3_listed_objects(a, v, out->n);
	out->truncated = l.truncated;
	if (out->truncated) {
		out->next = v[out->n - 1].name;
		out->next_is_prefix = v[out->n - 1].is_prefix;
	}
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}
