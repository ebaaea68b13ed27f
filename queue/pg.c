/*
 * Transactions and statements. A statement that is a transaction by itself
 * travels in a pipeline with the role it is to have: one round trip, and what
 * stands before the pipeline's end is one transaction.
 */
#include "queue/pool.h"
#include "base/log.h"
#include "base/random.h"

#include <poll.h>

#define TRIES 3 /* of a transaction that met a deadlock */

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
		{ "23505", QUEUE_CONFLICT },	/* unique */
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
	    PQresultStatus(r) != PGRES_TUPLES_OK &&
	    PQresultStatus(r) != PGRES_EMPTY_QUERY)
		err = failed(conn, "transaction", r);
	PQclear(r);
	return err;
}

static bool
conn_sound(const struct pg_conn *conn)
{
	return PQstatus(conn->c) == CONNECTION_OK &&
	       PQpipelineStatus(conn->c) == PQ_PIPELINE_OFF &&
	       PQtransactionStatus(conn->c) == PQTRANS_IDLE;
}

/*
 * A connection on which nothing has been said since it was last used. The
 * server says something on its own only when it ends a connection.
 */
static struct pg_conn *
take_alive(struct queue *q)
{
	struct pg_conn *conn;

	while ((conn = pool_take(q))) {
		struct pollfd pfd = { .fd = PQsocket(conn->c),
				      .events = POLLIN };

		conn->deadlock = false;
		if (poll(&pfd, 1, 0) == 0 || command(conn, "") == QUEUE_OK)
			return conn;
		pool_put(q, conn, false);
	}
	return NULL;
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
	tx->conn = take_alive(q);
	if (!tx->conn)
		return QUEUE_UNAVAILABLE;
	err = command(tx->conn, sql);
	return err ? pg_finish(tx, err) : QUEUE_OK;
}

enum queue_error
pg_finish(struct pg_tx *tx, enum queue_error err)
{
	struct pg_conn *conn = tx->conn;
	enum queue_error end;

	if (!conn)
		return err;
	end = command(conn, err == QUEUE_OK ? "COMMIT" : "ROLLBACK");
	pool_put(tx->q, conn, conn_sound(conn));
	tx->conn = NULL;
	return err == QUEUE_OK ? end : err;
}

enum queue_error
pg_become_service(struct pg_tx *tx)
{
	return command(tx->conn, "SET LOCAL ROLE service_role");
}

static bool
is_prepared(const struct pg_conn *conn, const struct pg_stmt *stmt)
{
	for (size_t i = 0; i < conn->n_prepared; i++)
		if (conn->prepared[i] == stmt)
			return true;
	return false;
}

static enum queue_error
prepare(struct pg_conn *conn, const struct pg_stmt *stmt)
{
	PGresult *r;
	enum queue_error err = QUEUE_OK;

	if (is_prepared(conn, stmt))
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

/* ---- one statement, one round trip --------------------------------------- */

/* What is on its way: of each answer to come, the statement that it says to
 * be prepared, or NULL. */
struct flight {
	const struct pg_stmt *prepares[4];
	int n;
};

static bool
send(struct pg_conn *conn, const struct pg_stmt *stmt,
     const struct pg_args *args, struct flight *flight)
{
	if (!is_prepared(conn, stmt)) {
		if (!PQsendPrepare(conn->c, stmt->name, stmt->sql, 0, NULL))
			return false;
		flight->prepares[flight->n++] = stmt;
	}
	if (!PQsendQueryPrepared(conn->c, stmt->name, args->n, args->value,
				 args->length, args->format, 0))
		return false;
	flight->prepares[flight->n++] = NULL;
	return true;
}

/* All answers up to the end of the pipeline; *last is the statement's. */
static enum queue_error
collect(struct pg_conn *conn, const char *what, const struct flight *flight,
	PGresult **last)
{
	enum queue_error err = QUEUE_OK;
	PGresult *r;

	for (int i = 0; i < flight->n; i++) {
		ExecStatusType status;

		PQclear(*last);
		*last = PQgetResult(conn->c);
		status = PQresultStatus(*last);
		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
			if (!err)
				err = failed(conn, what, *last);
		} else if (flight->prepares[i]) {
			conn->prepared[conn->n_prepared++] =
			    flight->prepares[i];
		}
		while ((r = PQgetResult(conn->c)))
			PQclear(r);
		if (PQstatus(conn->c) != CONNECTION_OK)
			return QUEUE_UNAVAILABLE;
	}
	r = PQgetResult(conn->c); /* the end of the pipeline: committed */
	if (!err && PQresultStatus(r) != PGRES_PIPELINE_SYNC)
		err = failed(conn, what, r);
	PQclear(r);
	return err;
}

