/*
 * Gets from another S3 endpoint: the record by HEAD, bytes by ranged GETs of
 * the version seen at the beginning.
 */
#include "store/s3_store.h"

#define READ_STEP (8u << 20) /* bytes of one ranged GET */

struct s3_read {
	struct store_read base;
	struct arena arena;
	struct slice bucket;
	struct slice key;
	struct slice if_match; /* the ETag read at the beginning */
};

static struct store_read *
read_new(struct store *s, struct slice bucket, struct slice key,
	 const char *etag)
{
	struct s3_read *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->base.store = s;
	arena_init(&r->arena, 16u << 10);
	r->bucket = arena_copy(&r->arena, bucket);
	r->key = arena_copy(&r->arena, key);
	r->if_match = arena_printf(&r->arena, "\"%s\"", etag);
	if (!r->arena.err)
		return &r->base;
	arena_release(&r->arena);
	free(r);
	return NULL;
}

enum s3_error
s3_get(struct store *s, const struct store_ref *ref,
       const struct store_cond *cond, struct arena *a, struct store_object *out,
       struct store_read **read)
{
	struct slice bucket = ref->bucket, key = ref->key;
	struct store_header headers[2];
	struct s3_call call = {
		.method = "HEAD",
		.bucket = bucket,
		.key = key,
		.headers = { headers, s3_cond_headers(cond, headers) },
		.payload_hash = S3_EMPTY_SHA256,
	};
	struct http_client_answer answer;
	enum s3_error err;

	if (ref->version_id.n)
		return S3_ERR_NOT_IMPLEMENTED;
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	if (err == S3_OK)
		err = s3_record_of(&answer, key, a, out);
	else
		*out = (struct store_object){ .key = arena_copy(a, key) };
	http_client_answer_release(&answer);
	if (err == S3_OK && read) {
		*read = read_new(s, bucket, key, out->etag);
		if (!*read)
			err = S3_ERR_INTERNAL_ERROR;
	}
	return err;
}

/* One ranged GET of the version seen at the beginning: another one in its
 * place is an error, never a mixture. */
static enum s3_error
read_step(struct s3_read *r, uint64_t offset, void *p, size_t n)
{
	char range[64];
	struct store_header headers[] = {
		{ SLICE("if-match"), r->if_match },
		{ SLICE("range"), SLICE_EMPTY },
	};
	struct s3_call call = {
		.method = "GET",
		.bucket = r->bucket,
		.key = r->key,
		.headers = { headers, ARRAY_LEN(headers) },
		.payload_hash = S3_EMPTY_SHA256,
		.answer_max = n,
	};
	struct http_client_answer answer;
	enum s3_error err;

	snprintf(range, sizeof(range), "bytes=%llu-%llu",
		 (unsigned long long)offset,
		 (unsigned long long)(offset + n - 1));
	headers[1].value = slice_str(range);
	err = s3_request_run(s3_of(r->base.store)->remote, &call, &answer);
	if (err == S3_OK && (answer.status != 206 || answer.body.n != n))
		err = S3_ERR_INTERNAL_ERROR;
	if (err == S3_OK)
		memcpy(p, answer.body.p, n);
	http_client_answer_release(&answer);
	return err;
}

enum s3_error
s3_read_at(struct store_read *base, uint64_t offset, void *p, size_t n)
{
	struct s3_read *r = (struct s3_read *)base;
	enum s3_error err = S3_OK;
	char *to = p;

	while (n && err == S3_OK) {
		size_t step = n < READ_STEP ? n : READ_STEP;

		err = read_step(r, offset, to, step);
		offset += step;
		to += step;
		n -= step;
	}
	return err;
}

void
s3_read_close(struct store_read *base)
{
	struct s3_read *r = (struct s3_read *)base;

	arena_release(&r->arena);
	free(r);
}
