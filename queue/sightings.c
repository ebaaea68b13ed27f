/*
 * Objects that were seen: from there to a video and its jobs.
 */
#include "queue/sightings.h"
#include "base/encode.h"
#include "base/timeval.h"
#include "queue/videos.h"

enum queue_error
queue_clock(struct queue *q, int64_t *us)
{
	static const struct pg_stmt stmt = {
		"clock", "SELECT " PG_US("clock_timestamp()")
	};
	enum queue_error err;
	PGresult *r;

	err = pg_run_row(q, NULL, &stmt, NULL, &r);
	if (err)
		return err;
	*us = pg_get_int(r, 0, 0, 0);
	PQclear(r);
	return QUEUE_OK;
}

enum queue_error
videos_seen(struct pg_tx *tx, const struct queue_object *o, bool users,
	    char video[UUID_TEXT_MAX], bool *made)
{
	static const struct pg_stmt seen = {
		"video_seen",
		/* content of this very transaction */
		"SELECT id, content_at = now() FROM video_seen($1, $2, $3, $4,"
		" $5, $6, to_timestamp($7), to_timestamp($8), $9)"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, o->bucket);
	pg_text(&args, o->key);
	pg_text(&args, o->version_id);
	pg_int(&args, (int64_t)o->size);
	pg_text(&args, o->content_type);
	pg_text(&args, o->etag);
	pg_time(&args, o->modified_us);
	pg_time(&args, o->asked_us);
	pg_bool(&args, users);
	err = pg_exec(tx, &seen, &args, &r);
	if (!err) {
		pg_get_uuid(r, 0, 0, video);
		if (made)
			*made = *PQgetvalue(r, 0, 1) == 't';
	}
	PQclear(r);
	return err;
}

enum queue_error
queue_object_seen(struct queue *q, const struct queue_object *object,
		  bool users, bool *made)
{
	char video[UUID_TEXT_MAX];
	struct pg_tx tx;
	enum queue_error err = pg_begin(q, NULL, &tx);

	*made = false;
	if (err)
		return err;
	return pg_finish(&tx, videos_seen(&tx, object, users, video, made));
}

enum queue_error
queue_object_gone(struct queue *q, const char *bucket, const char *key,
		  int64_t asked_us, bool *news)
{
	static const struct pg_stmt stmt = {
		"video_gone", "SELECT video_gone($1, $2, to_timestamp($3))"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, bucket);
	pg_text(&args, key);
	pg_time(&args, asked_us);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*news = *PQgetvalue(r, 0, 0) == 't';
	PQclear(r);
	return QUEUE_OK;
}

/* ---- a listing ------------------------------------------------------------
 */

enum queue_error
queue_listed_unlike(struct queue *q, const char *bucket,
		    const struct queue_listed *listed, size_t n,
		    int64_t asked_us, size_t *out, size_t *n_out)
{
	static const struct pg_stmt stmt = {
		"videos_unlike",
		"SELECT * FROM videos_unlike($1, $2, $3, $4, to_timestamp($5))"
	};
	struct buf keys = BUF_INIT, etags = BUF_INIT, times = BUF_INIT;
	struct pg_args args = { 0 };
	enum queue_error err = QUEUE_INTERNAL;
	PGresult *r;

	*n_out = 0;
	for (size_t i = 0; i < n; i++) {
		pg_array_text(&keys, listed[i].key);
		pg_array_text(&etags, listed[i].etag);
		pg_array_int(&times, listed[i].modified_us / US_PER_S);
	}
	pg_text(&args, bucket);
	pg_array(&args, &keys);
	pg_array(&args, &etags);
	pg_array(&args, &times);
	pg_time(&args, asked_us);
	if (buf_ok(&keys) && buf_ok(&etags) && buf_ok(&times))
		err = pg_run(q, NULL, &stmt, &args, &r);
	buf_release(&keys);
	buf_release(&etags);
	buf_release(&times);
	if (err)
		return err;
	for (int i = 0; i < PQntuples(r) && *n_out < n; i++)
		out[(*n_out)++] = (size_t)pg_get_int(r, i, 0, 1) - 1;
	PQclear(r);
	return QUEUE_OK;
}

