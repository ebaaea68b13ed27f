/*
 * The relay: events of the store's outbox into PostgreSQL, a batch in one
 * transaction with the cursor that says how far we are. What an event does is
 * in SQL (relay_event), where a poisonous one is undone alone.
 */
#include "base/buf.h"
#include "queue/pg.h"

#include <inttypes.h>

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

/*
 * Is the event at the cursor one of this outbox? It is the one expected, or,
 * when an earlier commit's answer was lost, one of this batch.
 */
static bool
same_past(const struct queue_cursor *cursor, const struct queue_cursor *expect,
	  const struct queue_event *events, size_t n)
{
	if (cursor->seq == 0)
		return true;
	if (cursor->seq == expect->seq)
		return strcmp(cursor->event_id, expect->event_id) == 0;
	for (size_t i = 0; i < n; i++)
		if (events[i].seq == cursor->seq)
			return strcmp(cursor->event_id, events[i].id) == 0;
	return false;
}

static enum queue_error
relay_event(struct pg_tx *tx, const char *deployment, const char *epoch,
	    const struct queue_event *e)
{
	static const struct pg_stmt stmt = {
		"relay_event",
		"SELECT relay_event($1, $2, $3, $4, to_timestamp($5), $6, $7,"
		" $8, $9, $10, $11, $12, $13, $14)"
	};
	struct pg_args args = { 0 };
	char bucket[256];

	snprintf(bucket, sizeof(bucket), "%.*s", SLICE_ARG(e->bucket));
	pg_text(&args, deployment);
	pg_text(&args, epoch);
	pg_int(&args, (int64_t)e->seq);
	pg_text(&args, e->id);
	pg_time(&args, e->time_us);
	pg_text(&args, e->name);
	pg_text(&args, bucket);
	pg_bytes(&args, e->key);
	pg_int(&args, (int64_t)e->size);
	pg_text(&args, e->etag);
	pg_text(&args, e->version_id);
	pg_bytes(&args, e->content_type);
	pg_bytes(&args, slice_str(e->record));
	pg_text(&args, e->job_type);
	return pg_exec(tx, &stmt, &args, NULL);
}

static enum queue_error
move_cursor(struct pg_tx *tx, const char *deployment, const char *epoch,
	    const struct queue_cursor *to)
{
	static const struct pg_stmt stmt = {
		"cursor_move",
		"UPDATE relay_cursor SET last_seq = $3, last_event_id = $4,"
		" updated_at = now() WHERE deployment = $1 AND epoch = $2"
	};
	struct pg_args args = { 0 };

	pg_text(&args, deployment);
	pg_text(&args, epoch);
	pg_int(&args, (int64_t)to->seq);
	pg_text(&args, to->event_id);
	return pg_exec(tx, &stmt, &args, NULL);
}

static enum queue_error
relay(struct pg_tx *tx, const char *deployment, const char *epoch,
      const struct queue_cursor *expect, const struct queue_event *events,
      size_t n, struct queue_cursor *cursor)
{
	enum queue_error err = lock_cursor(tx, deployment, epoch, cursor);
	uint64_t start = cursor->seq;

	if (err)
		return err;
	if (!same_past(cursor, expect, events, n))
		return QUEUE_EPOCH;
	for (size_t i = 0; !err && i < n; i++) {
		if (events[i].seq <= cursor->seq)
			continue;
		err = relay_event(tx, deployment, epoch, &events[i]);
		cursor->seq = events[i].seq;
		snprintf(cursor->event_id, sizeof(cursor->event_id), "%s",
			 events[i].id);
	}
	if (!err && cursor->seq > start)
		err = move_cursor(tx, deployment, epoch, cursor);
	return err;
}

enum queue_error
queue_relay(struct queue *q, const char *deployment, const char *epoch,
	    const struct queue_cursor *expect, const struct queue_event *events,
	    size_t n, struct queue_cursor *out)
{
	struct queue_cursor cursor = { 0 };
	struct pg_tx tx;
	enum queue_error err = pg_begin(q, NULL, &tx);

	if (err)
		return err;
	err = relay(&tx, deployment, epoch, expect, events, n, &cursor);
	err = pg_finish(&tx, err);
	if (!err)
		*out = cursor;
	return err;
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
		buf_printf(&numbers, "%c%" PRIu64, i ? ',' : '{',
			   events[i].seq);
		buf_printf(&ids, "%c%s", i ? ',' : '{', events[i].id);
	}
	buf_put(&numbers, slice_str(n ? "}" : "{}"));
	buf_put(&ids, slice_str(n ? "}" : "{}"));
	if (buf_ok(&numbers) && buf_ok(&ids)) {
		pg_text(&args, deployment);
		pg_text(&args, epoch);
		pg_text(&args, numbers.p);
		pg_text(&args, ids.p);
		err = pg_run(q, NULL, &stmt, &args, &r);
	}
	if (!err) {
		*highest = (uint64_t)pg_get_int(r, 0, 0, 0);
		PQclear(r);
	}
	buf_release(&numbers);
	buf_release(&ids);
	return err;
}
