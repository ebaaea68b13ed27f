/*
 * The pool. Connections are made when needed and kept; one that broke is
 * closed, and BEGIN, the first thing said on a connection, finds that out
 * before anything is done on it.
 *
 * Shared state, all under q->lock: the idle list, the number of connections,
 * and what is known of the server. While it is down one caller at a time
 * tries again, not more often than RETRY_US; all others are told
 * QUEUE_UNAVAILABLE at once.
 */
#include "queue/pg.h"
#include "queue/pool.h"
#include "base/log.h"
#include "base/timeval.h"

#include <math.h>

#define RETRY_US (US_PER_S / 2)
#define WAIT_US (5 * US_PER_S) /* for a connection to become free */
#define TRIES 3		       /* of a transaction that met a deadlock */

/* ---- connections -------------------------------------------------------- */

static void
ignore_notice(void *ctx, const char *message)
{
	(void)ctx;
	(void)message;
}

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
	PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
	PGconn *c;
	PGresult *r;

	if (!parsed) {
		snprintf(err, 512, "not a valid connection string");
		return NULL;
	}
	PQconninfoFree(parsed);
	c = PQconnectdbParams(keys, values, 1);
	if (!c) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	PQsetNoticeProcessor(c, ignore_notice, NULL);
	if (PQstatus(c) == CONNECTION_OK) {
		r = PQexec(c, "SET statement_timeout = '30s';"
			      "SET idle_in_transaction_session_timeout = '60s';"
			      "SET timezone = 'UTC'");
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
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->freed, &attr);
	pthread_condattr_destroy(&attr);
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
	while ((conn = q->idle)) {
		q->idle = conn->next;
		conn_close(conn);
	}
	pthread_cond_destroy(&q->freed);
	pthread_mutex_destroy(&q->lock);
	free(q->conninfo);
	free(q->application_name);
	free(q);
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

/* Gives back the place of a connection, and the connection when it lives. */
static void
put_back(struct queue *q, struct pg_conn *conn, bool alive)
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

/* An idle connection, a new one, or one that becomes free in time. */
static struct pg_conn *
take(struct queue *q)
{
	int64_t deadline = time_mono_us() + WAIT_US;
	struct timespec ts = { .tv_sec = deadline / US_PER_S,
			       .tv_nsec = deadline % US_PER_S * 1000 };
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
		if (pthread_cond_timedwait(&q->freed, &q->lock, &ts) != 0)
			break;
	}
	pthread_mutex_unlock(&q->lock);
	return conn;
}

/* ---- errors ------------------------------------------------------------- */

enum queue_error
pg_error(const char *sqlstate)
{
	/* The first row whose text the SQLSTATE begins with. */
	static const struct {
		const char *prefix;
		enum queue_error err;
	} map[] = {
		{ "RG404", QUEUE_NOT_FOUND },
		{ "RG409", QUEUE_CONFLICT },
		{ "RG410", QUEUE_LOST },
		{ "08", QUEUE_UNAVAILABLE },	/* connection */
		{ "53", QUEUE_UNAVAILABLE },	/* disk, memory, connections */
		{ "57", QUEUE_UNAVAILABLE },	/* shutdown, time up */
		{ "58", QUEUE_UNAVAILABLE },	/* the server's disk */
		{ "40001", QUEUE_UNAVAILABLE }, /* serialization */
		{ "40P01", QUEUE_UNAVAILABLE }, /* deadlock */
		{ "55P03", QUEUE_UNAVAILABLE }, /* lock timeout */
		{ "25P03", QUEUE_UNAVAILABLE }, /* idle in transaction */
		{ "25006", QUEUE_UNAVAILABLE }, /* read-only: a standby */
	};

	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if (strncmp(sqlstate, map[i].prefix, strlen(map[i].prefix)) ==
		    0)
			return map[i].err;
	return QUEUE_INTERNAL;
}

