/*
 * One request streams what is wanted; reads that follow each other continue
 * it, a jump begins another. A stream that breaks off is taken up where it
 * was, a few times, pinned to the version seen at first: another one in its
 * place is an error, never a mixture.
 *
 * Whoever reads all bytes in order has them compared with the object's
 * checksum, before the read that has the last of them succeeds.
 */
#include "store/s3/read.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/s3/xml.h"

#include <inttypes.h>

#define RESUMES_MAX 5

struct s3_read {
	struct store_read base;
	struct arena arena;
	struct store_header headers[2]; /* If-Match and Range */
	char range[64];
	struct s3_call call;
	uint64_t size;

	uint64_t want_at; /* announced ... */
	uint64_t want_end;
	uint64_t read_to; /* where the last read ended */

	bool open;
	struct s3_exchange x;
	uint64_t at;  /* of the stream's next byte */
	uint64_t end; /* behind its last */
	unsigned resumes;

	struct hash sum; /* of the first `hashed` bytes */
	uint64_t hashed;
	uint8_t checksum[HASH_BYTES_MAX];
};

static void
close_stream(struct s3_read *r)
{
	if (r->open)
		s3_exchange_close(&r->x);
	r->open = false;
}

void
s3_read_close(struct store_read *base)
{
	struct s3_read *r = (struct s3_read *)base;

	close_stream(r);
	hash_release(&r->sum);
	arena_release(&r->arena);
	free(r);
}

/* The version by its id, where it has one, and by its ETag. */
static void
pin(struct s3_read *r, const struct store_ref *ref,
    const struct store_object *o)
{
	bool named = ref->version_id.n ||
		     (o->version_id[0] && strcmp(o->version_id, "null") != 0);
	struct buf query = BUF_INIT;

	r->call =
	    (struct s3_call){ .method = "GET",
			      .bucket = arena_copy(&r->arena, ref->bucket),
			      .key = arena_copy(&r->arena, ref->key),
			      .payload_hash = S3_EMPTY_SHA256 };
	if (named)
		s3_query_put(&query, "versionId", slice_str(o->version_id));
	r->call.query = arena_take_buf(&r->arena, &query);
	r->headers[0] =
	    (struct store_header){ SLICE("if-match"),
				   arena_printf(&r->arena, "\"%s\"", o->etag) };
}

