/*
 * Listing of uploads at another S3 endpoint: ListMultipartUploads. Who began
 * one the endpoint does not know: all that it sees is our own key. Only the
 * owner of a bucket gets this far, so it is the owner.
 */
#include "store/s3/bucket.h"
#include "store/s3/listing.h"
#include "base/timeval.h"

static int
take_id(void *ctx, struct slice text)
{
	struct store_upload *u = s3_listing_last(ctx);

	return text.n ? s3_text_copy(text, u->id, sizeof(u->id)) : -1;
}

static int
take_time(void *ctx, struct slice text)
{
	struct store_upload *u = s3_listing_last(ctx);

	return time_parse_iso(text, &u->initiated_us);
}

static int
take_class(void *ctx, struct slice text)
{
	const struct s3_listing *l = ctx;
	struct store_upload *u = s3_listing_last(ctx);

	u->storage_class = s3_text_class(l->arena, text);
	return 0;
}

static int
take_algorithm(void *ctx, struct slice text)
{
	struct store_upload *u = s3_listing_last(ctx);

	u->checksum_alg = (uint16_t)s3_sum_by_name(text);
	return 0;
}

static int
take_sum_type(void *ctx, struct slice text)
{
	struct store_upload *u = s3_listing_last(ctx);

	u->checksum_composite = slice_eq_str(text, "COMPOSITE");
	return 0;
}

#define ROOT "ListMultipartUploadsResult"
static const struct xml_rule rules[] = {
	S3_LISTING_RULES(ROOT),
	{ ROOT "/NextKeyMarker", NULL, s3_listing_next_name },
	{ ROOT "/NextUploadIdMarker", NULL, s3_listing_next_id },
	{ ROOT "/Upload", s3_listing_item, NULL },
	{ ROOT "/Upload/Key", NULL, s3_listing_name },
	{ ROOT "/Upload/UploadId", NULL, take_id },
	{ ROOT "/Upload/Initiated", NULL, take_time },
	{ ROOT "/Upload/StorageClass", NULL, take_class },
	{ ROOT "/Upload/ChecksumAlgorithm", NULL, take_algorithm },
	{ ROOT "/Upload/ChecksumType", NULL, take_sum_type },
};

static void
put_query(const struct s3_listing *l, bool first, struct buf *q)
{
	static const char *const names[] = { "max-uploads", "upload-id-marker",
					     "uploads" };

	s3_listing_put_by_id(l, first, names, q);
}

static void
fill(struct store_uploads_page *out, const struct s3_listed *v,
     struct slice owner)
{
	for (size_t i = 0; i < out->n; i++) {
		struct store_uploads_entry *e = &out->entries[i];

		e->is_prefix = v[i].is_prefix;
		e->name = v[i].name;
		out->next_key = v[i].name;
		out->next_upload = SLICE_EMPTY;
		if (v[i].is_prefix)
			continue;
		e->upload = *(const struct store_upload *)v[i].item;
		e->upload.key = v[i].name;
		e->upload.initiator = owner;
		out->next_upload = slice_str(e->upload.id);
	}
}

enum s3_error
s3_upload_list(struct store *s, const struct store_uploads_req *req,
	       struct arena *a, struct store_uploads_page *out)
{
	struct s3_listing l = { .bucket = req->bucket,
				.prefix = req->prefix,
				.delimiter = req->delimiter,
				.max = req->max_uploads,
				.after = req->key_marker,
				.after_is_prefix = req->marker_is_prefix,
				.after_id = req->upload_marker,
				.put_query = put_query,
				.rules = rules,
				.n_rules = ARRAY_LEN(rules),
				.item_bytes = sizeof(struct store_upload) };
	struct s3_listed *v;
	enum s3_error err = s3_listing_page(s3_of(s), &l, a, &v, &out->n);

	if (err != S3_OK)
		return err;
	out->entries = arena_array(a, out->n, sizeof(*out->entries));
	if (!out->entries)
		return S3_ERR_INTERNAL_ERROR;
	fill(out, v, s3_bucket_owner(s3_of(s), req->bucket, a));
	out->truncated = l.truncated;
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}
