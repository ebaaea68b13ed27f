/*
 * The pool. Connections are made when needed and kept; one that broke is
 * closed by whoever finds out.
 *
 * Shared state, all under q->lock: the idle list, the number of connections,
 * and what is known of the server. While it is down one caller at a time
 * tries again, not more often than RETRY_US; all others are told so at once.
 */
#include "queue/pool.h"
#include "base/log.h"
#include "base/timeval.h"

#define RETRY_US (US_PER_S / 2)
#define WAIT_US (5 * US_PER_S) /* for a connection to become free */

static void
ignore_notice(void *ctx, const char *message)
{
	(void)ctx;
	(void)message;
}

/*
 * Every statement of ours has its index. The planner is not left to find that
 * out from statistics: in a young database they are missing, and a plan made
 * for an empty table stays in the session while the table grows. Nor is a
 * statement planned anew for each length of its arrays.
 */
static const char session[] = "SET statement_timeout = '30s';"
			      "SET idle_in_transaction_session_timeout = '60s';"
			      "SET enable_seqscan = off;"
			      "SET enable_bitmapscan = off;"
			      "SET plan_cache_mode = force_generic_plan;"
			      "SET jit = off;"
			      "SET timezone = 'UTC'";

PGconn *
pg_connect(const char *conninfo, const char *application_name, char err[512])
{
	/* What stands before dbname can be overridden by the string in it. */
	const char *const keys[] = { "connect_timeout",
				     "application_name",
				     "client_encoding",
				     "keepalives_idle",
				     "keepalives_interval",
				     "keepalives_count",
				     "tcp_user_timeout",
				     "dbname",
				     NULL };
	const char *const values[] = {
		"5", application_name, "UTF8",	 "30", "10",
		"3", "30000",	       conninfo, NULL
	};
	PGconn *c;
	PGresult *r;

	if (!queue_conninfo_is_sound(conninfo)) {
		snprintf(err, 512, "not a valid connection string");
		return NULL;
	}
	c = PQconnectdbParams(keys, values, 1);
	if (!c) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	PQsetNoticeProcessor(c, ignore_notice, NULL);
	if (PQstatus(c) == CONNECTION_OK) {
		r = PQexec(c, session);
		if (PQresultStatus(r) == PGRES_COMMAND_OK) {
			PQclear(r);
			return c;
		}
		PQclear(r);
	}
	snprintf(err, 512, "%s", PQerrorMessage(c));
	err[strcspn(err, "\n")] = '\0';
	PQfinish(c);
	return NULL;
}

bool
queue_conninfo_is_sound(const char *conninfo)
{
	PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);

	PQconninfoFree(parsed);
	return parsed;
}

struct queue *
queue_open(const char *conninfo, unsigned max_connections,
	   const char *application_name)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->conninfo = strdup(conninfo);
	q->application_name = strdup(application_name);
	q->max = max_connections ? max_connections : 1;
	pthread_mutex_init(&q->lock, NULL);
	time_cond_init(&q->freed);
	floors_init(&q->floors);
	if (!q->conninfo || !q->application_name) {
		queue_close(q);
		return NULL;
	}
	return q;
}

static void
conn_close(struct pg_conn *conn)
{
	PQfinish(conn->c);
	free(conn);
}

void
queue_close(struct queue *q)
{
	struct pg_conn *conn;

	if (!q)
		return;
	waker_stop(q->waker);
	while ((conn = q->idle)) {
		q->idle = conn->next;
		conn_close(conn);
	}
	floors_release(&q->floors);
	pthread_cond_destroy(&q->freed);
	pthread_mutex_destroy(&q->lock);
	free(q->conninfo);
	free(q->application_name);
	free(q);
}

void
queue_wake(struct queue *q, const char *type)
{
	struct waker *w;

	pthread_mutex_lock(&q->lock);
	if (!q->waker)
		q->waker = waker_start(q);
	w = q->waker;
	pthread_mutex_unlock(&q->lock);
	if (w)
		waker_mark(w, type);
	else
		log_warn("wake_failed", "workers find the jobs by polling");
}

const char *
queue_conninfo(const struct queue *q)
{
	return q->conninfo;
}

const char *
queue_application_name(const struct queue *q)
{
	return q->application_name;
}

void
pool_put(struct queue *q, struct pg_conn *conn, bool alive)
{
	pthread_mutex_lock(&q->lock);
	if (alive) {
		conn->next = q->idle;
		q->idle = conn;
	} else {
		q->open--;
	}
	pthread_cond_signal(&q->freed);
	pthread_mutex_unlock(&q->lock);
	if (!alive)
		conn_close(conn);
}

/* Called with the lock held; connects without it. */
static struct pg_conn *
open_one(struct queue *q)
{
	struct pg_conn *conn = calloc(1, sizeof(*conn));
	char err[512] = "out of memory";
	bool was_down = q->down;

	q->open++;
	q->probing = was_down;
	pthread_mutex_unlock(&q->lock);
	if (conn)
		conn->c = pg_connect(q->conninfo, q->application_name, err);
	pthread_mutex_lock(&q->lock);
	if (was_down)
		q->probing = false;
	if (conn && conn->c) {
		if (q->down)
			log_info("database_available", "connected");
		q->down = false;
		return conn;
	}
	free(conn);
	q->open--;
	if (!q->down)
		log_warn("database_unavailable", "%s", err);
	q->down = true;
	q->retry_us = time_mono_us() + RETRY_US;
	pthread_cond_broadcast(&q->freed);
	return NULL;
}

struct pg_conn *
pool_take(struct queue *q)
{
	int64_t deadline = time_mono_us() + WAIT_US;
	struct pg_conn *conn = NULL;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		if ((conn = q->idle)) {
			q->idle = conn->next;
			break;
		}
		if (q->down && (q->probing || time_mono_us() < q->retry_us))
			break;
		if (q->open < q->max) {
			conn = open_one(q);
			break;
		}
		if (!time_cond_wait(&q->freed, &q->lock, deadline))
			break;
	}
	pthread_mutex_unlock(&q->lock);
	return conn;
}
