/*
 * The s3 backend, thin for now: put, get, remove, list, abort.
 *
 * A put waits in memory up to 8 MiB and in an unnamed file beyond, and is
 * sent in one signed request at its commit: so its hash is known before the
 * first byte leaves, it can be repeated, and nothing half-done is ever
 * visible there. Streaming comes with the gateway's own proxy mode.
 */
#include "store/s3_request.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PUT_MEMORY_MAX (8u << 20)
#define READ_STEP (8u << 20) /* bytes of one ranged GET */

struct s3_store {
	struct store base;
	struct s3_remote *remote;
	char *spool_dir;
};

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

struct s3_read {
	struct store_read base;
	struct arena arena;
	struct slice bucket;
	struct slice key;
	struct slice if_match; /* the ETag read at the beginning */
};

static struct s3_store *
s3_of(struct store *s)
{
	return (struct s3_store *)s;
}

/* ---- put ---------------------------------------------------------------- */

static void
put_abort(struct store_put *base)
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

static enum s3_error
put_begin(struct store *s, const struct store_put_req *req,
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
		put_abort(&put->base);
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

static enum s3_error
put_write(struct store_put *base, const void *p, size_t n)
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

static struct slice
unquoted(struct slice etag)
{
	if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"')
		return slice_mem(etag.p + 1, etag.n - 2);
	return etag;
}

static void
copy_text(char *out, size_t size, struct slice s)
{
	snprintf(out, size, "%.*s", SLICE_ARG(slice_head(s, size - 1)));
}

static void
copy_ids(const struct http_client_answer *a, struct store_object *out)
{
	struct slice version = http_client_header(a, "x-amz-version-id");

	copy_text(out->etag, sizeof(out->etag),
		  unquoted(http_client_header(a, "etag")));
	copy_text(out->version_id, sizeof(out->version_id),
		  version.n ? version : SLICE("null"));
}

static enum s3_error
put_commit(struct store_put *base, const struct store_put_final *fin,
	   struct store_object *out)
{
	struct s3_put *put = (struct s3_put *)base;
	struct http_client_body body = { put->size, put_read_at, put };
	struct http_client_answer answer = { 0 };
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

	(void)fin; /* the other side makes ETag and event */
	if (put->announced == UINT64_MAX || put->announced == put->size) {
		hash_final(&put->sha256, digest);
		hex_encode(digest, SHA256_BYTES, hex);
		err =
		    s3_request_run(s3_of(base->store)->remote, &call, &answer);
	}
	if (err == S3_OK && out) {
		*out = (struct store_object){ .size = put->size,
					      .mtime_us = time_now_us() };
		copy_ids(&answer, out);
	}
	http_client_answer_release(&answer);
	put_abort(base);
	return err;
}

/* ---- get ---------------------------------------------------------------- */

/* Headers that belong to the object, not to the answer. */
static bool
is_kept(struct slice name)
{
	static const char *const kept[] = {
		"content-type",	    "cache-control",	"content-disposition",
		"content-encoding", "content-language", "expires"
	};

	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (slice_eq_str(name, kept[i]))
			return true;
	return slice_starts(name, SLICE("x-amz-meta-"));
}

static struct slice
lower(struct arena *a, struct slice s)
{
	char *p = arena_cstr(a, s);

	for (size_t i = 0; p && i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
	return p ? slice_mem(p, s.n) : SLICE_EMPTY;
}

static enum s3_error
record_of(const struct http_client_answer *answer, struct slice key,
	  struct arena *a, struct store_object *out)
{
	struct slice rest = buf_slice(&answer->headers), line, name;
	struct store_header *kept;
	size_t lines = 0;
	ptrdiff_t colon;

	*out = (struct store_object){ .key = arena_copy(a, key) };
	for (size_t i = 0; i < rest.n; i++)
		lines += rest.p[i] == '\n';
	kept = arena_array(a, lines ? lines : 1, sizeof(*kept));
	out->headers.v = kept;
	while (kept && rest.n && slice_cut(&rest, '\n', &line)) {
		colon = slice_chr(line, ':');
		if (colon < 0)
			continue;
		name = lower(a, slice_head(line, (size_t)colon));
		if (!is_kept(name))
			continue;
		kept[out->headers.n].name = name;
		kept[out->headers.n++].value = arena_copy(
		    a, slice_trim(slice_from(line, (size_t)colon + 1)));
	}
	copy_ids(answer, out);
	if (time_parse_http(http_client_header(answer, "last-modified"),
			    &out->mtime_us) != 0)
		out->mtime_us = 0;
	if (a->err || slice_u64(http_client_header(answer, "content-length"),
				&out->size) != 0)
		return S3_ERR_INTERNAL_ERROR;
	return S3_OK;
}

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

static size_t
cond_headers(const struct store_cond *cond, struct store_header out[2])
{
	size_t n = 0;

	if (cond && cond->if_match.n)
		out[n++] =
		    (struct store_header){ SLICE("if-match"), cond->if_match };
	if (cond && cond->if_none_match.n)
		out[n++] = (struct store_header){ SLICE("if-none-match"),
						  cond->if_none_match };
	return n;
}

static enum s3_error
get(struct store *s, const struct store_ref *ref, const struct store_cond *cond,
    struct arena *a, struct store_object *out, struct store_read **read)
{
	struct slice bucket = ref->bucket, key = ref->key;
	struct store_header headers[2];
	struct s3_call call = {
		.method = "HEAD",
		.bucket = bucket,
		.key = key,
		.headers = { headers, cond_headers(cond, headers) },
		.payload_hash = S3_EMPTY_SHA256,
	};
	struct http_client_answer answer;
	enum s3_error err;

	if (ref->version_id.n)
		return S3_ERR_NOT_IMPLEMENTED;
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	if (err == S3_OK)
		err = record_of(&answer, key, a, out);
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
		.into = p,
		.into_n = n,
	};
	struct http_client_answer answer;
	enum s3_error err;

	snprintf(range, sizeof(range), "bytes=%llu-%llu",
		 (unsigned long long)offset,
		 (unsigned long long)(offset + n - 1));
	headers[1].value = slice_str(range);
	err = s3_request_run(s3_of(r->base.store)->remote, &call, &answer);
	if (err == S3_OK && answer.status != 206)
		err = S3_ERR_INTERNAL_ERROR;
	http_client_answer_release(&answer);
	return err;
}

static enum s3_error
read_at(struct store_read *base, uint64_t offset, void *p, size_t n)
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

static void
read_close(struct store_read *base)
{
	struct s3_read *r = (struct s3_read *)base;

	arena_release(&r->arena);
	free(r);
}

/* ---- remove, open, close ------------------------------------------------ */

static enum s3_error
remove_key(struct store *s, struct slice bucket, struct store_removal *v)
{
	struct store_header headers[2];
	struct s3_call call = {
		.method = "HEAD",
		.bucket = bucket,
		.key = v->key,
		.payload_hash = S3_EMPTY_SHA256,
	};
	struct http_client_answer answer;
	enum s3_error err;

	if (v->version_id.n)
		return S3_ERR_NOT_IMPLEMENTED;
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	http_client_answer_release(&answer);
	v->removed.existed = err == S3_OK;
	if (err != S3_OK && err != S3_ERR_NO_SUCH_KEY)
		return err;
	call.method = "DELETE";
	call.headers.v = headers;
	call.headers.n = cond_headers(&v->cond, headers);
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	http_client_answer_release(&answer);
	return err;
}

static enum s3_error
remove_keys(struct store *s, struct slice bucket, struct store_removal *v,
	    size_t n, const struct store_note *note)
{
	(void)note; /* the other side makes the event */
	for (size_t i = 0; i < n; i++)
		if (v[i].err == S3_OK)
			v[i].err = remove_key(s, bucket, &v[i]);
	return S3_OK;
}

static enum s3_error
list(struct store *s, const struct store_list_req *req, struct arena *a,
     struct store_list_page *out)
{
	return s3_list(s3_of(s)->remote, req, a, out);
}

static enum s3_error
upload_abort(struct store *s, struct slice bucket, struct slice key,
	     struct slice id)
{
	struct buf query = BUF_INIT;
	struct s3_call call = {
		.method = "DELETE",
		.bucket = bucket,
		.key = key,
		.payload_hash = S3_EMPTY_SHA256,
	};
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	buf_puts(&query, "uploadId=");
	uri_encode(&query, id, false);
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_request_run(s3_of(s)->remote, &call, &answer);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

static void
close_store(struct store *s)
{
	struct s3_store *s3 = s3_of(s);

	s3_remote_close(s3->remote);
	free(s3->spool_dir);
	free(s3);
}

static const struct store_ops s3_ops = {
	.put_begin = put_begin,
	.put_write = put_write,
	.put_commit = put_commit,
	.put_abort = put_abort,
	.get = get,
	.read_at = read_at,
	.read_close = read_close,
	.remove = remove_keys,
	.list = list,
	.upload_abort = upload_abort,
	.close = close_store,
};

struct store *
store_open_s3(const struct store_s3_conf *conf, char err[512])
{
	struct s3_store *s = calloc(1, sizeof(*s));

	snprintf(err, 512, "out of memory");
	if (!s)
		return NULL;
	s->base.ops = &s3_ops;
	s->spool_dir = strdup(conf->spool_dir ? conf->spool_dir : P_tmpdir);
	s->remote = s->spool_dir ? s3_remote_open(conf, err) : NULL;
	if (!s->remote) {
		close_store(&s->base);
		return NULL;
	}
	return &s->base;
}