static enum queue_error
failed(struct pg_conn *conn, const char *what, const PGresult *r)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	const char *text =
	    r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	enum queue_error err;

	if (PQstatus(conn->c) != CONNECTION_OK || !state)
		return QUEUE_UNAVAILABLE;
	err = pg_error(state);
	conn->deadlock = strncmp(state, "40", 2) == 0;
	if (err == QUEUE_INTERNAL)
		log_error("database_error", "%s: SQLSTATE %s: %s", what, state,
			  text ? text : "");
	else if (err == QUEUE_UNAVAILABLE)
		log_warn("database_busy", "%s: SQLSTATE %s: %s", what, state,
			 text ? text : "");
	return err;
}

/* ---- transactions ------------------------------------------------------- */

static enum queue_error
command(struct pg_conn *conn, const char *sql)
{
	PGresult *r = PQexec(conn->c, sql);
	enum queue_error err = QUEUE_OK;

	if (PQresultStatus(r) != PGRES_COMMAND_OK &&
	    PQresultStatus(r) != PGRES_TUPLES_OK)
		err = failed(conn, "transaction", r);
	PQclear(r);
	return err;
}

enum queue_error
pg_begin(struct queue *q, const char *user, struct pg_tx *tx)
{
	static const char service[] = "BEGIN; SET LOCAL ROLE service_role";
	char as_user[256];
	const char *sql = service;
	enum queue_error err;

	*tx = (struct pg_tx){ .q = q };
	if (user) {
		/* A checked UUID needs no quoting. */
		if (!uuid_valid(slice_str(user)))
			return QUEUE_NOT_FOUND;
		snprintf(as_user, sizeof(as_user),
			 "BEGIN; SET LOCAL ROLE authenticated;"
			 "SELECT set_config('request.jwt.claims', '{\"sub\":"
			 "\"%s\",\"role\":\"authenticated\"}', true)",
			 user);
		sql = as_user;
	}
	/* Connections that broke while idle are found and dropped here. */
	while ((tx->conn = take(q))) {
		tx->conn->deadlock = false;
		err = command(tx->conn, sql);
		if (err == QUEUE_OK)
			return QUEUE_OK;
		if (PQstatus(tx->conn->c) == CONNECTION_OK)
			return pg_finish(tx, err);
		put_back(q, tx->conn, false);
	}
	return QUEUE_UNAVAILABLE;
}

enum queue_error
pg_finish(struct pg_tx *tx, enum queue_error err)
{
	struct pg_conn *conn = tx->conn;
	enum queue_error end;

	if (!conn)
		return err;
	end = command(conn, err == QUEUE_OK ? "COMMIT" : "ROLLBACK");
	put_back(tx->q, conn,
		 PQstatus(conn->c) == CONNECTION_OK &&
		     PQtransactionStatus(conn->c) == PQTRANS_IDLE);
	tx->conn = NULL;
	return err == QUEUE_OK ? end : err;
}

enum queue_error
pg_become_service(struct pg_tx *tx)
{
	return command(tx->conn, "SET LOCAL ROLE service_role");
}

static enum queue_error
prepare(struct pg_conn *conn, const struct pg_stmt *stmt)
{
	PGresult *r;
	enum queue_error err = QUEUE_OK;

	for (size_t i = 0; i < conn->n_prepared; i++)
		if (conn->prepared[i] == stmt)
			return QUEUE_OK;
	if (conn->n_prepared == ARRAY_LEN(conn->prepared))
		return QUEUE_INTERNAL;
	r = PQprepare(conn->c, stmt->name, stmt->sql, 0, NULL);
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		err = failed(conn, stmt->name, r);
	else
		conn->prepared[conn->n_prepared++] = stmt;
	PQclear(r);
	return err;
}

enum queue_error
pg_exec(struct pg_tx *tx, const struct pg_stmt *stmt,
	const struct pg_args *args, PGresult **res)
{
	static const struct pg_args none;
	PGresult *r;
	enum queue_error err = prepare(tx->conn, stmt);

	if (res)
		*res = NULL;
	if (err)
		return err;
	if (!args)
		args = &none;
	r = PQexecPrepared(tx->conn->c, stmt->name, args->n, args->value,
			   args->length, args->format, 0);
	if (PQresultStatus(r) != PGRES_TUPLES_OK &&
	    PQresultStatus(r) != PGRES_COMMAND_OK)
		err = failed(tx->conn, stmt->name, r);
	if (!err && res)
		*res = r;
	else
		PQclear(r);
	return err;
}

