/*
 * Queries, documents and answers of the s3 backend's operations.
 */
#include "store/s3/xml.h"
#include "base/encode.h"
#include "base/log.h"

/* ---- to be sent --------------------------------------------------------- */

void
s3_query_put(struct buf *q, const char *name, struct slice value)
{
	if (q->n)
		buf_putc(q, '&');
	buf_puts(q, name);
	buf_putc(q, '=');
	uri_encode(q, value, false);
}

void
s3_query_u64(struct buf *q, const char *name, uint64_t value)
{
	s3_query_put(q, name, SLICE_EMPTY);
	buf_u64(q, value);
}

void
s3_query_version(struct buf *q, struct slice id)
{
	if (id.n)
		s3_query_put(q, "versionId", id);
}

struct s3_call
s3_head_call(const struct store_ref *ref, struct buf *query)
{
	static const struct store_header mode = { { "x-amz-checksum-mode", 19 },
						  { "ENABLED", 7 } };

	s3_query_version(query, ref->version_id);
	return (struct s3_call){ .method = "HEAD",
				 .bucket = ref->bucket,
				 .key = ref->key,
				 .query = buf_slice(query),
				 .headers = { &mode, 1 },
				 .payload_hash = S3_EMPTY_SHA256 };
}

struct s3_call
s3_get_call(struct slice bucket)
{
	return (struct s3_call){ .method = "GET",
				 .bucket = bucket,
				 .payload_hash = S3_EMPTY_SHA256 };
}

static int
document_read_at(void *ctx, uint64_t offset, void *p, size_t n)
{
	const struct s3_document *d = ctx;

	memcpy(p, d->text.p + offset, n);
	return 0;
}

void
s3_document_init(struct s3_document *d, struct slice text)
{
	uint8_t digest[HASH_BYTES_MAX] = { 0 };
	struct buf b = BUF_INIT;
	struct hash h;

	*d = (struct s3_document){ .text = text };
	d->body = (struct http_client_body){ text.n, document_read_at, d };
	sha256_hex(text.p, text.n, d->sha256);
	if (hash_init(&h, HASH_MD5) == 0) {
		hash_update(&h, text.p, text.n);
		hash_final(&h, digest);
	}
	hash_release(&h);
	base64_encode(&b, digest, MD5_BYTES);
	/* Without memory it stays empty, and the endpoint refuses it. */
	if (buf_ok(&b))
		snprintf(d->md5, sizeof(d->md5), "%s", b.p);
	buf_release(&b);
	d->content_md5 =
	    (struct store_header){ SLICE("content-md5"), slice_str(d->md5) };
}

static const char *const sum_names[HASH_ALG_COUNT] = {
	[HASH_SHA1] = "SHA1",		[HASH_SHA256] = "SHA256",
	[HASH_CRC32] = "CRC32",		[HASH_CRC32C] = "CRC32C",
	[HASH_CRC64NVME] = "CRC64NVME",
};
static const char *const sum_headers[HASH_ALG_COUNT] = {
	[HASH_SHA1] = "x-amz-checksum-sha1",
	[HASH_SHA256] = "x-amz-checksum-sha256",
	[HASH_CRC32] = "x-amz-checksum-crc32",
	[HASH_CRC32C] = "x-amz-checksum-crc32c",
	[HASH_CRC64NVME] = "x-amz-checksum-crc64nvme",
};

const char *
s3_sum_name(enum hash_alg alg)
{
	return sum_names[alg];
}

enum hash_alg
s3_sum_by_name(struct slice name)
{
	for (int alg = HASH_NONE + 1; alg < HASH_ALG_COUNT; alg++)
		if (sum_names[alg] && slice_ieq_str(name, sum_names[alg]))
			return (enum hash_alg)alg;
	return HASH_NONE;
}

struct slice
s3_sum_type(bool composite)
{
	return composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT");
}

const char *
s3_sum_field(enum hash_alg alg)
{
	return sum_headers[alg];
}

struct store_header
s3_sum_header(struct arena *a, enum hash_alg alg, const uint8_t *digest)
{
	struct store_header h = { slice_str(sum_headers[alg]), SLICE_EMPTY };
	struct buf b = BUF_INIT;

	base64_encode(&b, digest, hash_size(alg));
	h.value = arena_take_buf(a, &b);
	return h;
}

