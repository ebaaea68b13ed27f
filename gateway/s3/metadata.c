/*
 * Which headers are kept with an object: system metadata, user metadata, the
 * storage class.
 */
#include "gateway/s3/metadata.h"
#include "base/encode.h"

#define DEFAULT_TYPE "binary/octet-stream"

const struct s3_kept s3_kept[S3_KEPT_COUNT] = {
	{ "content-type", "response-content-type", false },
	{ "cache-control", "response-cache-control", true },
	{ "content-disposition", "response-content-disposition", false },
	{ "content-encoding", "response-content-encoding", false },
	{ "content-language", "response-content-language", false },
	{ "expires", "response-expires", true },
	{ S3_REDIRECT, NULL, false },
};

/* All are kept alike: there is one kind of disk, and nothing is archived. */
static const char *const storage_classes[] = {
	"STANDARD",   "REDUCED_REDUNDANCY",  "STANDARD_IA",
	"ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR",
	"GLACIER",    "DEEP_ARCHIVE",
};

/* "aws-chunked,gzip" is stored as "gzip": the framing is not the object's. */
static struct slice
without_aws_chunked(struct s3_request *rq, struct slice v)
{
	struct buf b = BUF_INIT;
	struct slice rest = v, item;

	while (slice_cut(&rest, ',', &item)) {
		item = slice_trim(item);
		if (item.n == 0 || slice_ieq_str(item, "aws-chunked"))
			continue;
		if (b.n)
			buf_putc(&b, ',');
		buf_put(&b, item);
	}
	return arena_take_buf(&rq->http->arena, &b);
}

static bool
is_meta(struct slice name)
{
	return name.n > strlen(S3_META) &&
	       slice_ieq_str(slice_head(name, strlen(S3_META)), S3_META);
}

static struct store_header *
find_header(struct store_header *v, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

/* The bytes of a header are ISO-8859-1 to S3, whatever the client meant; a
 * query and the fields of a form are UTF-8 already. */
static struct slice
as_utf8(struct s3_request *rq, struct slice v)
{
	struct buf b = BUF_INIT;
	struct slice out;

	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c >= 0x80)
			buf_putc(&b, (char)(0xc0 | c >> 6));
		buf_putc(&b, (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c));
	}
	out = b.n == v.n ? v : arena_copy(&rq->http->arena, buf_slice(&b));
	rq->http->arena.err |= b.err;
	buf_release(&b);
	return out;
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
		if (!rq->post)
			value = as_utf8(rq, value);
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
			size +=
			    h->v[i].name.n - strlen(S3_META) + h->v[i].value.n;
	if (size <= S3_METADATA_MAX)
		return S3_OK;
	s3_detail_add(&rq->detail, "Size",
		      arena_printf(&rq->http->arena, "%zu", size));
	return s3_fail(rq, S3_ERR_METADATA_TOO_LARGE, NULL, "MaxSizeAllowed",
		       SLICE("2048"));
}

static struct slice
kept_value(struct s3_request *rq, const char *header)
{
	struct slice value = http_header_get(rq->http, header);

	if (strcmp(header, "content-type") == 0 && value.n == 0)
		return SLICE(DEFAULT_TYPE);
	if (strcmp(header, "content-encoding") == 0)
		return without_aws_chunked(rq, value);
	if (strcmp(header, S3_REDIRECT) == 0)
		return s3_header_or_hoisted(rq, header);
	return value;
}

static enum s3_error
check_redirect(struct s3_request *rq)
{
	struct slice v = s3_header_or_hoisted(rq, S3_REDIRECT);

	if (v.n == 0 || slice_starts(v, SLICE("/")) ||
	    slice_starts(v, SLICE("http://")) ||
	    slice_starts(v, SLICE("https://")))
		return S3_OK;
	return S3_ERR_INVALID_REDIRECT_LOCATION;
}

enum s3_error
s3_metadata_read(struct s3_request *rq, struct store_headers *out)
{
	struct http_request *http = rq->http;
	size_t max = S3_KEPT_COUNT + http->n_headers + rq->n_params;
	struct store_header *v = arena_array(&http->arena, max, sizeof(*v));
	enum s3_error err = s3_refuse_headers(rq);

	*out = (struct store_headers){ .v = v };
	if (err == S3_OK)
		err = check_redirect(rq);
	if (err != S3_OK)
		return err;
	if (!v)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < S3_KEPT_COUNT; i++) {
		struct slice value = kept_value(rq, s3_kept[i].header);

		if (value.n)
			v[out->n++] =
			    (struct store_header){ slice_str(s3_kept[i].header),
						   value };
	}
	read_meta(rq, out, v);
	if (http->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	err = check_headers(rq, out);
	return err == S3_OK ? check_meta_size(rq, out) : err;
}

enum s3_error
s3_storage_class(struct s3_request *rq, struct slice *out)
{
	struct slice v = s3_header_or_hoisted(rq, "x-amz-storage-class");

	*out = SLICE_EMPTY;
	for (size_t i = 0; i < ARRAY_LEN(storage_classes); i++)
		if (slice_eq_str(v, storage_classes[i])) {
			/* STANDARD has no name of its own. */
			*out = i ? v : SLICE_EMPTY;
			return S3_OK;
		}
	return v.p ? s3_fail(rq, S3_ERR_INVALID_STORAGE_CLASS, NULL,
			     "StorageClassRequested", v)
		   : S3_OK;
}
