/*
 * The lease server: one thread, one peer at a time. Peers are our own
 * processors (same uid, or root), a lease is one index look-up, and a peer
 * that dawdles is dropped after PEER_TIMEOUT_MS, so serving them in turn is
 * enough and keeps this file short.
 */
#include "gateway/lease.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192 /* a key of 1024 bytes, escaped, and a bucket */
#define PEER_TIMEOUT_MS 2000
#define EXTENTS_MAX 128u

struct lease_server {
	struct store *store;
	struct sockaddr_un address;
	int listener;
	int stop; /* eventfd: readable once the server is to end */
	pthread_t thread;
};

/* ---- one request -------------------------------------------------------- */

/* The line without its newline into b; 0 or -1 (late, too long, ended). */
static int
read_line(const struct lease_server *l, int fd, struct buf *b)
{
	int64_t until = time_mono_us() + PEER_TIMEOUT_MS * 1000LL;

	for (;;) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
				       { .fd = l->stop, .events = POLLIN } };
		int64_t left_ms = (until - time_mono_us()) / 1000;
		char *room = buf_reserve(b, 1024);
		ssize_t n;

		if (!room || left_ms <= 0)
			return -1;
		if (poll(p, 2, (int)left_ms) < 0 && errno != EINTR)
			return -1;
		if (p[1].revents)
			return -1;
		n = recv(fd, room, 1024, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -1;
		b->n += (size_t)n;
		room[n] = '\0';
		if (room[n - 1] == '\n') {
			b->p[--b->n] = '\0';
			return 0;
		}
	}
}

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
		err = store_get(l->store, req.bucket, req.key, NULL, a, object,
				read);
	cJSON_Delete(doc);
	if (err != S3_OK)
		return err;
	return store_read_extents(*read, extents, EXTENTS_MAX, n);
}

static void
serve_peer(struct lease_server *l, int fd)
{
	struct buf line = BUF_MAX(LINE_MAX_BYTES), answer = BUF_INIT;
	struct store_extent extents[EXTENTS_MAX];
	struct store_object object = { 0 };
	struct store_read *read = NULL;
	struct arena a;
	enum s3_error err = S3_ERR_INVALID_REQUEST;
	size_t n = 0;

	arena_init(&a, 1 << 20);
	if (read_line(l, fd, &line) == 0)
		err = open_lease(l, buf_slice(&line), &a, &object, &read,
				 extents, &n);
	if (err == S3_OK) {
		put_lease(&answer, &object, extents, n);
	} else {
		put_error(&answer, err);
		n = 0;
	}
	if (!buf_ok(&answer) || send_answer(fd, &answer, extents, n) != 0)
		log_warn("lease_answer", "a lease could not be answered");
	store_read_close(read);
	buf_release(&answer);
	buf_release(&line);
	arena_release(&a);
}

/* ---- the server --------------------------------------------------------- */

static bool
peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return false;
	if (peer.uid == geteuid() || peer.uid == 0)
		return true;
	log_warn("lease_refused", "peer with uid %u", (unsigned)peer.uid);
	return false;
}

static void *
lease_main(void *arg)
{
	struct lease_server *l = arg;
	const struct timeval timeout = { .tv_sec = PEER_TIMEOUT_MS / 1000 };

	pthread_setname_np(pthread_self(), "lease");
	for (;;) {
		struct pollfd p[2] = { { .fd = l->listener, .events = POLLIN },
				       { .fd = l->stop, .events = POLLIN } };
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			return NULL;
		fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			/* Out of descriptors: do not spin on it. */
			if (errno != EAGAIN && errno != ECONNABORTED)
				poll(&p[1], 1, 100);
			continue;
		}
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
			   sizeof(timeout));
		if (peer_allowed(fd))
			serve_peer(l, fd);
		close(fd);
	}
}

/* A socket left by a killed gateway is in the way; the store's lock has shown
 * that no other gateway runs on this data. */
static int
remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	return unlink(path);
}

static int
open_listener(struct lease_server *l, const char *path, char err[512])
{
	if (strlen(path) >= sizeof(l->address.sun_path)) {
		snprintf(err, 512,
			 "socket path %s is longer than %zu bytes: choose a "
			 "shorter data directory",
			 path, sizeof(l->address.sun_path) - 1);
		return -1;
	}
	l->address.sun_family = AF_UNIX;
	snprintf(l->address.sun_path, sizeof(l->address.sun_path), "%s", path);
	l->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->listener < 0 || remove_stale(path) != 0 ||
	    bind(l->listener, (const struct sockaddr *)&l->address,
		 sizeof(l->address)) != 0 ||
	    chmod(path, 0600) != 0 || listen(l->listener, 64) != 0) {
		snprintf(err, 512, "cannot make the socket %s: %s", path,
			 strerror(errno));
		return -1;
	}
	return 0;
}

static void
lease_free(struct lease_server *l)
{
	if (l->listener >= 0)
		close(l->listener);
	if (l->stop >= 0)
		close(l->stop);
	free(l);
}

struct lease_server *
lease_start(struct store *s, const char *socket_path, char err[512])
{
	struct lease_server *l = calloc(1, sizeof(*l));

	if (!l) {
		snprintf(err, 512, "lease: out of memory");
		return NULL;
	}
	l->store = s;
	l->listener = -1;
	l->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (open_listener(l, socket_path, err) != 0) {
		lease_free(l);
		return NULL;
	}
	if (l->stop < 0 ||
	    pthread_create(&l->thread, NULL, lease_main, l) != 0) {
		snprintf(err, 512, "lease: cannot start its thread");
		lease_free(l);
		return NULL;
	}
	return l;
}

void
lease_stop(struct lease_server *l)
{
	const uint64_t one = 1;

	if (!l)
		return;
	if (write(l->stop, &one, sizeof(one)) != sizeof(one))
		abort(); /* an eventfd at 0 always takes a 1 */
	pthread_join(l->thread, NULL);
	unlink(l->address.sun_path);
	lease_free(l);
}
