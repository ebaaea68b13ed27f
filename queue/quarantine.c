/*
 * Bytes that crash the media worker: counted, held, listed, lifted.
 */
#include "queue/pg.h"

static void
add_bytes(struct pg_args *args, const struct queue_bytes *b)
{
	pg_text(args, b->etag);
	pg_int(args, (int64_t)b->size);
}

/* One statement about these bytes that answers whether they are held. */
static enum queue_error
ask_held(struct queue *q, const struct pg_stmt *stmt,
	 const struct pg_args *args, bool *held)
{
	PGresult *r;
	enum queue_error err = pg_run(q, NULL, stmt, args, &r);

	*held = false;
	if (err)
		return err;
	*held = PQntuples(r) == 1 && PQgetvalue(r, 0, 0)[0] == 't';
	PQclear(r);
	return QUEUE_OK;
}

enum queue_error
queue_quarantine_ask(struct queue *q, const struct queue_bytes *bytes,
		     bool *held)
{
	/* What is not held costs no write. */
	static const struct pg_stmt stmt = {
		"quarantine_ask",
		"UPDATE media_quarantine SET refused = refused + 1"
		" WHERE etag = $1 AND size = $2 AND held RETURNING held"
	};
	struct pg_args args = { 0 };

	add_bytes(&args, bytes);
	return ask_held(q, &stmt, &args, held);
}

enum queue_error
queue_quarantine_note(struct queue *q, const struct queue_bytes *bytes,
		      const char *reason, const char *job_id, bool *held)
{
	static const struct pg_stmt stmt = {
		"quarantine_note",
		"INSERT INTO media_quarantine AS m (etag, size, reason, job_id)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT (etag, size) DO UPDATE"
		" SET crashes = m.crashes + 1, reason = excluded.reason,"
		" job_id = excluded.job_id, last_at = now() RETURNING held"
	};
	struct pg_args args = { 0 };

	add_bytes(&args, bytes);
	pg_text(&args, reason);
	pg_text(&args, job_id);
	return ask_held(q, &stmt, &args, held);
}

static void
read_row(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_quarantine *)out = (struct queue_quarantine){
		.bytes = { pg_get(r, row, 0, a),
			   (uint64_t)pg_get_int(r, row, 1, 0) },
		.held = PQgetvalue(r, row, 2)[0] == 't',
		.crashes = (int)pg_get_int(r, row, 3, 0),
		.refused = (uint64_t)pg_get_int(r, row, 4, 0),
		.reason = pg_get(r, row, 5, a),
		.job_id = pg_get(r, row, 6, a),
		.last_us = pg_get_int(r, row, 7, 0),
	};
}

enum queue_error
queue_quarantine_list(struct queue *q, struct arena *a,
		      struct queue_quarantine **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"quarantine_list",
		"SELECT etag, size, held, crashes, refused, reason, job_id, "
		/* clang-format off */
		PG_US("last_at")
		/* clang-format on */
		" FROM media_quarantine ORDER BY last_at DESC LIMIT 1000"
	};
	PGresult *r;
	enum queue_error err = pg_run(q, NULL, &stmt, NULL, &r);

	*n = 0;
	if (err)
		return err;
	*out = pg_page(r, read_row, sizeof(**out), a, n, 0, NULL);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_quarantine_clear(struct queue *q, const char *etag, size_t *n)
{
	static const struct pg_stmt stmt = {
		"quarantine_clear",
		"DELETE FROM media_quarantine"
		" WHERE $1::text IS NULL OR etag = $1 RETURNING 1"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	*n = 0;
	pg_text(&args, etag);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*n = (size_t)PQntuples(r);
	PQclear(r);
	return *n || !etag ? QUEUE_OK : QUEUE_NOT_FOUND;
}
