/*
 * Puts at another S3 endpoint.
 *
 * A put waits in memory up to 8 MiB and in an unnamed file beyond, and is
 * sent in one signed request at its commit: so its hash is known before the
 * first byte leaves, it can be repeated, and nothing half-done is ever
 * visible there.
 */
#include "store/s3_store.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PUT_MEMORY_MAX (8u << 20)

struct s3_put {
	struct store_put base;
	struct arena arena; /* bucket, key, headers */
	struct slice bucket;
	struct slice key;
	struct store_header *headers;
	size_t n_headers;
	uint64_t announced;
	uint64_t size_max;
	uint64_t size;
	struct hash sha256;
	struct buf memory;
	int fd; /* -1: all is in memory */
};

void
s3_put_abort(struct store_put *base)
{
	struct s3_put *put = (struct s3_put *)base;

	if (put->fd >= 0)
		close(put->fd);
	buf_release(&put->memory);
	hash_release(&put->sha256);
	arena_release(&put->arena);
	free(put);
}

static void
add_header(struct s3_put *put, const char *name, struct slice value)
{
	if (value.n == 0 || put->arena.err)
		return;
	put->headers[put->n_headers].name = slice_str(name);
	put->headers[put->n_headers++].value = arena_copy(&put->arena, value);
}

enum s3_error
s3_put_begin(struct store *s, const struct store_put_req *req,
	     struct store_put **out)
{
	struct s3_put *put = calloc(1, sizeof(*put));

	if (!put)
		return S3_ERR_INTERNAL_ERROR;
	put->base.store = s;
	put->fd = -1;
	put->announced = req->size;
	put->size_max = req->size_max ? req->size_max : STORE_PUT_BYTES_MAX;
	arena_init(&put->arena, 64u << 10);
	put->bucket = arena_copy(&put->arena, req->bucket);
	put->key = arena_copy(&put->arena, req->key);
	put->headers =
	    arena_array(&put->arena, req->headers.n + 2, sizeof(*put->headers));
	for (size_t i = 0; i < req->headers.n; i++)
		add_header(put, arena_cstr(&put->arena, req->headers.v[i].name),
			   req->headers.v[i].value);
	add_header(put, "if-match", req->cond.if_match);
	add_header(put, "if-none-match", req->cond.if_none_match);
	if (put->arena.err || hash_init(&put->sha256, HASH_SHA256) != 0) {
		s3_put_abort(&put->base);
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = &put->base;
	return S3_OK;
}

static enum s3_error
spool_error(const char *what, const char *dir)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	log_warn("s3_spool", "%s in %s: %s", what, dir, strerror(errno));
	return full ? S3_ERR_INSUFFICIENT_STORAGE : S3_ERR_INTERNAL_ERROR;
}

/* What was in memory moves to a file without a name. */
static enum s3_error
put_spill(struct s3_put *put)
{
	const char *dir = s3_of(put->base.store)->spool_dir;

	put->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (put->fd < 0)
		return spool_error("cannot make a file", dir);
	if (io_write_all(put->fd, put->memory.p, put->memory.n) != 0)
		return spool_error("cannot write", dir);
	buf_release(&put->memory);
	return S3_OK;
}

enum s3_error
s3_put_write(struct store_put *base, const void *p, size_t n)
{
	struct s3_put *put = (struct s3_put *)base;
	enum s3_error err = S3_OK;

	if (n > put->size_max - put->size)
		return S3_ERR_ENTITY_TOO_LARGE;
	hash_update(&put->sha256, p, n);
	put->size += n;
	if (put->fd < 0 && put->size > PUT_MEMORY_MAX)
		err = put_spill(put);
	if (err != S3_OK)
		return err;
	if (put->fd < 0) {
		buf_add(&put->memory, p, n);
		return buf_ok(&put->memory) ? S3_OK : S3_ERR_INTERNAL_ERROR;
	}
	if (io_write_all(put->fd, p, n) != 0)
		return spool_error("cannot write",
				   s3_of(base->store)->spool_dir);
	return S3_OK;
}

static int
put_read_at(void *ctx, uint64_t offset, void *p, size_t n)
{
	struct s3_put *put = ctx;

	if (put->fd >= 0)
		return io_pread_all(put->fd, p, n, (off_t)offset);
	memcpy(p, put->memory.p + offset, n);
	return 0;
}

/* One request, told before and after. */
static enum s3_error
send(struct s3_put *put, const struct s3_call *call,
     const struct store_put_final *fin, struct store_object *made)
{
	struct s3_store *s = s3_of(put->base.store);
	struct store_object expected = { .key = put->key,
					 .size = put->size,
					 .headers = { put->headers,
						      put->n_headers } };
	struct http_client_answer answer = { 0 };
	struct journal_intent intent;
	enum s3_error err;

	snprintf(expected.etag, sizeof(expected.etag), "%.*s",
		 SLICE_ARG(fin->etag));
	err = s3_intend(s, put->bucket, &expected, &fin->note, &intent);
	if (err != S3_OK)
		return err;
	err = s3_request_run(s->remote, call, &answer);
	*made = (struct store_object){ .size = put->size,
				       .mtime_us = time_now_us() };
	if (err == S3_OK)
		s3_copy_ids(&answer, made);
	http_client_answer_release(&answer);
	return s3_settle(s, &intent, err, made);
}

enum s3_error
s3_put_commit(struct store_put *base, const struct store_put_final *fin,
	      struct store_object *out)
{
	struct s3_put *put = (struct s3_put *)base;
	struct http_client_body body = { put->size, put_read_at, put };
	struct store_object made;
	uint8_t digest[HASH_BYTES_MAX];
	char hex[SHA256_HEX_MAX];
	struct s3_call call = {
		.method = "PUT",
		.bucket = put->bucket,
		.key = put->key,
		.headers = { put->headers, put->n_headers },
		.body = &body,
		.payload_hash = hex,
	};
	enum s3_error err = S3_ERR_INCOMPLETE_BODY;

	if (put->announced == UINT64_MAX || put->announced == put->size) {
		hash_final(&put->sha256, digest);
		hex_encode(digest, SHA256_BYTES, hex);
		err = send(put, &call, fin, &made);
	}
	if (err == S3_OK && out)
		*out = made;
	s3_put_abort(base);
	return err;
}
