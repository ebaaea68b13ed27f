/*
 * Notifications: a connection of its own that LISTENs and is made again when
 * it breaks. What was notified while it was away is unknown, so a new
 * connection counts as a notification.
 */
#include "queue/pg.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <poll.h>

#define RETRY_MS 500

struct queue_listener {
	const struct queue *q;
	char *sql; /* LISTEN a;LISTEN b */
	PGconn *c;
	PGnotify *note; /* the one last received */
	bool unread;	/* and not handed out */
	bool down;	/* said so in the log */
};

struct queue_listener *
queue_listen(struct queue *q, const char *const *channels)
{
	struct queue_listener *l = calloc(1, sizeof(*l));
	struct buf sql = BUF_INIT;

	/* Names of ours: what stands between the quotes has none. */
	for (size_t i = 0; channels[i]; i++)
		buf_printf(&sql, "LISTEN \"%s\";", channels[i]);
	if (!l || !buf_ok(&sql)) {
		buf_release(&sql);
		free(l);
		return NULL;
	}
	l->q = q;
	l->sql = buf_steal(&sql);
	return l;
}

static void
forget_note(struct queue_listener *l)
{
	PQfreemem(l->note);
	l->note = NULL;
}

void
queue_listener_close(struct queue_listener *l)
{
	if (!l)
		return;
	forget_note(l);
	PQfinish(l->c);
	free(l->sql);
	free(l);
}

static void
hang_up(struct queue_listener *l)
{
	PQfinish(l->c);
	l->c = NULL;
}

static int
listen_again(struct queue_listener *l)
{
	char err[512];
	PGresult *r;
	int rc = -1;

	l->c =
	    pg_connect(queue_conninfo(l->q), queue_application_name(l->q), err);
	if (l->c) {
		r = PQexec(l->c, l->sql);
		if (PQresultStatus(r) == PGRES_COMMAND_OK)
			rc = 0;
		else
			snprintf(err, sizeof(err), "%s", PQerrorMessage(l->c));
		PQclear(r);
	}
	if (rc != 0) {
		if (!l->down)
			log_warn("listen_failed", "%s", err);
		hang_up(l);
	}
	l->down = rc != 0;
	return rc;
}

bool
queue_listener_next(struct queue_listener *l, struct queue_note *out)
{
	if (!l->unread) {
		forget_note(l);
		l->note = l->c ? PQnotifies(l->c) : NULL;
	}
	l->unread = false;
	if (!l->note)
		return false;
	*out = (struct queue_note){ l->note->relname, l->note->extra };
	return true;
}

int
queue_listener_wait(struct queue_listener *l, int timeout_ms)
{
	int64_t deadline = time_mono_us() + timeout_ms * 1000LL;
	struct queue_note old;

	if (!l->c) {
		if (listen_again(l) == 0)
			return 1;
		poll(NULL, 0, timeout_ms < RETRY_MS ? timeout_ms : RETRY_MS);
		return -1;
	}
	while (queue_listener_next(l, &old))
		;
	for (;;) {
		int64_t left_ms = (deadline - time_mono_us() + 999) / 1000;
		struct pollfd pfd = { .fd = PQsocket(l->c), .events = POLLIN };
		int ready;

		if ((l->note = PQnotifies(l->c))) {
			l->unread = true;
			return 1;
		}
		ready = poll(&pfd, 1, left_ms > 0 ? (int)left_ms : 0);
		if (ready == 0)
			return 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0 || !PQconsumeInput(l->c) ||
		    PQstatus(l->c) != CONNECTION_OK) {
			hang_up(l);
			return -1;
		}
	}
}
