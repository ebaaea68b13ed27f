/*
 * What an answer says of an object in its headers: a table of those that
 * follow from its record, then the headers kept with it, its checksum, and
 * what the request overrides.
 */
#include "gateway/s3/checksum.h"
#include "base/encode.h"
#include "base/timeval.h"
#include "gateway/s3/metadata.h"

#define OVERRIDE "response-"

/* ---- the table ---------------------------------------------------------- */

static struct slice
last_modified(struct s3_request *rq, const struct store_object *o)
{
	char date[TIME_TEXT_MAX];

	time_format_http(o->mtime_us, date);
	return arena_copy(&rq->http->arena, slice_str(date));
}

static struct slice
etag(struct s3_request *rq, const struct store_object *o)
{
	const struct slice parts[] = { SLICE("\""), slice_str(o->etag),
				       SLICE("\"") };

	return arena_concat(&rq->http->arena, parts, ARRAY_LEN(parts));
}

static struct slice
version_id(struct s3_request *rq, const struct store_object *o)
{
	return s3_shown_version(rq, o->version_id);
}

static struct slice
accept_ranges(struct s3_request *rq, const struct store_object *o)
{
	(void)rq;
	(void)o;
	return SLICE("bytes");
}

static struct slice
storage_class(struct s3_request *rq, const struct store_object *o)
{
	(void)rq;
	return o->storage_class;
}

static struct slice
tagging_count(struct s3_request *rq, const struct store_object *o)
{
	return o->tags.n ? s3_number(rq, o->tags.n) : SLICE_EMPTY;
}

static struct slice
parts_count(struct s3_request *rq, const struct store_object *o)
{
	return o->n_parts ? s3_number(rq, o->n_parts) : SLICE_EMPTY;
}

#define OF_OBJECT (S3_WHOLE | S3_RANGE | S3_PART)
static const struct {
	const char *name;
	unsigned answers; /* enum s3_extent, or'ed */
	/* The empty slice: this object has none. */
	struct slice (*value)(struct s3_request *, const struct store_object *);
} headers[] = {
	{ "Last-Modified", OF_OBJECT | S3_NOT_MODIFIED, last_modified },
	{ "ETag", OF_OBJECT | S3_NOT_MODIFIED, etag },
	{ "x-amz-version-id", OF_OBJECT | S3_NOT_MODIFIED, version_id },
	{ "Accept-Ranges", OF_OBJECT, accept_ranges },
	{ "x-amz-storage-class", OF_OBJECT, storage_class },
	{ "x-amz-tagging-count", OF_OBJECT, tagging_count },
	{ "x-amz-mp-parts-count", S3_PART, parts_count },
};

/* ---- overrides ---------------------------------------------------------- */

static const struct s3_kept *
kept_by_override(struct slice param)
{
	for (size_t i = 0; i < S3_KEPT_COUNT; i++)
		if (s3_kept[i].override &&
		    slice_eq_str(param, s3_kept[i].override))
			return &s3_kept[i];
	return NULL;
}

static const struct s3_kept *
kept_by_name(struct slice header)
{
	for (size_t i = 0; i < S3_KEPT_COUNT; i++)
		if (slice_eq_str(header, s3_kept[i].header))
			return &s3_kept[i];
	return NULL;
}

/* A parameter is UTF-8, headers are ISO 8859-1 to AWS; .p is NULL when it
 * cannot be written so. */
static struct slice
latin1(struct s3_request *rq, struct slice v)
{
	char *out = arena_cstr(&rq->http->arena, v);
	size_t n = 0;

	for (size_t i = 0; out && i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c > 0xc3)
			return (struct slice){ NULL, 0 };
		/* U+0080 to U+00FF: 110000xx 10xxxxxx */
		if (c >= 0x80)
			c = (unsigned char)((c << 6) | (v.p[++i] & 0x3f));
		out[n++] = (char)c;
	}
	return slice_mem(out, n);
}

static enum s3_error
check_override(struct s3_request *rq, const struct s3_param *p)
{
	struct arena *a = &rq->http->arena;

	if (rq->id.kind == AUTH_ANONYMOUS)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Request specific response headers cannot be "
				"used for anonymous GET requests.");
	if (!kept_by_override(p->name))
		return s3_bad_argument(
		    rq,
		    arena_printf(a,
				 "%.*s is not in the set of overridable "
				 "response headers. Please refer to the S3 API "
				 "documentation for a complete list of "
				 "overridable response headers.",
				 SLICE_ARG(p->name))
			.p,
		    arena_cstr(a, p->name), p->value);
	if (!latin1(rq, p->value).p)
		return s3_bad_argument(rq,
				       "Header value cannot be represented "
				       "using ISO-8859-1.",
				       arena_cstr(a, p->name), p->value);
	if (!http_is_value(p->value))
		return s3_bad_argument(rq, "This value cannot be a header.",
				       arena_cstr(a, p->name), p->value);
	return S3_OK;
}

enum s3_error
s3_check_overrides(struct s3_request *rq)
{
	enum s3_error err = S3_OK;

	for (size_t i = 0; err == S3_OK && i < rq->n_params; i++)
		if (slice_starts(rq->params[i].name, SLICE(OVERRIDE)))
			err = check_override(rq, &rq->params[i]);
	return err;
}

/* ---- kept headers ------------------------------------------------------- */

static void
set_kept(struct s3_request *rq, const struct store_header *h,
	 enum s3_extent extent)
{
	const struct s3_kept *k = kept_by_name(h->name);

	if (extent == S3_NOT_MODIFIED && !(k && k->on_304))
		return;
	if (k && k->override && s3_param(rq, k->override).n)
		return;
	http_set_header(rq->http, arena_cstr(&rq->http->arena, h->name),
			k ? h->value : mime_word(&rq->http->arena, h->value));
}

static void
set_overrides(struct s3_request *rq)
{
	for (size_t i = 0; i < S3_KEPT_COUNT; i++) {
		struct slice v = { NULL, 0 };

		if (s3_kept[i].override)
			v = s3_param(rq, s3_kept[i].override);
		if (v.n)
			http_set_header(rq->http, s3_kept[i].header,
					latin1(rq, v));
	}
}

static void
set_checksum(struct s3_request *rq, const struct store_object *o,
	     const struct store_part *part)
{
	struct slice mode = s3_header_or_hoisted(rq, "x-amz-checksum-mode");

	if (!slice_ieq_str(mode, "ENABLED") || o->checksum_alg == HASH_NONE)
		return;
	if (part && part->checksum_alg == HASH_NONE)
		return;
	if (part)
		s3_checksum_set(rq, part->checksum_alg, part->checksum);
	else
		http_set_header(rq->http, s3_checksum_header(o->checksum_alg),
				s3_checksum_of(rq, o));
	http_set_header(rq->http, "x-amz-checksum-type",
			s3_checksum_type(o->checksum_composite));
}

void
s3_set_object_headers(struct s3_request *rq, const struct store_object *o,
		      enum s3_extent extent, const struct store_part *part)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct slice v = SLICE_EMPTY;

		if (headers[i].answers & extent)
			v = headers[i].value(rq, o);
		if (v.n)
			http_set_header(rq->http, headers[i].name, v);
	}
	for (size_t i = 0; i < o->headers.n; i++)
		set_kept(rq, &o->headers.v[i], extent);
	if (extent != S3_NOT_MODIFIED)
		set_overrides(rq);
	if (extent == S3_WHOLE || extent == S3_PART)
		set_checksum(rq, o, part);
}
