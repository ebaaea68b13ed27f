/*
 * Which headers are kept with an object, which are refused because the object
 * would not be what the client asked for, and how they are given back.
 */
#include "gateway/s3/s3.h"
#include "base/timeval.h"
#include "gateway/s3/checksum.h"

#define META "x-amz-meta-"
#define DEFAULT_TYPE "binary/octet-stream"

/* Kept as sent, given back as kept; the query name overrides on GET. */
static const struct {
	const char *header;
	const char *override;
} kept[] = {
	{ "content-type", "response-content-type" },
	{ "cache-control", "response-cache-control" },
	{ "content-disposition", "response-content-disposition" },
	{ "content-encoding", "response-content-encoding" },
	{ "content-language", "response-content-language" },
	{ "expires", "response-expires" },
};

/* Headers that change what is made and cannot be honoured: a request that
 * uses them is refused, never carried out differently in silence. */
static const struct {
	const char *header;
	enum s3_error error;
	const char *harmless[2]; /* these values ask for nothing */
} refused[] = {
	{ "x-amz-storage-class", S3_ERR_INVALID_STORAGE_CLASS, { "STANDARD" } },
	{ "x-amz-acl",
	  S3_ERR_NOT_IMPLEMENTED,
	  { "private", "bucket-owner-full-control" } },
	{ "x-amz-grant-full-control", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-grant-read", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-grant-read-acp", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-grant-write", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-grant-write-acp", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-copy-source", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-tagging", S3_ERR_NOT_IMPLEMENTED, { "" } },
	{ "x-amz-server-side-encryption", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-server-side-encryption-customer-algorithm",
	  S3_ERR_NOT_IMPLEMENTED,
	  { NULL } },
	{ "x-amz-object-lock-mode", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-object-lock-legal-hold", S3_ERR_NOT_IMPLEMENTED, { "OFF" } },
	{ "x-amz-bucket-object-lock-enabled",
	  S3_ERR_NOT_IMPLEMENTED,
	  { "false" } },
	{ "x-amz-object-ownership",
	  S3_ERR_NOT_IMPLEMENTED,
	  { "BucketOwnerEnforced" } },
	{ "x-amz-website-redirect-location", S3_ERR_NOT_IMPLEMENTED, { NULL } },
	{ "x-amz-write-offset-bytes", S3_ERR_NOT_IMPLEMENTED, { NULL } },
};

struct slice
s3_header_or_hoisted(const struct s3_request *rq, const char *name)
{
	struct slice v = http_header_get(rq->http, name);

	if (v.p || rq->id.kind != AUTH_PRESIGNED)
		return v;
	for (size_t i = 0; i < rq->n_params; i++)
		if (slice_ieq_str(rq->params[i].name, name))
			return slice_trim(rq->params[i].value);
	return v;
}

static bool
is_harmless(const char *const harmless[2], struct slice value)
{
	for (size_t i = 0; i < 2; i++)
		if (harmless[i] && slice_eq_str(value, harmless[i]))
			return true;
	return false;
}

enum s3_error
s3_refuse_headers(struct s3_request *rq)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct slice v = s3_header_or_hoisted(rq, refused[i].header);

		if (!v.p || is_harmless(refused[i].harmless, v))
			continue;
		if (refused[i].error == S3_ERR_INVALID_STORAGE_CLASS)
			return s3_fail(rq, refused[i].error, NULL,
				       "StorageClassRequested", v);
		return s3_fail(rq, refused[i].error, NULL, "Header",
			       slice_str(refused[i].header));
	}
	return S3_OK;
}

/* "aws-chunked,gzip" is stored as "gzip": the framing is not the object's. */
static struct slice
without_aws_chunked(struct s3_request *rq, struct slice v)
{
	struct buf b = BUF_INIT;
	struct slice rest = v, item, out;

	while (slice_cut(&rest, ',', &item)) {
		item = slice_trim(item);
		if (item.n == 0 || slice_ieq_str(item, "aws-chunked"))
			continue;
		if (b.n)
			buf_putc(&b, ',');
		buf_put(&b, item);
	}
	out = arena_copy(&rq->http->arena, buf_slice(&b));
	buf_release(&b);
	return out;
}

static bool
is_meta(struct slice name)
{
	return name.n > strlen(META) &&
	       slice_ieq_str(slice_head(name, strlen(META)), META);
}