enum queue_error
pg_run(struct queue *q, const char *user, const struct pg_stmt *stmt,
       const struct pg_args *args, PGresult **res)
{
	struct pg_tx tx;
	enum queue_error err = QUEUE_OK;
	bool again = true;

	for (int i = 0; i < TRIES && again; i++) {
		if (res)
			*res = NULL;
		err = pg_begin(q, user, &tx);
		if (err)
			return err;
		err = pg_exec(&tx, stmt, args, res);
		again = err && tx.conn->deadlock;
		err = pg_finish(&tx, err);
	}
	if (err && res) {
		PQclear(*res);
		*res = NULL;
	}
	return err;
}

enum queue_error
pg_run_row(struct queue *q, const char *user, const struct pg_stmt *stmt,
	   const struct pg_args *args, PGresult **res)
{
	enum queue_error err = pg_run(q, user, stmt, args, res);

	if (!err && PQntuples(*res) == 0) {
		PQclear(*res);
		*res = NULL;
		err = QUEUE_NOT_FOUND;
	}
	return err;
}

/* ---- arguments and results ---------------------------------------------- */

static void
add(struct pg_args *a, const char *value, size_t length, int format)
{
	if (a->n == PG_ARGS_MAX)
		abort();
	a->value[a->n] = value;
	a->length[a->n] = (int)length;
	a->format[a->n] = format;
	a->n++;
}

void
pg_text(struct pg_args *a, const char *s)
{
	add(a, s, 0, 0);
}

void
pg_bytes(struct pg_args *a, struct slice s)
{
	add(a, s.p ? s.p : "", s.n, 1);
}

void
pg_int(struct pg_args *a, int64_t v)
{
	char *text = a->number[a->n % PG_ARGS_MAX];

	snprintf(text, sizeof(a->number[0]), "%lld", (long long)v);
	add(a, text, 0, 0);
}

void
pg_real(struct pg_args *a, double v)
{
	char *text = a->number[a->n % PG_ARGS_MAX];

	snprintf(text, sizeof(a->number[0]), "%.17g", v);
	add(a, isfinite(v) ? text : NULL, 0, 0);
}

void
pg_bool(struct pg_args *a, bool v)
{
	add(a, v ? "t" : "f", 0, 0);
}

void
pg_time(struct pg_args *a, int64_t us)
{
	char *text = a->number[a->n % PG_ARGS_MAX];
	bool minus = us < 0;
	uint64_t v = minus ? -(uint64_t)us : (uint64_t)us;

	snprintf(text, sizeof(a->number[0]), "%s%llu.%06llu", minus ? "-" : "",
		 (unsigned long long)(v / US_PER_S),
		 (unsigned long long)(v % US_PER_S));
	add(a, text, 0, 0);
}

const char *
pg_get(const PGresult *res, int row, int col, struct arena *a)
{
	if (PQgetisnull(res, row, col))
		return NULL;
	return arena_cstr(a, slice_mem(PQgetvalue(res, row, col),
				       (size_t)PQgetlength(res, row, col)));
}

int64_t
pg_get_int(const PGresult *res, int row, int col, int64_t null)
{
	return PQgetisnull(res, row, col)
		   ? null
		   : strtoll(PQgetvalue(res, row, col), NULL, 10);
}

double
pg_get_real(const PGresult *res, int row, int col, double null)
{
	return PQgetisnull(res, row, col)
		   ? null
		   : strtod(PQgetvalue(res, row, col), NULL);
}

void
pg_get_uuid(const PGresult *res, int row, int col, char out[UUID_TEXT_MAX])
{
	snprintf(out, UUID_TEXT_MAX, "%s", PQgetvalue(res, row, col));
}
