/*
 * Listing of versions at another S3 endpoint: ListObjectVersions. Versions
 * and delete markers stand in one order in the document.
 */
#include "store/s3/listing.h"

static int
begin_marker(void *ctx)
{
	struct store_object *o;

	if (s3_listing_item(ctx) != 0)
		return -1;
	o = s3_listing_last(ctx);
	o->is_delete_marker = true;
	return 0;
}

static int
take_version(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	return text.n ? s3_text_copy(text, o->version_id, sizeof(o->version_id))
		      : -1;
}

static int
take_latest(void *ctx, struct slice text)
{
	struct store_object *o = s3_listing_last(ctx);

	return s3_text_bool(text, &o->is_latest);
}

#define ROOT "ListVersionsResult"
#define IDENTITY_RULES(path)                           \
	{ path "/Key", NULL, s3_listing_name },        \
	    { path "/VersionId", NULL, take_version }, \
	{                                              \
		path "/IsLatest", NULL, take_latest    \
	}
static const struct xml_rule rules[] = {
	S3_LISTING_RULES(ROOT),
	{ ROOT "/NextKeyMarker", NULL, s3_listing_next_name },
	{ ROOT "/NextVersionIdMarker", NULL, s3_listing_next_id },
	{ ROOT "/Version", s3_listing_item, NULL },
	IDENTITY_RULES(ROOT "/Version"),
	S3_LISTED_RULES(ROOT "/Version"),
	{ ROOT "/DeleteMarker", begin_marker, NULL },
	IDENTITY_RULES(ROOT "/DeleteMarker"),
	{ ROOT "/DeleteMarker/LastModified", NULL, s3_listed_time },
};

static void
put_query(void *ctx, const struct s3_listing *l, bool first, struct buf *q)
{
	const struct store_versions_req *req = ctx;
	struct slice key = first ? s3_listing_bound(l, l->arena) : l->next_name;
	struct slice version = first ? req->version_marker : l->next_id;

	if (req->delimiter.n)
		s3_query_put(q, "delimiter", req->delimiter);
	s3_query_put(q, "encoding-type", SLICE("url"));
	if (key.n)
		s3_query_put(q, "key-marker", key);
	s3_query_u64(q, "max-keys", req->max_keys);
	s3_query_put(q, "prefix", req->prefix);
	if (version.n)
		s3_query_put(q, "version-id-marker", version);
	s3_query_put(q, "versions", SLICE_EMPTY);
}

enum s3_error
s3_list_versions(struct store *s, const struct store_versions_req *req,
		 struct arena *a, struct store_versions_page *out)
{
	struct store_versions_req sent = *req;
	struct s3_listing listing;
	struct s3_listing_ask ask = { .rules = rules,
				      .n_rules = ARRAY_LEN(rules),
				      .query = put_query,
				      .ctx = &sent };
	const struct s3_listed *last;
	struct s3_listed *v;
	enum s3_error err;

	if (!req->max_keys || !s3_listing_text(req->prefix))
		return s3_list_nothing(s, req->bucket, a);
	if (!s3_listing_text(req->delimiter))
		sent.delimiter = SLICE_EMPTY;
	ask.call = s3_get_call(req->bucket);
	if (s3_listing_init(&listing, a, sizeof(struct store_object),
			    req->max_keys) != 0)
		return S3_ERR_INTERNAL_ERROR;
	listing.after = req->key_marker;
	listing.after_is_prefix = req->marker_is_prefix;
	listing.same_name = req->version_marker.n > 0;
	err = s3_listing_page(s3_of(s), &listing, &ask, &v, &out->n);
	if (err != S3_OK)
		return err;
	out->entries = s3_listed_objects(a, v, out->n);
	out->truncated = listing.truncated;
	if (out->n) {
		last = &v[out->n - 1];
		out->next_key = last->name;
		if (out->entries && !last->is_prefix)
			out->next_version = slice_str(
			    out->entries[out->n - 1].object.version_id);
	}
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}
