/*
 * The thread sleeps in poll() on the listener and on an eventfd, so that stop
 * needs no signal and no time-out.
 */
#include "base/unix_socket.h"
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

#define BACKLOG 64
#define READ_STEP 4096
#define PAUSE_MS 100 /* out of descriptors: do not spin on it */

struct unix_server {
	const char *name;
	unix_peer peer;
	void *ctx;
	struct sockaddr_un address;
	int listener;
	int stop; /* eventfd */
	pthread_t thread;
};

/* 0, or -1 with ENAMETOOLONG. */
static int
set_address(struct sockaddr_un *sa, const char *path)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sa->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(sa->sun_path, sizeof(sa->sun_path), "%s", path);
	return 0;
}

void
unix_set_timeout(int fd, int timeout_s)
{
	const struct timeval t = { .tv_sec = timeout_s };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

int
unix_connect(const char *path, int timeout_s)
{
	struct sockaddr_un sa;
	int fd, saved;

	if (set_address(&sa, path) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	unix_set_timeout(fd, timeout_s);
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool
peer_allowed(const struct unix_server *s, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return false;
	if (peer.uid == geteuid() || peer.uid == 0)
		return true;
	log_warn("peer_refused", "%s: peer with uid %u", s->name,
		 (unsigned)peer.uid);
	return false;
}

static void *
server_main(void *arg)
{
	struct unix_server *s = arg;

	pthread_setname_np(pthread_self(), s->name);
	for (;;) {
		struct pollfd p[2] = { { .fd = s->listener, .events = POLLIN },
				       { .fd = s->stop, .events = POLLIN } };
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			return NULL;
		fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && peer_allowed(s, fd))
			s->peer(s->ctx, fd, s->stop);
		else if (fd >= 0)
			close(fd);
		else if (errno != EAGAIN && errno != ECONNABORTED)
			poll(&p[1], 1, PAUSE_MS);
	}
}

/* A socket left by a killed process is in the way. */
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
open_listener(struct unix_server *s, const char *path, char err[512])
{
	if (set_address(&s->address, path) != 0) {
		snprintf(err, 512,
			 "socket path %.300s is longer than %zu bytes: choose "
			 "a shorter data directory",
			 path, sizeof(s->address.sun_path) - 1);
		return -1;
	}
	s->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0 || remove_stale(path) != 0 ||
	    bind(s->listener, (const struct sockaddr *)&s->address,
		 sizeof(s->address)) != 0 ||
	    chmod(path, 0600) != 0 || listen(s->listener, BACKLOG) != 0) {
		snprintf(err, 512, "cannot make the socket %.300s: %s", path,
			 strerror(errno));
		return -1;
	}
	return 0;
}

static void
server_free(struct unix_server *s)
{
	if (s->listener >= 0)
		close(s->listener);
	if (s->stop >= 0)
		close(s->stop);
	free(s);
}

struct unix_server *
unix_server_start(const char *path, const char *name, unix_peer peer, void *ctx,
		  char err[512])
{
	struct unix_server *s = malloc(sizeof(*s));

	if (!s) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	*s = (struct unix_server){
		.name = name,
		.peer = peer,
		.ctx = ctx,
		.listener = -1,
		.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	snprintf(err, 512, "cannot start the thread of %.300s", path);
	if (s->stop >= 0 && open_listener(s, path, err) == 0 &&
	    pthread_create(&s->thread, NULL, server_main, s) == 0)
		return s;
	server_free(s);
	return NULL;
}

void
unix_server_stop(struct unix_server *s)
{
	const uint64_t one = 1;

	if (!s)
		return;
	if (write(s->stop, &one, sizeof(one)) != sizeof(one))
		abort(); /* an eventfd at 0 always takes a 1 */
	pthread_join(s->thread, NULL);
	unlink(s->address.sun_path);
	server_free(s);
}

/* ---- lines -------------------------------------------------------------- */

union fd_message {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* As recv(); a later descriptor replaces an earlier one. There is room for one
 * and not for what aligns it, which could hold a second: the kernel closes
 * those that find no room. */
static ssize_t
receive(int fd, void *room, size_t n, int *passed)
{
	union fd_message control = { { 0 } };
	struct iovec iov = { room, n };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = CMSG_LEN(sizeof(int)) };
	struct cmsghdr *c;
	ssize_t got;

	if (!passed)
		return recv(fd, room, n, MSG_DONTWAIT);
	got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	c = got > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int))) {
		if (*passed >= 0)
			close(*passed);
		memcpy(passed, CMSG_DATA(c), sizeof(int));
	}
	return got;
}

static int
read_line(int fd, int stop, int timeout_ms, struct buf *line, int *passed)
{
	int64_t until = time_mono_us() + timeout_ms * 1000LL;

	for (;;) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
				       { .fd = stop, .events = POLLIN } };
		int64_t left_ms = (until - time_mono_us()) / 1000;
		size_t step = READ_STEP;
		char *room;
		ssize_t n;

		if (line->max && line->max - line->n < step)
			step = line->max - line->n;
		room = step ? buf_reserve(line, step) : NULL;
		if (!room || left_ms <= 0)
			return -1;
		if (poll(p, 2, (int)left_ms) < 0 && errno != EINTR)
			return -1;
		if (p[1].revents)
			return -1;
		n = receive(fd, room, step, passed);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -1;
		line->n += (size_t)n;
		room[n] = '\0';
		if (room[n - 1] == '\n') {
			line->p[--line->n] = '\0';
			return 0;
		}
	}
}

int
unix_read_line(int fd, int stop, int timeout_ms, struct buf *line)
{
	return read_line(fd, stop, timeout_ms, line, NULL);
}

int
unix_read_line_fd(int fd, int stop, int timeout_ms, struct buf *line,
		  int *passed)
{
	*passed = -1;
	if (read_line(fd, stop, timeout_ms, line, passed) == 0)
		return 0;
	if (*passed >= 0)
		close(*passed);
	*passed = -1;
	return -1;
}

int
unix_send_fd(int fd, struct slice data, int passed)
{
	union fd_message control = { { 0 } };
	/* sendmsg() takes void * but never writes through it. */
	union {
		const char *in;
		char *out;
	} p = { .in = data.p };
	struct iovec iov = { p.out, data.n };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t sent;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &passed, sizeof(int));
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	/* the descriptor travelled with the first byte */
	return sent <= 0 ? -1 : unix_send(fd, slice_from(data, (size_t)sent));
}

int
unix_send(int fd, struct slice data)
{
	while (data.n) {
		ssize_t n = send(fd, data.p, data.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data = slice_from(data, (size_t)n);
	}
	return 0;
}

int
unix_ask(const char *path, struct slice line, int timeout_s, struct buf *answer)
{
	int fd = unix_connect(path, timeout_s), rc = -1;

	if (fd < 0)
		return -1;
	if (unix_send(fd, line) == 0 &&
	    unix_read_line(fd, -1, timeout_s * 1000, answer) == 0)
		rc = 0;
	close(fd);
	if (rc != 0)
		errno = ECONNRESET;
	return rc;
}
