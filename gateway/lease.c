/*
 * The lease server: one thread, one peer at a time. Peers are our own
 * processors, a lease is one index look-up, and a peer that dawdles is dropped
 * after PEER_TIMEOUT_MS, so serving them in turn is enough and keeps this file
 * short.
 */
#include "gateway/lease.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"
#include "base/unix_socket.h"
#include "store/care.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192 /* a key of 1024 bytes, escaped, and a bucket */
#define PEER_TIMEOUT_MS 2000
/* Whoever leases reads all of it next, so this only warms the page cache; but
 * others wait meanwhile. */
#define VERIFY_US (3 * US_PER_S)
#define VERIFY_STEP (16u << 20)

struct lease_server {
	struct store *store;
	struct unix_server *server;
};

/* ---- one request -------------------------------------------------------- */

struct lease_request {
	struct slice bucket;
	struct slice key;
	size_t extents_max;
};

/* 0 or -1. Slices live in doc or a. */
static int
parse_request(const cJSON *doc, struct arena *a, struct lease_request *out)
{
	const char *bucket = json_str(doc, "bucket");
	const char *key = json_str(doc, "key");
	const char *key_b64 = json_str(doc, "key_b64");
	struct buf raw = BUF_MAX(STORE_KEY_MAX);
	int64_t extents_max = LEASE_EXTENTS_MAX;
	int rc = 0;

	if (!bucket || (!key == !key_b64))
		return -1;
	out->bucket = slice_str(bucket);
	out->key = slice_str(key);
	(void)json_int(doc, "extents_max", &extents_max);
	if (extents_max < 1)
		return -1;
	out->extents_max = extents_max < LEASE_EXTENTS_MAX ? (size_t)extents_max
							   : LEASE_EXTENTS_MAX;
	if (key_b64) {
		rc = base64_decode(&raw, slice_str(key_b64));
		out->key = arena_copy(a, buf_slice(&raw));
		if (raw.err || a->err)
			rc = -1;
	}
	buf_release(&raw);
	return rc;
}

static void
put_lease(struct buf *out, const struct store_object *o,
	  const struct store_extent *extents, size_t n)
{
	json_open_object(out, NULL);
	json_put_u64(out, "size", o->size);
	json_put_str(out, "etag", o->etag);
	json_put_str(out, "version_id", o->version_id);
	json_open_array(out, "extents");
	for (size_t i = 0; i < n; i++) {
		json_open_object(out, NULL);
		json_put_u64(out, "offset", extents[i].offset);
		json_put_u64(out, "size", extents[i].size);
		json_close_object(out);
	}
	json_close_array(out);
	json_close_object(out);
	buf_putc(out, '\n');
}

static void
put_error(struct buf *out, enum s3_error err)
{
	json_open_object(out, NULL);
	json_put_str(out, "error", s3_error_info(err)->code);
	json_close_object(out);
	buf_putc(out, '\n');
}

