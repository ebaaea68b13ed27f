/*
 * The admin server: a thread for each peer, one command for each peer. A
 * command is a row of the table and a function that fills the answer or says
 * what is wrong; it may take its time, the others do not wait.
 *
 * Shared state: which of a->peers are taken, under a->lock. The stop descriptor
 * of the socket's server is duplicated for each peer, since it ends before the
 * last of them.
 */
#include "gateway/admin.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/unix_socket.h"
#include "gateway/admin_command.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define PEER_TIMEOUT_MS 5000
#define ARENA_MAX (64u << 20) /* every account there may be */
#define PEERS_MAX 16u

struct peer {
	struct admin_server *server; /* NULL: the place is free */
	int fd;
	int stop;
};

struct admin_server {
	struct admin_conf conf;
	struct unix_server *server;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct peer peers[PEERS_MAX];
};

static const struct {
	const char *name;
	int (*run)(struct admin_command *c);
} commands[] = {
	{ "user add", admin_user_add },
	{ "user list", admin_user_list },
	{ "user remove", admin_user_remove },
	{ "key add", admin_key_add },
	{ "key remove", admin_key_remove },
	{ "backup", admin_backup },
	{ "scrub start", admin_scrub_start },
	{ "scrub stop", admin_scrub_stop },
	{ "scrub status", admin_scrub_status },
	{ "migrate start", admin_migrate_start },
	{ "migrate stop", admin_migrate_stop },
	{ "migrate status", admin_migrate_status },
	{ "events tail", admin_events_tail },
	{ "events status", admin_events_status },
	{ "events replay", admin_events_replay },
	{ "events resync", admin_events_resync },
};

struct slice
admin_argument(const struct admin_command *c, const char *name)
{
	return slice_str(json_str(c->request, name));
}

static int
run(struct admin_command *c)
{
	struct slice name = admin_argument(c, "command");

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (slice_eq_str(name, commands[i].name))
			return commands[i].run(c);
	snprintf(c->err, sizeof(c->err), "no such command");
	return -1;
}

/* ---- one peer ------------------------------------------------------------ */

/* Ends the document and sends it as a line. */
static int
send_answer(int fd, struct buf *out)
{
	json_close_object(out);
	buf_putc(out, '\n');
	if (buf_ok(out) && unix_send(fd, buf_slice(out)) == 0)
		return 0;
	log_warn("admin_answer", "a command could not be answered");
	return -1;
}

int
admin_answer_early(struct admin_command *c)
{
	int rc = send_answer(c->fd, c->answer);

	buf_clear(c->answer);
	return rc;
}

/* One that has answered early has left nothing to send. */
static void
serve_line(const struct peer *p, struct slice line, int passed, struct buf *out)
{
	cJSON *request = json_parse(line);
	struct admin_command c = { .conf = &p->server->conf,
				   .store = p->server->conf.store,
				   .accounts = p->server->conf.accounts,
				   .request = request,
				   .answer = out,
				   .fd = p->fd,
				   .stop = p->stop,
				   .passed = passed };

	arena_init(&c.arena, ARENA_MAX);
	json_open_object(out, NULL);
	if (run(&c) != 0) {
		buf_clear(out);
		json_open_object(out, NULL);
		json_put_str(out, "error", c.err);
	}
	if (out->n)
		(void)send_answer(p->fd, out);
	json_wipe(request, "secret_key");
	json_wipe(request, "session_token");
	cJSON_Delete(request);
	arena_release(&c.arena);
}

static void
serve(const struct peer *p)
{
	struct buf line = BUF_MAX(LINE_MAX_BYTES), out = BUF_INIT;
	int passed;

	buf_reserve(&out, 4096); /* a secret is not to be moved about */
	unix_set_timeout(p->fd, PEER_TIMEOUT_MS / 1000);
	if (unix_read_line_fd(p->fd, p->stop, PEER_TIMEOUT_MS, &line,
			      &passed) == 0)
		serve_line(p, buf_slice(&line), passed, &out);
	if (passed >= 0)
		close(passed);
	secret_release(&out);
	secret_release(&line);
}

/* ---- the server ---------------------------------------------------------- */

static void
leave(struct peer *p)
{
	struct admin_server *a = p->server;

	close(p->fd);
	if (p->stop >= 0)
		close(p->stop);
	pthread_mutex_lock(&a->lock);
	p->server = NULL;
	pthread_cond_signal(&a->ended);
	pthread_mutex_unlock(&a->lock);
}

static void *
peer_main(void *arg)
{
	struct peer *p = arg;

	pthread_setname_np(pthread_self(), "admin-peer");
	serve(p);
	leave(p);
	return NULL;
}

/* A free place, taken, or NULL. */
static struct peer *
enter(struct admin_server *a)
{
	struct peer *found = NULL;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < PEERS_MAX && !found; i++)
		if (!a->peers[i].server)
			found = &a->peers[i];
	if (found)
		found->server = a;
	pthread_mutex_unlock(&a->lock);
	return found;
}

static int
start_detached(struct peer *p)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, peer_main, p);
	pthread_attr_destroy(&attr);
	return rc;
}

static void
accept_peer(void *ctx, int fd, int stop)
{
	struct peer *p = enter(ctx);

	if (!p) {
		log_warn("admin_peer", "too many commands run already");
		close(fd);
		return;
	}
	p->fd = fd;
	p->stop = fcntl(stop, F_DUPFD_CLOEXEC, 0);
	if (p->stop < 0 || start_detached(p) != 0) {
		log_warn("admin_peer", "no thread for a command");
		leave(p);
	}
}

static bool
all_left(const struct admin_server *a)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (a->peers[i].server)
			return false;
	return true;
}

struct admin_server *
admin_start(const struct admin_conf *conf, const char *socket_path,
	    char err[512])
{
	struct admin_server *a = malloc(sizeof(*a));

	if (!a) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	*a = (struct admin_server){ .conf = *conf };
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->ended, NULL);
	a->server =
	    unix_server_start(socket_path, "admin", accept_peer, a, err);
	if (a->server)
		return a;
	admin_stop(a);
	return NULL;
}

void
admin_stop(struct admin_server *a)
{
	if (!a)
		return;
	unix_server_stop(a->server);
	pthread_mutex_lock(&a->lock);
	while (!all_left(a))
		pthread_cond_wait(&a->ended, &a->lock);
	pthread_mutex_unlock(&a->lock);
	pthread_cond_destroy(&a->ended);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