/* "a=1&b=2" */
static struct slice
tags_text(struct arena *a, const struct store_headers *tags)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < tags->n; i++) {
		if (i)
			buf_putc(&b, '&');
		uri_encode(&b, tags->v[i].name, false);
		buf_putc(&b, '=');
		uri_encode(&b, tags->v[i].value, false);
	}
	return arena_take_buf(a, &b);
}

/* What is not ASCII means something else to each who reads a header; as an
 * encoded word, which S3 gives back, user metadata stays as it is (record.c
 * reads it). */
static struct slice
mail_safe(struct arena *a, const struct store_header *h)
{
	return slice_starts(h->name, SLICE("x-amz-meta-"))
		   ? mime_word(a, h->value)
		   : h->value;
}

struct store_header *
s3_object_headers(struct arena *a, const struct store_headers *headers,
		  struct slice storage_class, const struct store_headers *tags,
		  size_t room, size_t *n)
{
	struct store_header *v =
	    arena_array(a, headers->n + 2 + room, sizeof(*v));

	*n = 0;
	if (!v)
		return NULL;
	for (size_t i = 0; i < headers->n; i++)
		v[(*n)++] =
		    (struct store_header){ headers->v[i].name,
					   mail_safe(a, &headers->v[i]) };
	if (storage_class.n)
		v[(*n)++] = (struct store_header){ SLICE("x-amz-storage-class"),
						   storage_class };
	if (tags->n)
		v[(*n)++] = (struct store_header){ SLICE("x-amz-tagging"),
						   tags_text(a, tags) };
	return a->err ? NULL : v;
}

/* ---- to be read --------------------------------------------------------- */

enum s3_error
s3_answer_broken(const struct s3_call *call, const char *what)
{
	log_error("s3_answer", "%s %.*s/%.*s?%.*s: %s", call->method,
		  SLICE_ARG(call->bucket), SLICE_ARG(call->key),
		  SLICE_ARG(slice_head(call->query, 200)), what);
	return S3_ERR_INTERNAL_ERROR;
}

enum s3_error
s3_ask(struct s3_store *s, const struct s3_call *call,
       const struct xml_rule *rules, size_t n, void *ctx,
       struct http_client_answer *out)
{
	enum s3_error err = s3_request_run(s->remote, call, out);

	if (err == S3_OK && xml_read(buf_slice(&out->body), rules, n, ctx) != 0)
		err = s3_answer_broken(call, "the answer is not what it "
					     "should be");
	return err;
}

enum s3_error
s3_tell(struct s3_store *s, const struct s3_call *call)
{
	struct http_client_answer answer;
	enum s3_error err = s3_request_run(s->remote, call, &answer);

	http_client_answer_release(&answer);
	return err;
}

int
s3_text_copy(struct slice text, char *out, size_t size)
{
	if (text.n >= size)
		return -1;
	if (text.n)
		memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return 0;
}

int
s3_text_etag(struct slice text, char *out, size_t size)
{
	if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		text = slice_mem(text.p + 1, text.n - 2);
	return s3_text_copy(text, out, size);
}

int
s3_text_bool(struct slice text, bool *out)
{
	*out = slice_eq_str(text, "true");
	return *out || slice_eq_str(text, "false") ? 0 : -1;
}

struct slice
s3_text_class(struct arena *a, struct slice text)
{
	return slice_eq_str(text, "STANDARD") ? SLICE_EMPTY
					      : arena_copy(a, text);
}

static int
read_sum(enum hash_alg alg, struct slice text, uint8_t *out, bool *composite)
{
	struct buf b = BUF_MAX(HASH_BYTES_MAX);
	ptrdiff_t dash = slice_chr(text, '-');
	int rc;

	*composite = dash >= 0;
	if (dash >= 0)
		text = slice_head(text, (size_t)dash);
	rc = base64_decode(&b, text);
	if (rc == 0 && b.n == hash_size(alg))
		memcpy(out, b.p, b.n);
	else
		rc = -1;
	buf_release(&b);
	return rc;
}

int
s3_object_sum(struct store_object *o, enum hash_alg alg, struct slice text)
{
	o->checksum_alg = (uint16_t)alg;
	return read_sum(alg, text, o->checksum, &o->checksum_composite);
}

int
s3_part_sum(struct store_part *p, enum hash_alg alg, struct slice text)
{
	bool composite;

	p->checksum_alg = (uint16_t)alg;
	return read_sum(alg, text, p->checksum, &composite);
}
