/*
 * A thread accepts; each peer gets a thread of its own, since its answer may
 * be minutes away. `peers` under `lock` bounds them and lets stop wait.
 */
#include "processor/control.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define PEER_TIMEOUT_S 5

struct control {
	struct worker *worker;
	struct sockaddr_un address;
	int listener;
	int stop; /* eventfd */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned peers;
};

struct peer {
	struct control *control;
	int fd;
};

static bool
peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return false;
	if (peer.uid == geteuid() || peer.uid == 0)
		return true;
	log_warn("control_refused", "peer with uid %u", (unsigned)peer.uid);
	return false;
}

static bool
read_request(int fd)
{
	char line[LINE_BYTES];
	size_t n = 0;
	cJSON *doc;
	const char *op;
	bool ok;

	while (n == 0 || line[n - 1] != '\n') {
		ssize_t got = n < sizeof(line)
				  ? recv(fd, line + n, sizeof(line) - n, 0)
				  : -1;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	doc = json_parse(slice_mem(line, n));
	op = json_str(doc, "op");
	ok = op && strcmp(op, "process_one") == 0;
	cJSON_Delete(doc);
	return ok;
}

static void
send_line(int fd, struct slice line)
{
	if (send(fd, line.p, line.n, MSG_NOSIGNAL) != (ssize_t)line.n)
		log_debug("control_peer", "gone before its answer");
}

static void *
peer_main(void *arg)
{
	struct peer *peer = arg;
	struct control *c = peer->control;
	struct buf answer = BUF_INIT;

	pthread_setname_np(pthread_self(), "control");
	if (read_request(peer->fd))
		worker_process_one(c->worker, &answer);
	else
		buf_puts(&answer, "{\"error\":\"bad_request\"}");
	buf_putc(&answer, '\n');
	if (buf_ok(&answer))
		send_line(peer->fd, buf_slice(&answer));
	buf_release(&answer);
	close(peer->fd);
	free(peer);
	pthread_mutex_lock(&c->lock);
	c->peers--;
	pthread_cond_signal(&c->left);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static bool
peer_count(struct control *c)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = c->peers < CONTROL_PEERS_MAX;
	c->peers += room;
	pthread_mutex_unlock(&c->lock);
	return room;
}

static void
peer_uncount(struct control *c)
{
	pthread_mutex_lock(&c->lock);
	c->peers--;
	pthread_mutex_unlock(&c->lock);
}

/* Takes fd in every case. */
static void
serve(struct control *c, int fd)
{
	const struct timeval timeout = { .tv_sec = PEER_TIMEOUT_S };
	struct peer *peer = malloc(sizeof(*peer));
	pthread_t thread;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (!peer_allowed(fd) || !peer)
		goto refuse;
	*peer = (struct peer){ c, fd };
	if (!peer_count(c)) {
		send_line(fd, SLICE("{\"error\":\"busy\"}\n"));
		goto refuse;
	}
	if (pthread_create(&thread, NULL, peer_main, peer) == 0) {
		pthread_detach(thread);
		return;
	}
	peer_uncount(c);
refuse:
	free(peer);
	close(fd);
}

static void *
control_main(void *arg)
{
	struct control *c = arg;

	pthread_setname_np(pthread_self(), "control");
	for (;;) {
		struct pollfd p[2] = { { .fd = c->listener, .events = POLLIN },
				       { .fd = c->stop, .events = POLLIN } };
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			return NULL;
		fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve(c, fd);
		else if (errno != EAGAIN && errno != ECONNABORTED)
			poll(&p[1], 1, 100); /* out of descriptors */
	}
}

/* Whoever holds the lock on DATA/work owns the socket's name. */
static int
open_listener(struct control *c, const char *path, char err[512])
{
	struct stat st;

	if (strlen(path) >= sizeof(c->address.sun_path)) {
		snprintf(err, 512,
			 "socket path %.300s is longer than %zu bytes: choose "
			 "a shorter data directory",
			 path, sizeof(c->address.sun_path) - 1);
		return -1;
	}
	c->address.sun_family = AF_UNIX;
	snprintf(c->address.sun_path, sizeof(c->address.sun_path), "%s", path);
	c->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	if (c->listener < 0 ||
	    bind(c->listener, (const struct sockaddr *)&c->address,
		 sizeof(c->address)) != 0 ||
	    chmod(path, 0600) != 0 || listen(c->listener, 64) != 0) {
		snprintf(err, 512, "cannot make the socket %.300s: %s", path,
			 strerror(errno));
		return -1;
	}
	return 0;
}

struct control *
control_start(struct worker *w, const char *socket_path, char err[512])
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	c->worker = w;
	c->listener = -1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->left, NULL);
	c->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	snprintf(err, 512, "cannot start the control thread");
	if (c->stop >= 0 && open_listener(c, socket_path, err) == 0)
		c->started =
		    pthread_create(&c->thread, NULL, control_main, c) == 0;
	if (c->started)
		return c;
	control_stop(c);
	return NULL;
}

void
control_stop(struct control *c)
{
	const uint64_t one = 1;

	if (!c)
		return;
	if (c->started) {
		if (write(c->stop, &one, sizeof(one)) != sizeof(one))
			abort(); /* an eventfd at 0 always takes a 1 */
		pthread_join(c->thread, NULL);
		unlink(c->address.sun_path);
	}
	pthread_mutex_lock(&c->lock);
	while (c->peers)
		pthread_cond_wait(&c->left, &c->lock);
	pthread_mutex_unlock(&c->lock);
	if (c->listener >= 0)
		close(c->listener);
	if (c->stop >= 0)
		close(c->stop);
	pthread_cond_destroy(&c->left);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
