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
	char *channel;
	PGconn *c;
	bool down; /* said so in the log */
};

struct queue_listener *
queue_listen(struct queue *q, const char *channel)
{
	struct queue_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->q = q;
	l->channel = strdup(channel);
	if (!l->channel) {
		free(l);
		return NULL;
	}
	return l;
}

void
queue_listener_close(struct queue_listener *l)
{
	if (!l)
		return;
	PQfinish(l->c);
	free(l->channel);
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
	char err[512], sql[128];
	char *name;
	PGresult *r;
	int rc = -1;

	l->c =
	    pg_connect(queue_conninfo(l->q), queue_application_name(l->q), err);
	if (l->c) {
		name = PQescapeIdentifier(l->c, l->channel, strlen(l->channel));
		snprintf(sql, sizeof(sql), "LISTEN %s", name ? name : "");
		PQfreemem(name);
		r = PQexec(l->c, sql);
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

/* Takes all notifications that have arrived. */
static bool
drain(PGconn *c)
{
	PGnotify *note;
	bool any = false;

	while ((note = PQnotifies(c))) {
		PQfreemem(note);
		any = true;
	}
	return any;
}

int
queue_listener_wait(struct queue_listener *l, int timeout_ms)
{
	int64_t deadline = time_mono_us() + timeout_ms * 1000LL;

	if (!l->c) {
		if (listen_again(l) == 0)
			return 1;
		poll(NULL, 0, timeout_ms < RETRY_MS ? timeout_ms : RETRY_MS);
		return -1;
	}
	for (;;) {
		int64_t left_ms = (deadline - time_mono_us() + 999) / 1000;
		struct pollfd pfd = { .fd = PQsocket(l->c), .events = POLLIN };
		int ready;

		if (drain(l->c))
			return 1;
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
