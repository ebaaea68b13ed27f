/*
 * pg.h - how the queue's files talk to PostgreSQL: a pool of connections,
 * transactions with a role, prepared statements. Inside queue/ only.
 *
 * Threads: struct queue any; a struct pg_tx belongs to one thread.
 */
#ifndef QUEUE_PG_H
#define QUEUE_PG_H

#include "queue/queue.h"

#include <libpq-fe.h>

#define PG_ARGS_MAX 20

/* A statement, prepared on each connection at its first use there. Static:
 * its address is its identity. */
struct pg_stmt {
	const char *name;
	const char *sql;
};

/* The arguments of a statement, $1 first. Texts must outlive the call. */
struct pg_args {
	int n;
	const char *value[PG_ARGS_MAX];
	int length[PG_ARGS_MAX];
	int format[PG_ARGS_MAX];
	char number[PG_ARGS_MAX][32];
};

void pg_text(struct pg_args *a, const char *s); /* NULL: SQL NULL */
void pg_bytes(struct pg_args *a, struct slice s);
void pg_int(struct pg_args *a, int64_t v);
void pg_bool(struct pg_args *a, bool v);
/* Microseconds since 1970 as seconds, for to_timestamp(). */
void pg_time(struct pg_args *a, int64_t us);

/*
 * An array argument grows in an empty buf, element by element; pg_array() ends
 * it and adds it. The buf is the caller's until the statement has run; memory
 * shortage shows in it, and the array is then no array to PostgreSQL.
 */
void pg_array_text(struct buf *b, const char *s); /* NULL: SQL NULL */
/* Each of a NULL-terminated list; NULL is an empty one. */
void pg_array_texts(struct buf *b, const char *const *list);
void pg_array_bytes(struct buf *b, struct slice s); /* of a bytea[] */
void pg_array_int(struct buf *b, int64_t v);
void pg_array(struct pg_args *a, struct buf *b);

struct pg_conn;
struct pg_tx {
	struct queue *q;
	struct pg_conn *conn; /* NULL: ended */
};

/*
 * A transaction: pg_begin, pg_exec..., then pg_finish with the outcome so far,
 * which commits when that is QUEUE_OK and rolls back else, and answers the
 * outcome. @user NULL: role service_role, else authenticated with that user's
 * claims; a user that is no UUID is NOT_FOUND.
 */
enum queue_error MUST_CHECK pg_begin(struct queue *q, const char *user,
				     struct pg_tx *tx);
enum queue_error MUST_CHECK pg_finish(struct pg_tx *tx, enum queue_error err);
/* Goes on as service_role in a transaction begun for a user. */
enum queue_error MUST_CHECK pg_become_service(struct pg_tx *tx);
/* @res: rows, PQclear() them; may be NULL; set to NULL on error. */
enum queue_error MUST_CHECK pg_exec(struct pg_tx *tx,
				    const struct pg_stmt *stmt,
				    const struct pg_args *args, PGresult **res);
/* One statement as one transaction; tried again after a deadlock. */
enum queue_error MUST_CHECK pg_run(struct queue *q, const char *user,
				   const struct pg_stmt *stmt,
				   const struct pg_args *args, PGresult **res);
/* The same for a statement of one row at most: NOT_FOUND without one. */
enum queue_error MUST_CHECK pg_run_row(struct queue *q, const char *user,
				       const struct pg_stmt *stmt,
				       const struct pg_args *args,
				       PGresult **res);

/* Reads a row into *out, its texts into the arena. */
typedef void (*pg_reader)(const PGresult *res, int row, struct arena *a,
			  void *out);
/* The row of the table that the UUID @id names as $1: NOT_FOUND without. */
enum queue_error MUST_CHECK pg_find(struct queue *q, const char *user,
				    const struct pg_stmt *stmt, const char *id,
				    pg_reader read, struct arena *a, void *out);
/*
 * pg_page - all rows as an array in the arena; clears res. @total, if not
 * NULL, comes from column @total_column, which stands in every row, and in one
 * row of NULLs where the page is empty. Memory shortage shows in a->err.
 */
void *pg_page(PGresult *res, pg_reader read, size_t size, struct arena *a,
	      size_t *n, int total_column, uint64_t *total);

/* What a SQLSTATE means to the caller. */
enum queue_error pg_error(const char *sqlstate);

/* ---- results ------------------------------------------------------------ */

/* NULL for SQL NULL. */
const char *pg_get(const PGresult *res, int row, int col, struct arena *a);
int64_t pg_get_int(const PGresult *res, int row, int col, int64_t null);
double pg_get_real(const PGresult *res, int row, int col, double null);
/* Copies a UUID column. */
void pg_get_uuid(const PGresult *res, int row, int col,
		 char out[UUID_TEXT_MAX]);
/* Selects an instant as integer microseconds for pg_get_int(). */
#define PG_US(column)                                                     \
	"CASE WHEN isfinite(" column ") THEN (date_part('epoch', " column \
	") * 1000000)::bigint END"

/* Jobs of the type were committed and are due: workers hear of it soon, once
 * for many. Never waits for the server. */
void queue_wake(struct queue *q, const char *type);

/* ---- connections -------------------------------------------------------- */

/*
 * pg_connect - one connection with the project's settings: 5 s to connect,
 * TCP keepalives, 30 s a statement, UTF-8, UTC. NULL with one line in err
 * that holds nothing of the connection string.
 */
PGconn *pg_connect(const char *conninfo, const char *application_name,
		   char err[512]);
/* For connections outside the pool. */
const char *queue_conninfo(const struct queue *q);
const char *queue_application_name(const struct queue *q);

#endif