static struct store_header *
find_header(struct store_header *v, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

/*
 * User metadata, from the presigned query first: what stands there is what
 * the signer wanted, and a header beside it only repeats it (the signature
 * check saw to that). A header that is repeated is one value joined by commas.
 */
static void
read_meta(struct s3_request *rq, struct store_headers *h,
	  struct store_header *v)
{
	const struct http_request *http = rq->http;
	size_t n_hoisted;

	for (size_t i = 0; i < rq->n_params; i++) {
		const struct s3_param *p = &rq->params[i];

		if (rq->id.kind == AUTH_PRESIGNED && is_meta(p->name) &&
		    !find_header(v, h->n, s3_lower(rq, p->name)))
			v[h->n++] =
			    (struct store_header){ s3_lower(rq, p->name),
						   slice_trim(p->value) };
	}
	n_hoisted = h->n;
	for (size_t i = 0; i < http->n_headers; i++) {
		struct slice name = s3_lower(rq, http->headers[i].name);
		struct slice value = http->headers[i].value;
		struct store_header *old = find_header(v, h->n, name);

		if (!is_meta(name) || (old && old < v + n_hoisted))
			continue;
		if (old)
			old->value = arena_printf(&rq->http->arena, "%.*s,%.*s",
						  SLICE_ARG(old->value),
						  SLICE_ARG(value));
		else
			v[h->n++] = (struct store_header){ name, value };
	}
}

/* What could not be given back as a header is refused now: a query can hold
 * any byte, even in a name. */
static enum s3_error
check_headers(struct s3_request *rq, const struct store_headers *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (!http_is_token(h->v[i].name) ||
		    !http_is_value(h->v[i].value))
			return s3_bad_argument(
			    rq, "This name or value cannot be a header.",
			    "Header", h->v[i].name);
	return S3_OK;
}

static enum s3_error
check_meta_size(struct s3_request *rq, const struct store_headers *h)
{
	size_t size = 0;

	for (size_t i = 0; i < h->n; i++)
		if (is_meta(h->v[i].name))
			size += h->v[i].name.n - strlen(META) + h->v[i].value.n;
	if (size <= S3_METADATA_MAX)
		return S3_OK;
	s3_detail_add(&rq->detail, "Size",
		      arena_printf(&rq->http->arena, "%zu", size));
	return s3_fail(rq, S3_ERR_METADATA_TOO_LARGE, NULL, "MaxSizeAllowed",
		       SLICE("2048"));
}

enum s3_error
s3_metadata_read(struct s3_request *rq, struct store_headers *out)
{
	struct http_request *http = rq->http;
	size_t max = ARRAY_LEN(kept) + http->n_headers + rq->n_params;
	struct store_header *v = arena_array(&http->arena, max, sizeof(*v));
	enum s3_error err = s3_refuse_headers(rq);

	*out = (struct store_headers){ .v = v };
	if (err != S3_OK)
		return err;
	if (!v)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct slice value = http_header_get(http, kept[i].header);

		if (strcmp(kept[i].header, "content-encoding") == 0)
			value = without_aws_chunked(rq, value);
		if (value.n == 0 && i == 0)
			value = SLICE(DEFAULT_TYPE);
		if (value.n)
			v[out->n++] =
			    (struct store_header){ slice_str(kept[i].header),
						   value };
	}
	read_meta(rq, out, v);
	if (http->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	err = check_headers(rq, out);
	return err == S3_OK ? check_meta_size(rq, out) : err;
}

static bool
is_override(struct slice param)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (slice_eq_str(param, kept[i].override))
			return true;
	return false;
}

enum s3_error
s3_check_overrides(struct s3_request *rq)
{
	struct arena *a = &rq->http->arena;

	for (size_t i = 0; i < rq->n_params; i++) {
		const struct s3_param *p = &rq->params[i];
		const char *why = NULL;

		if (!slice_starts(p->name, SLICE("response-")))
			continue;
		if (!is_override(p->name))
			why = arena_printf(a,
					   "%.*s is not in the set of "
					   "overridable response headers. "
					   "Please refer to the S3 API "
					   "documentation for a complete list "
					   "of overridable response headers.",
					   SLICE_ARG(p->name))
				  .p;
		else if (!http_is_value(p->value))
			why = "This value cannot be a header.";
		if (why)
			return s3_bad_argument(rq, why, arena_cstr(a, p->name),
					       p->value);
	}
	return S3_OK;
}

static struct slice
override_of(const struct s3_request *rq, struct slice header)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (slice_eq_str(header, kept[i].header))
			return s3_param(rq, kept[i].override);
	return (struct slice){ NULL, 0 };
}

static void
set_checksum(struct s3_request *rq, const struct store_object *o)
{
	struct slice mode = http_header_get(rq->http, "x-amz-checksum-mode");

	if (o->checksum_alg == HASH_NONE || !slice_ieq_str(mode, "ENABLED"))
		return;
	s3_checksum_set(rq, o->checksum_alg, o->checksum);
	http_set_header(rq->http, "x-amz-checksum-type", SLICE("FULL_OBJECT"));
}

void
s3_set_object_headers(struct s3_request *rq, const struct store_object *o,
		      bool whole)
{
	struct http_request *http = rq->http;
	char date[TIME_TEXT_MAX];

	time_format_http(o->mtime_us, date);
	http_set_header(http, "Last-Modified", slice_str(date));
	http_set_headerf(http, "ETag", "\"%s\"", o->etag);
	http_set_header(http, "Accept-Ranges", SLICE("bytes"));
	for (size_t i = 0; i < o->headers.n; i++) {
		const struct store_header *h = &o->headers.v[i];

		if (!override_of(rq, h->name).n)
			http_set_header(http, arena_cstr(&http->arena, h->name),
					h->value);
	}
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct slice v = s3_param(rq, kept[i].override);

		if (v.n)
			http_set_header(http, kept[i].header, v);
	}
	if (whole)
		set_checksum(rq, o);
}
