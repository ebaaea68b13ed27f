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
#include "base/unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192 /* a key of 1024 bytes, escaped, and a bucket */
#define PEER_TIMEOUT_MS 2000
#define EXTENTS_MAX 128u

struct lease_server {
	struct store *store;
	struct unix_server *server;
};

/* ---- one request -------------------------------------------------------- */

struct lease_request {
	struct slice bucket;
	struct slice key;
};

/* 0 or -1. Slices live in doc or a. */
static int
parse_request(const cJSON *doc, struct arena *a, struct lease_request *out)
{
	const char *bucket = json_str(doc, "bucket");
	const char *key = json_str(doc, "key");
	const char *key_b64 = json_str(doc, "key_b64");
	struct buf raw = BUF_MAX(STORE_KEY_MAX);
	int rc = 0;

	if (!bucket || (!key == !key_b64))
		return -1;
	out->bucket = slice_str(bucket);
	out->key = slice_str(key);
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

/* The line and, with its first byte, the descriptors. 0 or -1. */
static int
send_answer(int fd, const struct buf *line, const struct store_extent *extents,
	    size_t n)
{
	union {
		char space[CMSG_SPACE(EXTENTS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { .iov_base = line->p, .iov_len = line->n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[EXTENTS_MAX];

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
	while (iov.iov_len > 0) {
		ssize_t sent = sendmsg(fd, &msg, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		iov.iov_base = (char *)iov.iov_base + sent;
		iov.iov_len -= (size_t)sent;
		msg.msg_control = NULL; /* they travel once */
		msg.msg_controllen = 0;
	}
	return 0;
}

static enum s3_error
open_lease(struct lease_server *l, struct slice line, struct arena *a,
	   struct store_object *object, struct store_read **read,
	   struct store_extent *extents, size_t *n)
{
	struct lease_request req;
	cJSON *doc = json_parse(line);
	enum s3_error err = S3_ERR_INVALID_REQUEST;

	if (doc && parse_request(doc, a, &req) == 0)
		err = store_get(l->store, &STORE_REF(req.bucket, req.key), NULL,
				a, object, read);
	cJSON_Delete(doc);
	if (err != S3_OK)
		return err;
	return store_read_extents(*read, extents, EXTENTS_MAX, n);
}

static void
serve_peer(void *ctx, int fd, int stop)
{
	struct lease_server *l = ctx;
	struct buf line = BUF_MAX(LINE_MAX_BYTES), answer = BUF_INIT;
	struct store_extent extents[EXTENTS_MAX];
	struct store_object object = { 0 };
	struct store_read *read = NULL;
	struct arena a;
	enum s3_error err = S3_ERR_INVALID_REQUEST;
	size_t n = 0;

	arena_init(&a, 1 << 20);
	unix_set_timeout(fd, PEER_TIMEOUT_MS / 1000);
	if (unix_read_line(fd, stop, PEER_TIMEOUT_MS, &line) == 0)
		err = open_lease(l, buf_slice(&line), &a, &object, &read,
				 extents, &n);
	else if (line.n == 0)
		goto out; /* it only asked whether anybody is here */
	if (err == S3_OK) {
		put_lease(&answer, &object, extents, n);
	} else {
		put_error(&answer, err);
		n = 0;
	}
	if (!buf_ok(&answer) || send_answer(fd, &answer, extents, n) != 0)
		log_warn("lease_answer", "a lease could not be answered");
out:
	store_read_close(read);
	buf_release(&answer);
	buf_release(&line);
	arena_release(&a);
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
