/*
 * The relay: events of the store's outbox into PostgreSQL, a batch in one
 * statement with the cursor that says how far we are. What events do is in SQL
 * (relay_batch), where a poisonous one is undone alone.
 */
#include "base/buf.h"
#include "queue/pg.h"

static void
read_cursor(const PGresult *r, struct queue_cursor *out)
{
	out->seq = (uint64_t)pg_get_int(r, 0, 0, 0);
	snprintf(out->event_id, sizeof(out->event_id), "%s",
		 PQgetvalue(r, 0, 1));
}

/* The cursor's row, locked until the end of the transaction. */
static enum queue_error
lock_cursor(struct pg_tx *tx, const char *deployment, const char *epoch,
	    struct queue_cursor *out)
{
	static const struct pg_stmt make = {
		"cursor_make",
		"INSERT INTO relay_cursor (deployment, epoch) VALUES ($1, $2)"
		" ON CONFLICT DO NOTHING"
	};
	static const struct pg_stmt lock = {
		"cursor_lock",
		"SELECT last_seq, last_event_id FROM relay_cursor"
		" WHERE deployment = $1 AND epoch = $2 FOR UPDATE"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, deployment);
	pg_text(&args, epoch);
	err = pg_exec(tx, &make, &args, NULL);
	if (!err)
		err = pg_exec(tx, &lock, &args, &r);
	if (err)
		return err;
	if (PQntuples(r) == 1)
		read_cursor(r, out);
	else
		err = QUEUE_INTERNAL;
	PQclear(r);
	return err;
}

enum queue_error
queue_cursor_get(struct queue *q, const char *deployment, const char *epoch,
		 struct queue_cursor *out)
{
	struct pg_tx tx;
	enum queue_error err = pg_begin(q, NULL, &tx);

	if (err)
		return err;
	return pg_finish(&tx, lock_cursor(&tx, deployment, epoch, out));
}

/* ---- a batch ------------------------------------------------------------- */

/* The members of events as arrays, a parameter each. */
enum {
	SEQ,
	ID,
	TIME,
	NAME,
	BUCKET,
	KEY,
	SIZE,
	ETAG,
	VERSION,
	TYPE,
	RECORD,
	JOB,
	PAYLOAD,
	USERS,
	PROBLEM,
	ARRAYS
};

static void
put_text(struct buf *b, const char *s)
{
	if (s)
		pg_array_bytes(b, slice_str(s));
	else
		pg_array_text(b, NULL);
}

static void
put_event(struct buf b[ARRAYS], const struct queue_event *e)
{
	char bucket[256];

	snprintf(bucket, sizeof(bucket), "%.*s", SLICE_ARG(e->bucket));
	pg_array_int(&b[SEQ], (int64_t)e->seq);
	pg_array_text(&b[ID], e->id);
	pg_array_int(&b[TIME], e->time_us);
	pg_array_text(&b[NAME], e->name);
	pg_array_text(&b[BUCKET], bucket);
	pg_array_bytes(&b[KEY], e->key);
	pg_array_int(&b[SIZE], (int64_t)e->size);
	pg_array_text(&b[ETAG], e->etag);
	pg_array_text(&b[VERSION], e->version_id);
	pg_array_bytes(&b[TYPE], e->content_type);
	put_text(&b[RECORD], e->record);
	pg_array_text(&b[JOB], e->job_type);
	put_text(&b[PAYLOAD], e->payload);
	pg_array_text(&b[USERS], e->users ? "t" : "f");
	pg_array_text(&b[PROBLEM], e->problem);
}

/* Runs a statement whose last parameters are the events. */
static enum queue_error
run_with_events(struct queue *q, const struct pg_stmt *stmt,
		struct pg_args *args, const struct queue_event *events,
		size_t n, PGresult **res)
{
	struct buf b[ARRAYS] = { 0 };
	bool ok = true;
	enum queue_error err = QUEUE_INTERNAL;

	for (size_t i = 0; i < n; i++)
		put_event(b, &events[i]);
	for (size_t i = 0; i < ARRAYS; i++) {
		pg_array(args, &b[i]);
		ok = ok && buf_ok(&b[i]);
	}
	if (ok)
		err = pg_run(q, NULL, stmt, args, res);
	for (size_t i = 0; i < ARRAYS; i++)
		buf_release(&b[i]);
	return err;
}

enum queue_error
queue_relay(struct queue *q, const char *deployment, const char *epoch,
	    const struct queue_cursor *expect, const struct queue_event *events,
	    size_t n, struct queue_cursor *out)
{
	static const struct pg_stmt stmt = {
		"relay_batch",
		"SELECT at_seq, at_id, same FROM relay_batch($1, $2, $3, $4,"
		" $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
		" $18, $19)"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, deployment);
	pg_text(&args, epoch);
	pg_int(&args, (int64_t)expect->seq);
	pg_text(&args, expect->event_id);
	err = run_with_events(q, &stmt, &args, events, n, &r);
	if (err)
		return err;
	if (*PQgetvalue(r, 0, 2) == 't')
		read_cursor(r, out);
	else
		err = QUEUE_EPOCH;
	PQclear(r);
	return err;
}

enum queue_error
queue_replay(struct queue *q, const char *deployment, const char *epoch,
	     const struct queue_event *events, size_t n, size_t *aside)
{
	static const struct pg_stmt stmt = {
		"relay_again",
		"SELECT relay_again($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
		" $11, $12, $13, $14, $15, $16, $17)"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, deployment);
	pg_text(&args, epoch);
	err = run_with_events(q, &stmt, &args, events, n, &r);
	if (err)
		return err;
	*aside = (size_t)pg_get_int(r, 0, 0, 0);
	PQclear(r);
	return QUEUE_OK;
}

/* ---- another past -------------------------------------------------------- */

enum queue_error
queue_known_events(struct queue *q, const char *deployment, const char *epoch,
		   const struct queue_event *events, size_t n,
		   uint64_t *highest)
{
	static const struct pg_stmt stmt = {
		"known_events",
		"SELECT max(e.seq) FROM object_events e"
		" JOIN unnest($3::bigint[], $4::text[]) AS known (seq, id)"
		" ON e.seq = known.seq AND e.event_id = known.id"
		" WHERE e.deployment = $1 AND e.epoch = $2"
	};
	struct buf numbers = BUF_INIT, ids = BUF_INIT;
	struct pg_args args = { 0 };
	enum queue_error err = QUEUE_INTERNAL;
	PGresult *r;

	*highest = 0;
	for (size_t i = 0; i < n; i++) {
		pg_array_int(&numbers, (int64_t)events[i].seq);
		pg_array_text(&ids, events[i].id);
	}
	pg_text(&args, deployment);
	pg_text(&args, epoch);
	pg_array(&args, &numbers);
	pg_array(&args, &ids);
	if (buf_ok(&numbers) && buf_ok(&ids))
		err = pg_run(q, NULL, &stmt, &args, &r);
	if (!err) {
		*highest = (uint64_t)pg_get_int(r, 0, 0, 0);
		PQclear(r);
	}
	buf_release(&numbers);
	buf_release(&ids);
	return err;
}