enum s3_error
s3_read_open(struct s3_store *s, const struct store_ref *ref,
	     const struct store_object *o, struct store_read **out)
{
	struct s3_read *r = calloc(1, sizeof(*r));

	if (!r)
		return S3_ERR_INTERNAL_ERROR;
	r->base.store = &s->base;
	r->size = o->size;
	arena_init(&r->arena, 16u << 10);
	pin(r, ref, o);
	memcpy(r->checksum, o->checksum, sizeof(r->checksum));
	if (r->arena.err || (o->checksum_alg && !o->checksum_composite &&
			     hash_init(&r->sum, o->checksum_alg) != 0)) {
		s3_read_close(&r->base);
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = &r->base;
	return S3_OK;
}

void
s3_read_want(struct store_read *base, uint64_t offset, uint64_t n)
{
	struct s3_read *r = (struct s3_read *)base;

	r->want_at = offset;
	r->want_end = offset + n < r->size ? offset + n : r->size;
}

/* Where a stream from there ends: with what was announced; else, for reads
 * that follow each other, with the object. */
static uint64_t
stream_end(const struct s3_read *r, uint64_t offset, size_t n)
{
	if (offset >= r->want_at && offset + n <= r->want_end)
		return r->want_end;
	return offset && offset == r->read_to ? r->size : offset + n;
}

/* What was asked for, not something else that this endpoint holds for it. */
static bool
is_asked_for(const struct s3_read *r, uint64_t offset, uint64_t end)
{
	const struct http_client_answer *a = &r->x.answer;
	bool whole = offset == 0 && end == r->size;
	uint64_t begin = 0, n;

	return a->status == (whole ? 200u : 206u) &&
	       (whole || s3_range_begin(a, &begin) == 0) && begin == offset &&
	       slice_u64(http_client_header(a, "content-length"), &n) == 0 &&
	       n == end - offset;
}

static enum s3_error
open_stream(struct s3_read *r, uint64_t offset, uint64_t end)
{
	bool whole = offset == 0 && end == r->size;
	enum s3_error err;

	close_stream(r);
	snprintf(r->range, sizeof(r->range), "bytes=%" PRIu64 "-%" PRIu64,
		 offset, end - 1);
	r->headers[1] =
	    (struct store_header){ SLICE("range"), slice_str(r->range) };
	r->call.headers = (struct store_headers){ r->headers, whole ? 1 : 2 };
	r->open = true;
	r->at = offset;
	r->end = end;
	err = s3_exchange_open(s3_of(r->base.store)->remote, &r->call, &r->x);
	if (err == S3_OK && !is_asked_for(r, offset, end))
		err = s3_answer_broken(&r->call, "not the range asked for");
	/* Replaced or removed since it was looked at. */
	if (err == S3_ERR_PRECONDITION_FAILED || err == S3_ERR_NO_SUCH_KEY ||
	    err == S3_ERR_NO_SUCH_VERSION)
		err = S3_ERR_OPERATION_ABORTED;
	if (err != S3_OK)
		close_stream(r);
	return err;
}

/* Bytes that came, in order; false when all of them are not what was put. */
static bool
check(struct s3_read *r, const char *p, size_t n)
{
	uint8_t digest[HASH_BYTES_MAX];
	bool is_right;

	if (!r->sum.alg || r->at != r->hashed)
		return true;
	hash_update(&r->sum, p, n);
	r->hashed += n;
	if (r->hashed < r->size)
		return true;
	hash_final(&r->sum, digest);
	is_right = bytes_equal(digest, r->checksum, hash_size(r->sum.alg));
	hash_release(&r->sum);
	r->sum = (struct hash){ 0 };
	if (!is_right)
		log_error("s3_damage",
			  "%.*s/%.*s: the bytes that came are not those of "
			  "the checksum",
			  SLICE_ARG(r->call.bucket), SLICE_ARG(r->call.key));
	return is_right;
}

/* At most n bytes from r->at; 0 with S3_OK when the stream broke off and is to
 * be taken up again. */
static enum s3_error
read_some(struct s3_read *r, char *p, size_t n, size_t *got)
{
	enum s3_error err;

	if (n > r->end - r->at)
		n = (size_t)(r->end - r->at);
	err = s3_exchange_read(&r->x, p, n, got);
	if (!check(r, p, *got))
		return S3_ERR_INTERNAL_ERROR;
	r->at += *got;
	if (*got == n && r->at < r->end)
		return S3_OK;
	if (*got < n) {
		log_warn("s3_resume", "%.*s/%.*s broke off at %" PRIu64 ": %s",
			 SLICE_ARG(r->call.bucket), SLICE_ARG(r->call.key),
			 r->at, r->x.answer.error);
		if (++r->resumes > RESUMES_MAX)
			return err == S3_OK ? S3_ERR_SERVICE_UNAVAILABLE : err;
	}
	close_stream(r);
	return S3_OK;
}

enum s3_error
s3_read_at(struct store_read *base, uint64_t offset, void *p, size_t n)
{
	struct s3_read *r = (struct s3_read *)base;
	enum s3_error err = S3_OK;
	char *to = p;

	if (offset > r->size || n > r->size - offset)
		return S3_ERR_INTERNAL_ERROR;
	while (n && err == S3_OK) {
		size_t got = 0;

		if (!r->open || r->at != offset)
			err = open_stream(r, offset, stream_end(r, offset, n));
		if (err == S3_OK)
			err = read_some(r, to, n, &got);
		offset += got;
		to += got;
		n -= got;
		r->read_to = offset;
	}
	if (err != S3_OK)
		close_stream(r);
	return err;
}

/* The answer begins, so that what can be refused is refused by now. */
enum s3_error
s3_read_verify(struct store_read *base, uint64_t offset, uint64_t n)
{
	struct s3_read *r = (struct s3_read *)base;

	if (offset > r->size || n > r->size - offset)
		return S3_ERR_INTERNAL_ERROR;
	if (r->open && r->at == offset)
		return S3_OK;
	return open_stream(r, offset, stream_end(r, offset, (size_t)n));
}
