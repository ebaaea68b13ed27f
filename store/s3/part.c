/*
 * Parts at another S3 endpoint: their list, and parts that are ranges of
 * objects there. No bytes come this way.
 */
#include "store/s3/part.h"
#include "base/encode.h"
#include "base/timeval.h"

#include <inttypes.h>

/* ---- ListParts ---------------------------------------------------------- */

struct parts_reading {
	struct s3_parts *out;
	struct arena *arena;
	uint32_t after;
	uint32_t max;
};

static struct store_part *
last(void *ctx)
{
	const struct parts_reading *r = ctx;

	return &r->out->v[r->out->n - 1];
}

static int
begin_part(void *ctx)
{
	struct parts_reading *r = ctx;

	if (r->out->n == r->max)
		return -1;
	r->out->v[r->out->n++] = (struct store_part){ 0 };
	return 0;
}

static int
take_number(void *ctx, struct slice text)
{
	struct parts_reading *r = ctx;
	uint64_t n;

	if (slice_u64(text, &n) != 0 || n <= r->after || n > STORE_PARTS_MAX)
		return -1;
	r->after = last(ctx)->number = (uint32_t)n;
	return 0;
}

static int
take_size(void *ctx, struct slice text)
{
	return slice_u64(text, &last(ctx)->size) == 0 &&
		       last(ctx)->size <= STORE_PUT_BYTES_MAX
		   ? 0
		   : -1;
}

static int
take_time(void *ctx, struct slice text)
{
	return time_parse_iso(text, &last(ctx)->mtime_us);
}

static int
take_etag(void *ctx, struct slice text)
{
	struct store_part *p = last(ctx);

	return s3_text_etag(text, p->etag, sizeof(p->etag));
}

static int
take_sum(void *ctx, enum hash_alg alg, struct slice text)
{
	return s3_part_sum(last(ctx), alg, text);
}
S3_SUM_TAKERS(take_sum)

static int
take_truncated(void *ctx, struct slice text)
{
	struct parts_reading *r = ctx;

	return s3_text_bool(text, &r->out->truncated);
}

static int
take_class(void *ctx, struct slice text)
{
	struct parts_reading *r = ctx;

	r->out->storage_class = s3_text_class(r->arena, text);
	return 0;
}

static int
take_algorithm(void *ctx, struct slice text)
{
	struct parts_reading *r = ctx;

	r->out->checksum_alg = (uint16_t)s3_sum_by_name(text);
	return 0;
}

static int
take_type(void *ctx, struct slice text)
{
	struct parts_reading *r = ctx;

	r->out->checksum_composite = slice_eq_str(text, "COMPOSITE");
	return 0;
}

#define ROOT "*" /* ListPartsResult, and what others call it */
static const struct xml_rule list_rules[] = {
	{ ROOT "/IsTruncated", NULL, take_truncated },
	{ ROOT "/StorageClass", NULL, take_class },
	{ ROOT "/ChecksumAlgorithm", NULL, take_algorithm },
	{ ROOT "/ChecksumType", NULL, take_type },
	{ ROOT "/Part", begin_part, NULL },
	{ ROOT "/Part/PartNumber", NULL, take_number },
	{ ROOT "/Part/LastModified", NULL, take_time },
	{ ROOT "/Part/ETag", NULL, take_etag },
	{ ROOT "/Part/Size", NULL, take_size },
	S3_SUM_RULES(ROOT "/Part", take_sum),
};

/* A page that goes on has a part, and each part its number. */
static bool
is_page(const struct s3_parts *page)
{
	for (size_t i = 0; i < page->n; i++)
		if (page->v[i].number == 0 || !page->v[i].etag[0])
			return false;
	return page->n || !page->truncated;
}

enum s3_error
s3_parts_ask(struct s3_store *s, const struct s3_upload_ref *upload,
	     uint32_t after, uint32_t max, struct arena *a,
	     struct s3_parts *out)
{
	struct parts_reading reading = { out, a, after, max };
	struct s3_call call = s3_get_call(upload->bucket);
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	out->n = 0;
	out->truncated = out->checksum_composite = false;
	out->checksum_alg = HASH_NONE;
	out->storage_class = SLICE_EMPTY;
	if (upload->id.n == 0)
		return S3_ERR_NO_SUCH_UPLOAD;
	call.key = upload->key;
	call.answer_max = 1u << 20;
	s3_query_u64(&query, "max-parts", max);
	s3_query_u64(&query, "part-number-marker", after);
	s3_query_put(&query, "uploadId", upload->id);
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_ask(s, &call, list_rules, ARRAY_LEN(list_rules),
			     &reading, &answer);
	if (err == S3_OK && !is_page(out))
		err = s3_answer_broken(&call, "no page of parts");
	http_client_answer_release(&answer);
	buf_release(&query);
	return a->err ? S3_ERR_INTERNAL_ERROR : err;
}

