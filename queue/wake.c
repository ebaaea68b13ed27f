/*
 * Waking workers when jobs were added. A commit that notifies costs several
 * times one that does not, and takes a lock of the whole server while it
 * syncs; so the committing connection never does it. One thread notifies over
 * a connection of its own, each type at once and then at most each SPACING.
 *
 * No wake-up is lost: a type is marked after the commit of its jobs, and the
 * mark goes before the notification leaves; what is marked while it is on its
 * way is notified again. A notification that failed marks its types anew.
 * Only the end of the process between commit and mark loses one, and then the
 * workers' poll finds the job.
 *
 * Shared state: struct waker, all under its lock.
 */
#include "queue/wake.h"
#include "base/log.h"
#include "base/timeval.h"

#include <pthread.h>
#include <stdlib.h>

#define SPACING_US 20000
#define RETRY_US (US_PER_S / 2)
#define TYPES_MAX 16
#define TYPE_MAX 64

struct mark {
	char type[TYPE_MAX];
	bool due;	 /* jobs were added that nobody was told of */
	int64_t from_us; /* monotonic: not to be told before */
};

struct waker {
	const struct queue *q;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* all below: lock */
	struct mark marks[TYPES_MAX];
	size_t n;
	bool stop;
};

/* The mark of a type. The last one names none, for all that find no room. */
static struct mark *
mark_of(struct waker *w, const char *type)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->marks[i].type, type) == 0)
			return &w->marks[i];
	if (w->n >= TYPES_MAX - 1 || strlen(type) >= TYPE_MAX) {
		w->n = TYPES_MAX;
		return &w->marks[TYPES_MAX - 1];
	}
	snprintf(w->marks[w->n].type, TYPE_MAX, "%s", type);
	return &w->marks[w->n++];
}

/*
 * Takes the types whose time has come, as an array for PostgreSQL; false when
 * the waker is to end. Marks that are left at the end are taken at once.
 */
static bool
next_types(struct waker *w, struct buf *types)
{
	pthread_mutex_lock(&w->lock);
	for (;;) {
		int64_t now = time_mono_us(), wake_us = INT64_MAX;

		for (size_t i = 0; i < w->n; i++) {
			struct mark *m = &w->marks[i];

			if (!m->due)
				continue;
			if (m->from_us > now && !w->stop) {
				if (m->from_us < wake_us)
					wake_us = m->from_us;
				continue;
			}
			pg_array_text(types, m->type);
			m->due = false;
			m->from_us = now + SPACING_US;
		}
		if (types->n || w->stop)
			break;
		time_cond_wait(&w->changed, &w->lock, wake_us);
	}
	pthread_mutex_unlock(&w->lock);
	return types->n > 0;
}

/* Everything is due again, a little later: the server was away. */
static bool
mark_all(struct waker *w)
{
	int64_t from_us = time_mono_us() + RETRY_US;
	bool stop;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n; i++) {
		w->marks[i].due = true;
		w->marks[i].from_us = from_us;
	}
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return !stop;
}

static PGconn *
connect_lazily(const struct waker *w, PGconn *c)
{
	char err[512];
	PGresult *r;

	if (c && PQstatus(c) == CONNECTION_OK)
		return c;
	PQfinish(c);
	c = pg_connect(queue_conninfo(w->q), queue_application_name(w->q), err);
	if (!c)
		return NULL;
	/* A notification that a crash takes along concerns nobody any more. */
	r = PQexec(c, "SET synchronous_commit = off");
	PQclear(r);
	return c;
}

static bool
notify(PGconn *c, struct buf *types)
{
	static const char sql[] =
	    "SELECT pg_notify('job_queue', t) FROM unnest($1::text[]) u (t)";
	struct pg_args args = { 0 };
	PGresult *r;
	bool ok;

	pg_array(&args, types);
	if (!buf_ok(types))
		return false;
	r = PQexecParams(c, sql, args.n, NULL, args.value, NULL, NULL, 0);
	ok = PQresultStatus(r) == PGRES_TUPLES_OK;
	PQclear(r);
	return ok;
}

static void *
waker_main(void *arg)
{
	struct waker *w = arg;
	struct buf types = BUF_INIT;
	PGconn *c = NULL;

	pthread_setname_np(pthread_self(), "waker");
	while (next_types(w, &types)) {
		c = connect_lazily(w, c);
		if ((!c || !notify(c, &types)) && !mark_all(w))
			break;
		buf_clear(&types);
	}
	PQfinish(c);
	buf_release(&types);
	return NULL;
}

struct waker *
waker_start(const struct queue *q)
{
	struct waker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->q = q;
	pthread_mutex_init(&w->lock, NULL);
	time_cond_init(&w->changed);
	if (pthread_create(&w->thread, NULL, waker_main, w) == 0)
		return w;
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

void
waker_stop(struct waker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void
waker_mark(struct waker *w, const char *type)
{
	struct mark *m;

	pthread_mutex_lock(&w->lock);
	m = mark_of(w, type);
	if (!m->due) {
		m->due = true;
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}