enum queue_error
queue_pass_take(struct queue *q, const char *bucket, const char *holder,
		int lease_s, struct arena *a, struct queue_pass *out)
{
	static const struct pg_stmt stmt = {
		"reconcile_take",
		"SELECT encode(after_key, 'hex'), seen, made, failed"
		" FROM reconcile_take($1, $2, $3 * interval '1 s')"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	struct slice hex;
	char *after;
	PGresult *r;

	pg_text(&args, bucket);
	pg_text(&args, holder);
	pg_int(&args, lease_s);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	hex = slice_str(PQgetvalue(r, 0, 0));
	after = arena_alloc(a, hex.n / 2 + 1);
	*out = (struct queue_pass){
		.seen = (uint64_t)pg_get_int(r, 0, 1, 0),
		.made = (uint64_t)pg_get_int(r, 0, 2, 0),
		.failed = (uint64_t)pg_get_int(r, 0, 3, 0),
	};
	if (!after || hex_decode(hex, after, hex.n / 2) != 0)
		err = QUEUE_INTERNAL;
	else
		out->after = slice_mem(after, hex.n / 2);
	PQclear(r);
	return err;
}

enum queue_error
queue_pass_went(struct queue *q, const char *bucket, const char *holder,
		int lease_s, const struct queue_pass *page, bool ended,
		int every_s)
{
	static const struct pg_stmt stmt = {
		"reconcile_went",
		"SELECT reconcile_went($1, $2, $3 * interval '1 s', $4, $5,"
		" $6, $7, $8, $9 * interval '1 s')"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, bucket);
	pg_text(&args, holder);
	pg_int(&args, lease_s);
	pg_bytes(&args, page->after);
	pg_int(&args, (int64_t)page->seen);
	pg_int(&args, (int64_t)page->made);
	pg_int(&args, (int64_t)page->failed);
	pg_bool(&args, ended);
	pg_int(&args, every_s);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	if (*PQgetvalue(r, 0, 0) != 't')
		err = QUEUE_LOST;
	PQclear(r);
	return err;
}

enum queue_error
queue_pass_last(struct queue *q, const char *bucket, int64_t *complete_us)
{
	static const struct pg_stmt stmt = {
		"reconcile_last",
		"SELECT " PG_US("complete_at") " FROM reconciler"
					       " WHERE bucket = $1"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	*complete_us = 0;
	pg_text(&args, bucket);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	if (PQntuples(r))
		*complete_us = pg_get_int(r, 0, 0, 0);
	PQclear(r);
	return QUEUE_OK;
}

/* ---- moving ----------------------------------------------------------------
 */

enum queue_error
queue_places_forget(struct queue *q)
{
	static const struct pg_stmt stmt = {
		"places_forget",
		"UPDATE videos SET version_id = NULL, modified_at = NULL"
		" WHERE modified_at IS DISTINCT FROM '-infinity'"
		" AND (version_id IS NOT NULL OR modified_at IS NOT NULL)"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	PQclear(r);
	return QUEUE_OK;
}

/* ---- intents ----------------------------------------------------------------
 */

enum queue_error
queue_intents_pending(struct queue *q, const char *bucket, int grace_s,
		      uint32_t max, struct arena *a, const char ***keys,
		      size_t *n)
{
	static const struct pg_stmt stmt = {
		"intents_pending",
		"SELECT * FROM intents_pending($1, $2 * interval '1 s', $3)"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, bucket);
	pg_int(&args, grace_s);
	pg_int(&args, max);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*n = (size_t)PQntuples(r);
	*keys = arena_array(a, *n, sizeof(**keys));
	for (size_t i = 0; *keys && i < *n; i++)
		(*keys)[i] = pg_get(r, (int)i, 0, a);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}
