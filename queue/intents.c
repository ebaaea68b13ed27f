/*
 * Upload intents: what a user said before an upload, so that the object's
 * event finds its owner and name.
 */
#include "queue/pg.h"

enum queue_error
queue_intent_create(struct queue *q, const char *user,
		    const struct queue_intent *in, char id[UUID_TEXT_MAX])
{
	static const struct pg_stmt stmt = {
		"intent_create",
		"INSERT INTO upload_intents (user_id, bucket, key, file_name,"
		" content_type, size, expires_at)"
		" VALUES ($1, $2, $3, $4, $5, nullif($6::bigint, 0),"
		" to_timestamp($7)) RETURNING id"
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
	pg_time(&args, in->expires_us);
	err = pg_run_row(q, user, &stmt, &args, &r);
	if (err)
		return err;
	pg_get_uuid(r, 0, 0, id);
	PQclear(r);
	return QUEUE_OK;
}

enum queue_error
queue_intent_get(struct queue *q, const char *user, const char *bucket,
		 const char *key, struct arena *a, struct queue_intent *out)
{
	static const struct pg_stmt stmt = {
		"intent_get",
		"SELECT bucket, key, file_name, content_type, size, " PG_US(
		    "expires_at") " FROM upload_intents WHERE bucket = $1 AND "
				  "key = $2"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, bucket);
	pg_text(&args, key);
	err = pg_run_row(q, user, &stmt, &args, &r);
	if (err)
		return err;
	*out = (struct queue_intent){
		.bucket = pg_get(r, 0, 0, a),
		.key = pg_get(r, 0, 1, a),
		.file_name = pg_get(r, 0, 2, a),
		.content_type = pg_get(r, 0, 3, a),
		.size = (uint64_t)pg_get_int(r, 0, 4, 0),
		.expires_us = pg_get_int(r, 0, 5, 0),
	};
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}
