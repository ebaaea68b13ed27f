/*
 * Events after their delivery: what was put aside, what is old, and objects
 * whose events are lost.
 */
#include "base/buf.h"
#include "queue/pg.h"
#include "queue/sightings.h"

enum queue_error
queue_events_aside(struct queue *q, const char *deployment, const char *epoch,
		   uint64_t after, size_t max, uint64_t *out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"events_aside", "SELECT * FROM events_aside($1, $2, $3, $4)"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, deployment);
	pg_text(&args, epoch);
	pg_int(&args, (int64_t)after);
	pg_int(&args, (int64_t)max);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*n = (size_t)PQntuples(r);
	for (size_t i = 0; i < *n; i++)
		out[i] = (uint64_t)pg_get_int(r, (int)i, 0, 0);
	PQclear(r);
	return QUEUE_OK;
}

enum queue_error
queue_relay_status(struct queue *q, const char *deployment, int max,
		   struct arena *a, const char **json)
{
	static const struct pg_stmt stmt = { "relay_status",
					     "SELECT relay_status($1, $2)" };
	struct pg_args args = { 0 };
	enum queue_error err;
	PGresult *r;

	pg_text(&args, deployment);
	pg_int(&args, max);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*json = pg_get(r, 0, 0, a);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_events_cleanup(struct queue *q, int days, size_t *n)
{
	static const struct pg_stmt stmt = { "events_cleanup",
					     "SELECT events_cleanup($1)" };
	struct pg_args args = { 0 };
	enum queue_error err;
	size_t batch;
	PGresult *r;

	*n = 0;
	pg_int(&args, days);
	do {
		err = pg_run(q, NULL, &stmt, &args, &r);
		if (err)
			return err;
		batch = (size_t)pg_get_int(r, 0, 0, 0);
		*n += batch;
		PQclear(r);
	} while (batch);
	return QUEUE_OK;
}

/* ---- objects without their events ---------------------------------------- */

enum {
	EPOCH,
	SEQ,
	VERSION,
	BUCKET,
	KEY,
	SIZE,
	TYPE,
	ETAG,
	MODIFIED,
	USERS,
	ARRAYS
};

static void
put_object(struct buf b[ARRAYS], const struct queue_object *o, bool users)
{
	pg_array_text(&b[EPOCH], o->epoch);
	pg_array_int(&b[SEQ], (int64_t)o->seq);
	pg_array_text(&b[VERSION], o->version_id);
	pg_array_text(&b[BUCKET], o->bucket);
	pg_array_text(&b[KEY], o->key);
	pg_array_int(&b[SIZE], (int64_t)o->size);
	pg_array_text(&b[TYPE], o->content_type);
	pg_array_text(&b[ETAG], o->etag);
	pg_array_int(&b[MODIFIED], o->modified_us);
	pg_array_text(&b[USERS], users ? "t" : "f");
}

/* Those that our outbox knows, in one statement. What a video was made of is
 * left alone under whatever sequence it came: it was brought from another store
 * meanwhile, or put again, of which its own event tells. */
static enum queue_error
ingest(struct queue *q, const char *deployment, struct buf b[ARRAYS],
       size_t *made)
{
	static const struct pg_stmt stmt = {
		"videos_ingest",
		"SELECT videos_ingest($1, array_agg(epoch ORDER BY place),"
		" array_agg(seq ORDER BY place),"
		" array_agg(version ORDER BY place),"
		" array_agg(o.bucket ORDER BY place),"
		" array_agg(key ORDER BY place),"
		" array_agg(size ORDER BY place),"
		" array_agg(type ORDER BY place),"
		" array_agg(o.etag ORDER BY place),"
		" array_agg('epoch'::timestamptz + us * interval '1 us'"
		"  ORDER BY place),"
		" array_agg(users ORDER BY place))"
		" FROM unnest($2::text[], $3::bigint[], $4::text[],"
		"  $5::text[], $6::text[], $7::bigint[], $8::text[],"
		"  $9::text[], $10::bigint[], $11::boolean[])"
		"  WITH ORDINALITY o (epoch, seq, version, bucket, key, size,"
		"   type, etag, us, users, place)"
		" WHERE NOT EXISTS (SELECT FROM videos v"
		"  WHERE v.bucket = o.bucket AND v.s3_key = o.key"
		"  AND v.content IS NOT NULL AND v.etag = o.etag"
		"  AND v.file_size = o.size"
		"  AND v.modified_at IS DISTINCT FROM '-infinity')"
	};
	struct pg_args args = { 0 };
	enum queue_error err;
	bool ok = true;
	PGresult *r;

	pg_text(&args, deployment);
	for (size_t i = 0; i < ARRAYS; i++) {
		pg_array(&args, &b[i]);
		ok = ok && buf_ok(&b[i]);
	}
	if (!ok)
		return QUEUE_INTERNAL;
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*made += (size_t)pg_get_int(r, 0, 0, 0);
	PQclear(r);
	return QUEUE_OK;
}

enum queue_error
queue_resync(struct queue *q, const struct queue_object *objects,
	     const bool *users, size_t n, size_t *made)
{
	struct buf b[ARRAYS] = { 0 };
	enum queue_error err = QUEUE_OK;
	size_t told = 0;
	bool news;

	*made = 0;
	for (size_t i = 0; i < n && !err; i++) {
		if (objects[i].seq) {
			put_object(b, &objects[i], users[i]);
			told++;
			continue;
		}
		err = queue_object_seen(q, &objects[i], users[i], &news);
		*made += !err && news;
		if (err == QUEUE_CONFLICT)
			err = QUEUE_OK;
	}
	if (!err && told)
		err = ingest(q, objects[0].deployment, b, made);
	for (size_t i = 0; i < ARRAYS; i++)
		buf_release(&b[i]);
	return err;
}
