/*
 * Upload intents: what a user said before an upload, so that the object's
 * event finds its owner and name, and what is still to come can be counted.
 * An intent is open until its object was seen (intent_fulfil) or it expires.
 *
 * Users read theirs; they are written as service_role. A user with SQL of
 * their own could else take back an intent and keep its signed URL, or promise
 * away the disk of all.
 */
#include "queue/pg.h"

#define OPEN "completed_at IS NULL AND expires_at > now()"
/* clang-format off */
#define INTENT_COLUMNS \
	"bucket, key, file_name, content_type, size, reserved, " \
	PG_US("expires_at") ", upload_id, part_size, " \
	PG_US("created_at") ", completed_at IS NOT NULL"
/* clang-format on */

static void
read_intent(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_intent *)out = (struct queue_intent){
		.bucket = pg_get(r, row, 0, a),
		.key = pg_get(r, row, 1, a),
		.file_name = pg_get(r, row, 2, a),
		.content_type = pg_get(r, row, 3, a),
		.size = (uint64_t)pg_get_int(r, row, 4, 0),
		.reserved = (uint64_t)pg_get_int(r, row, 5, 0),
		.expires_us = pg_get_int(r, row, 6, 0),
		.upload_id = pg_get(r, row, 7, a),
		.part_size = (uint64_t)pg_get_int(r, row, 8, 0),
		.created_us = pg_get_int(r, row, 9, 0),
		.completed = *PQgetvalue(r, row, 10) == 't',
	};
}

/* One user's intents are made one after the other, so that each sees those
 * before it. A statement of its own: the next one's snapshot is younger. */
static enum queue_error
lock_user(struct pg_tx *tx, const char *user)
{
	static const struct pg_stmt stmt = {
		"intent_lock", "SELECT pg_advisory_xact_lock("
			       " hashtextextended('upload_intents:' || $1, 0))"
	};
	struct pg_args args = { 0 };

	pg_text(&args, user);
	return pg_exec(tx, &stmt, &args, NULL);
}

static enum queue_error
insert_intent(struct pg_tx *tx, const char *user, const struct queue_intent *in,
	      uint64_t limit, char id[UUID_TEXT_MAX])
{
	static const struct pg_stmt stmt = {
		"intent_create",
		"INSERT INTO upload_intents (user_id, bucket, key, file_name,"
		" content_type, size, reserved, expires_at, upload_id,"
		" part_size)"
		" SELECT $1::uuid, $2, $3, $4, $5, nullif($6::bigint, 0),"
		" $7::bigint, to_timestamp($8), $9, nullif($10::bigint, 0)"
		" FROM (SELECT coalesce(sum(reserved), 0) AS held"
		"  FROM upload_intents WHERE user_id = $1::uuid AND " OPEN
		" ) own WHERE $11::bigint = 0 OR held = 0"
		"  OR held + $7::bigint <= $11::bigint RETURNING id"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, user);
	pg_text(&args, in->bucket);
	pg_text(&args, in->key);
	pg_text(&args, in->file_name);
	pg_text(&args, in->content_type);
	pg_int(&args, (int64_t)in->size);
	pg_int(&args, (int64_t)in->reserved);
	pg_time(&args, in->expires_us);
	pg_text(&args, in->upload_id);
	pg_int(&args, (int64_t)in->part_size);
	pg_int(&args, (int64_t)limit);
	err = pg_exec(tx, &stmt, &args, &r);
	if (!err && PQntuples(r) == 0)
		err = QUEUE_LIMIT;
	if (!err)
		pg_get_uuid(r, 0, 0, id);
	PQclear(r);
	return err;
}

enum queue_error
queue_intent_create(struct queue *q, const char *user,
		    const struct queue_intent *in, uint64_t limit,
		    char id[UUID_TEXT_MAX])
{
	char place[8 + UUID_TEXT_MAX + 1];
	struct pg_tx tx;
	enum queue_error err;

	snprintf(place, sizeof(place), "uploads/%s/", user);
	if (!slice_starts(slice_str(in->key), slice_str(place)))
		return QUEUE_INTERNAL;
	err = pg_begin(q, NULL, &tx);
	if (err)
		return err;
	if (limit)
		err = lock_user(&tx, user);
	if (!err)
		err = insert_intent(&tx, user, in, limit, id);
	return pg_finish(&tx, err);
}

enum queue_error
queue_intent_get(struct queue *q, const char *user, const char *bucket,
		 const char *key, struct arena *a, struct queue_intent *out)
{
	static const struct pg_stmt stmt = {
		"intent_get", "SELECT " INTENT_COLUMNS " FROM upload_intents"
			      " WHERE bucket = $1 AND key = $2"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, bucket);
	pg_text(&args, key);
	err = pg_run_row(q, user, &stmt, &args, &r);
	if (err)
		return err;
	read_intent(r, 0, a, out);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_intent_list(struct queue *q, const char *user, uint32_t max,
		  struct arena *a, struct queue_intent **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"intent_list",
		"SELECT " INTENT_COLUMNS " FROM upload_intents"
		" WHERE user_id = $1::uuid AND upload_id IS NOT NULL AND " OPEN
		" ORDER BY created_at DESC, id LIMIT $2"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, user);
	pg_int(&args, max);
	err = pg_run(q, user, &stmt, &args, &r);
	if (err)
		return err;
	*out = pg_page(r, read_intent, sizeof(**out), a, n, 0, NULL);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_intent_delete(struct queue *q, const char *user, const char *bucket,
		    const char *key)
{
	static const struct pg_stmt stmt = {
		"intent_delete",
		"DELETE FROM upload_intents WHERE bucket = $1 AND key = $2"
		" AND completed_at IS NULL"
		" AND ($3::uuid IS NULL OR user_id = $3) RETURNING id"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, bucket);
	pg_text(&args, key);
	pg_text(&args, user);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	PQclear(r);
	return err;
}

/* Their time is set anew, so that each is answered to one caller only and one
 * that cannot be aborted does not stand in the way of the others. */
enum queue_error
queue_intents_abandoned(struct queue *q, uint32_t max, struct arena *a,
			struct queue_intent **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"intents_abandoned",
		"UPDATE upload_intents SET expires_at = now() WHERE id IN"
		" (SELECT id FROM upload_intents WHERE upload_id IS NOT NULL"
		" AND completed_at IS NULL"
		" AND expires_at < now() - interval '1 hour'"
		" ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)"
		" RETURNING " INTENT_COLUMNS
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_int(&args, max);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*out = pg_page(r, read_intent, sizeof(**out), a, n, 0, NULL);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_load_get(struct queue *q, uint64_t waiting_max, struct queue_load *out)
{
	static const struct pg_stmt stmt = {
		"load", "SELECT (SELECT coalesce(sum(reserved), 0)::bigint"
			"  FROM upload_intents WHERE " OPEN "),"
			" (SELECT count(*) FROM (SELECT FROM job_queue"
			"  WHERE live AND claimable AND run_at <= now()"
			"  AND prio = ANY ('{0,1,2}'::smallint[]) LIMIT $1) w)"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_int(&args, (int64_t)waiting_max);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	out->reserved = (uint64_t)pg_get_int(r, 0, 0, 0);
	out->waiting = (uint64_t)pg_get_int(r, 0, 1, 0);
	PQclear(r);
	return QUEUE_OK;
}
