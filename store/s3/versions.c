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
put_query(const struct s3_listing *l, bool first, struct buf *q)
{
	static const char *const names[] = { "max-keys", "version-id-marker",
					     "versions" };

	s3_listing_put_by_id(l, first, names, q);
}

enum s3_error
s3_list_versions(struct store *s, const struct store_versions_req *req,
		 struct arena *a, struct store_versions_page *out)
{
	struct s3_listing l = { .bucket = req->bucket,
				.prefix = req->prefix,
				.delimiter = req->delimiter,
				.max = req->max_keys,
				.after = req->key_marker,
				.after_is_prefix = req->marker_is_prefix,
				.after_id = req->version_marker,
				.put_query = put_query,
				.rules = rules,
				.n_rules = ARRAY_LEN(rules),
				.item_bytes = sizeof(struct store_object) };
	const struct s3_listed *last;
	struct s3_listed *v;
	enum s3_error err = s3_listing_page(s3_of(s), &l, a, &v, &out->n);

	if (err != S3_OK)
		return err;
	out->entries = s3_listed_objects(a, v, out->n);
	out->truncated = l.truncated;
	if (out->n) {
		last = &v[out->n - 1];
		out->next_key = last->name;
		if (out->entries && !last->is_prefix)
			out->next_version = slice_str(
			    out->entries[out->n - 1].object.version_id);
	}
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}