/* Some bytes of the line and, with the first of them, some descriptors. */
static int
send_piece(int fd, struct slice piece, const struct store_extent *extents,
	   size_t n)
{
	union {
		char space[CMSG_SPACE(LEASE_MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	/* sendmsg() takes void * but never writes through it. */
	union {
		const char *in;
		char *out;
	} p = { .in = piece.p };
	struct iovec iov = { .iov_base = p.out, .iov_len = piece.n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[LEASE_MESSAGE_FDS];
	ssize_t sent;

	if (n > 0) {
		struct cmsghdr *c;

		for (size_t i = 0; i < n; i++)
			fds[i] = extents[i].fd;
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent <= 0)
		return -1;
	/* the descriptors travelled with the first byte */
	return unix_send(fd, slice_from(piece, (size_t)sent));
}

/* The line in as many pieces as the descriptors need; an extent is described
 * in more bytes than pieces are needed for it. */
static int
send_answer(int fd, struct slice line, const struct store_extent *extents,
	    size_t n)
{
	size_t pieces = n ? (n - 1) / LEASE_MESSAGE_FDS + 1 : 1;
	size_t step = line.n / pieces;

	for (size_t i = 0; i < pieces; i++) {
		size_t first = i * LEASE_MESSAGE_FDS;
		size_t fds = n - first < LEASE_MESSAGE_FDS ? n - first
							   : LEASE_MESSAGE_FDS;

		if (send_piece(fd,
			       i + 1 < pieces ? slice_head(line, step) : line,
			       extents + first, fds) != 0)
			return -1;
		line = slice_from(line, step);
	}
	return 0;
}

/* A lease in progress. */
struct lease {
	struct arena a;
	struct store_object object;
	struct store_read *read;
	struct store_extent *extents;
	size_t n;
};

/*
 * The bytes go out of our sight, so they are verified first, as far as the time
 * allows; behind that, what is known to be damaged is refused.
 */
static enum s3_error
verify(const struct lease *l)
{
	int64_t end = time_mono_us() + VERIFY_US;
	uint64_t size = l->object.size, at = 0;

	while (at < size && time_mono_us() < end) {
		uint64_t n = size - at < VERIFY_STEP ? size - at : VERIFY_STEP;

		if (store_read_verify(l->read, at, n) != S3_OK)
			return store_read_is_damaged(l->read)
				   ? S3_ERR_BAD_DIGEST
				   : S3_ERR_INTERNAL_ERROR;
		at += n;
	}
	return at < size && store_read_is_damaged(l->read) ? S3_ERR_BAD_DIGEST
							   : S3_OK;
}

static enum s3_error
open_lease(struct lease_server *l, struct slice line, struct lease *out)
{
	struct lease_request req = { 0 };
	cJSON *doc = json_parse(line);
	enum s3_error err = S3_ERR_INVALID_REQUEST;

	if (doc && parse_request(doc, &out->a, &req) == 0)
		err = store_get(l->store, &STORE_REF(req.bucket, req.key), NULL,
				&out->a, &out->object, &out->read);
	cJSON_Delete(doc);
	if (err != S3_OK)
		return err;
	out->extents =
	    arena_array(&out->a, req.extents_max, sizeof(*out->extents));
	if (!out->extents)
		return S3_ERR_INTERNAL_ERROR;
	err = store_read_extents(out->read, out->extents, req.extents_max,
				 &out->n);
	if (err != S3_OK && out->n > req.extents_max)
		err = S3_ERR_ENTITY_TOO_LARGE;
	return err == S3_OK ? verify(out) : err;
}

static void
serve_peer(void *ctx, int fd, int stop)
{
	struct buf line = BUF_MAX(LINE_MAX_BYTES), answer = BUF_INIT;
	struct lease lease = { 0 };
	enum s3_error err = S3_ERR_INVALID_REQUEST;

	arena_init(&lease.a, 1 << 20);
	unix_set_timeout(fd, PEER_TIMEOUT_MS / 1000);
	if (unix_read_line(fd, stop, PEER_TIMEOUT_MS, &line) == 0)
		err = open_lease(ctx, buf_slice(&line), &lease);
	else if (line.n == 0)
		goto out; /* it only asked whether anybody is here */
	if (err == S3_OK) {
		put_lease(&answer, &lease.object, lease.extents, lease.n);
	} else {
		put_error(&answer, err);
		lease.n = 0;
	}
	if (!buf_ok(&answer) ||
	    send_answer(fd, buf_slice(&answer), lease.extents, lease.n) != 0)
		log_warn("lease_answer", "a lease could not be answered");
out:
	store_read_close(lease.read);
	buf_release(&answer);
	buf_release(&line);
	arena_release(&lease.a);
	close(fd);
}

/* ---- the server --------------------------------------------------------- */

struct lease_server *
lease_start(struct store *s, const char *socket_path, char err[512])
{
	struct lease_server *l = malloc(sizeof(*l));

	if (!l) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	l->store = s;
	l->server = unix_server_start(socket_path, "lease", serve_peer, l, err);
	if (l->server)
		return l;
	free(l);
	return NULL;
}

void
lease_stop(struct lease_server *l)
{
	if (!l)
		return;
	unix_server_stop(l->server);
	free(l);
}
