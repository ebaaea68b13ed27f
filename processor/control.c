/*
 * Each peer gets a thread of its own, since its answer may be minutes away.
 * `peers` under `lock` bounds them and lets stop wait.
 */
#include "processor/control.h"
#include "base/json.h"
#include "base/log.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define PEER_TIMEOUT_S 5

struct control {
	struct worker *worker;
	struct unix_server *server;
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned peers;
};

struct peer {
	struct control *control;
	int fd;
};

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
serve(void *ctx, int fd, int stop)
{
	struct control *c = ctx;
	struct peer *peer = malloc(sizeof(*peer));
	pthread_t thread;

	(void)stop; /* short: what takes long is in a thread of its own */
	unix_set_timeout(fd, PEER_TIMEOUT_S);
	if (!peer)
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

struct control *
control_start(struct worker *w, const char *socket_path, char err[512])
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	c->worker = w;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->left, NULL);
	c->server = unix_server_start(socket_path, "control", serve, c, err);
	if (c->server)
		return c;
	control_stop(c);
	return NULL;
}

void
control_stop(struct control *c)
{
	if (!c)
		return;
	unix_server_stop(c->server);
	pthread_mutex_lock(&c->lock);
	while (c->peers)
		pthread_cond_wait(&c->left, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_destroy(&c->left);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