enum s3_error
s3_part_list(struct store *s, struct slice bucket, struct slice key,
	     struct slice id, uint32_t after, uint32_t max, struct arena *a,
	     struct store_part **out, size_t *n)
{
	const struct s3_upload_ref upload = { bucket, key, id };
	struct s3_parts *page = arena_alloc(a, sizeof(*page));
	enum s3_error err = page ? S3_OK : S3_ERR_INTERNAL_ERROR;

	*n = 0;
	if (max > STORE_PARTS_MAX)
		max = STORE_PARTS_MAX;
	*out = arena_array(a, max, sizeof(**out));
	if (!*out)
		return S3_ERR_INTERNAL_ERROR;
	do {
		uint32_t room = max - (uint32_t)*n;

		if (err == S3_OK)
			err = s3_parts_ask(s3_of(s), &upload, after,
					   room < S3_PARTS_PAGE ? room
								: S3_PARTS_PAGE,
					   a, page);
		if (err != S3_OK)
			return err;
		memcpy(*out + *n, page->v, page->n * sizeof(**out));
		*n += page->n;
		if (page->n)
			after = page->v[page->n - 1].number;
	} while (page->truncated && *n < max);
	return S3_OK;
}

/* ---- UploadPartCopy ----------------------------------------------------- */

struct slice
s3_copy_source_text(struct arena *a, const struct store_ref *ref)
{
	struct buf b = BUF_INIT;

	buf_putc(&b, '/');
	buf_put(&b, ref->bucket);
	buf_putc(&b, '/');
	uri_encode(&b, ref->key, true);
	if (ref->version_id.n) {
		buf_puts(&b, "?versionId=");
		uri_encode(&b, ref->version_id, false);
	}
	return arena_take_buf(a, &b);
}

static struct store_part *
made(void *ctx)
{
	return ctx;
}

static int
take_copy_etag(void *ctx, struct slice text)
{
	return s3_text_etag(text, made(ctx)->etag, sizeof(made(ctx)->etag));
}

static int
take_copy_time(void *ctx, struct slice text)
{
	return time_parse_iso(text, &made(ctx)->mtime_us);
}

static int
take_copy_sum(void *ctx, enum hash_alg alg, struct slice text)
{
	return s3_part_sum(ctx, alg, text);
}
S3_SUM_TAKERS(take_copy_sum)

static const struct xml_rule copy_rules[] = {
	{ "CopyPartResult/ETag", NULL, take_copy_etag },
	{ "CopyPartResult/LastModified", NULL, take_copy_time },
	S3_SUM_RULES("CopyPartResult", take_copy_sum),
};

/* AWS takes no range of what it thinks too small to have one: the whole goes
 * without. */
static size_t
copy_headers(const struct store_part_copy_req *req, struct arena *a,
	     struct store_header *v)
{
	size_t n = 0;

	v[n++] = (struct store_header){ SLICE("x-amz-copy-source"),
					s3_copy_source_text(a, &req->source) };
	if (req->source_etag.n)
		v[n++] = (struct store_header){
			SLICE("x-amz-copy-source-if-match"),
			arena_printf(a, "\"%.*s\"", SLICE_ARG(req->source_etag))
		};
	if (req->size && req->size != req->source_size)
		v[n++] = (struct store_header){
			SLICE("x-amz-copy-source-range"),
			arena_printf(a, "bytes=%" PRIu64 "-%" PRIu64,
				     req->offset, req->offset + req->size - 1)
		};
	return n;
}

static enum s3_error
send_copy(struct s3_store *s, const struct store_part_copy_req *req,
	  struct arena *a, struct store_part *out)
{
	struct store_header headers[3];
	struct s3_call call = { .method = "PUT",
				.bucket = req->part.bucket,
				.key = req->part.key,
				.payload_hash = S3_EMPTY_SHA256,
				.may_fail_late = true };
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_u64(&query, "partNumber", req->part.number);
	s3_query_put(&query, "uploadId", req->part.upload_id);
	call.query = buf_slice(&query);
	call.headers =
	    (struct store_headers){ headers, copy_headers(req, a, headers) };
	if (buf_ok(&query) && !a->err)
		err = s3_ask(s, &call, copy_rules, ARRAY_LEN(copy_rules), out,
			     &answer);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

enum s3_error
s3_part_copy(struct store *s, const struct store_part_copy_req *req,
	     struct store_part *out)
{
	struct arena a;
	enum s3_error err;

	if (req->part.upload_id.n == 0)
		return S3_ERR_NO_SUCH_UPLOAD;
	if (req->offset > req->source_size ||
	    req->size > req->source_size - req->offset)
		return S3_ERR_INVALID_ARGUMENT;
	arena_init(&a, 64u << 10);
	*out = (struct store_part){ .number = req->part.number,
				    .size = req->size };
	err = send_copy(s3_of(s), req, &a, out);
	if (err == S3_OK && !out->etag[0])
		err = S3_ERR_INTERNAL_ERROR;
	arena_release(&a);
	return err == S3_ERR_PRECONDITION_FAILED ? S3_ERR_OPERATION_ABORTED
						 : err;
}