static enum queue_error
run_piped(struct pg_conn *conn, const char *user, const struct pg_stmt *stmt,
	  const struct pg_args *args, PGresult **res)
{
	static const struct pg_stmt as_service = {
		"as_service", "SELECT set_config('role', 'service_role', true)"
	};
	static const struct pg_stmt as_user = {
		"as_user", "SELECT set_config('role', 'authenticated', true),"
			   " set_config('request.jwt.claims', $1, true)"
	};
	const struct pg_stmt *role = user ? &as_user : &as_service;
	struct pg_args role_args = { 0 };
	struct flight flight = { 0 };
	enum queue_error err = QUEUE_UNAVAILABLE;
	char claims[96];

	if (conn->n_prepared + 2 > ARRAY_LEN(conn->prepared))
		return QUEUE_INTERNAL;
	if (user) {
		snprintf(claims, sizeof(claims),
			 "{\"sub\":\"%s\",\"role\":\"authenticated\"}", user);
		pg_text(&role_args, claims);
	}
	if (PQenterPipelineMode(conn->c) &&
	    send(conn, role, &role_args, &flight) &&
	    send(conn, stmt, args, &flight) && PQpipelineSync(conn->c))
		err = collect(conn, stmt->name, &flight, res);
	PQexitPipelineMode(conn->c);
	return err;
}

enum queue_error
pg_run(struct queue *q, const char *user, const struct pg_stmt *stmt,
       const struct pg_args *args, PGresult **res)
{
	static const struct pg_args none;
	enum queue_error err = QUEUE_OK;
	PGresult *r = NULL;
	bool again = true;

	if (res)
		*res = NULL;
	/* A checked UUID needs no quoting. */
	if (user && !uuid_valid(slice_str(user)))
		return QUEUE_NOT_FOUND;
	for (int i = 0; i < TRIES && again; i++) {
		struct pg_conn *conn = take_alive(q);

		if (!conn)
			return QUEUE_UNAVAILABLE;
		err = run_piped(conn, user, stmt, args ? args : &none, &r);
		again = err && conn->deadlock;
		pool_put(q, conn, conn_sound(conn));
	}
	if (!err && res)
		*res = r;
	else
		PQclear(r);
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

enum queue_error
pg_find(struct queue *q, const char *user, const struct pg_stmt *stmt,
	const char *id, pg_reader read, struct arena *a, void *out)
{
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	if (!uuid_valid(slice_str(id)))
		return QUEUE_NOT_FOUND;
	pg_text(&args, id);
	err = pg_run_row(q, user, stmt, &args, &r);
	if (err)
		return err;
	read(r, 0, a, out);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

void *
pg_page(PGresult *res, pg_reader read, size_t size, struct arena *a, size_t *n,
	int total_column, uint64_t *total)
{
	int rows = PQntuples(res);
	char *out;

	if (total)
		*total = (uint64_t)pg_get_int(res, 0, total_column, 0);
	if (rows == 1 && PQgetisnull(res, 0, 0))
		rows = 0;
	*n = (size_t)rows;
	out = arena_array(a, *n, size);
	for (int i = 0; out && i < rows; i++)
		read(res, i, a, out + (size_t)i * size);
	PQclear(res);
	return out;
}
