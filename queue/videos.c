/*
 * Videos as their owners see them, and the completion of an upload.
 */
#include "queue/videos.h"
#include "base/random.h"

#define VIDEO_COLUMNS                                                   \
	"id, user_id, title, filename, bucket, s3_key, file_size,"      \
	" content_type, analysis_status, progress, duration, width,"    \
	" height, thumbnail_key, probe, ai_suggestions, error, " PG_US( \
	    "created_at") ", " PG_US("updated_at")

static void
read_video(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_video *)out = (struct queue_video){
		.id = pg_get(r, row, 0, a),
		.user_id = pg_get(r, row, 1, a),
		.title = pg_get(r, row, 2, a),
		.filename = pg_get(r, row, 3, a),
		.bucket = pg_get(r, row, 4, a),
		.s3_key = pg_get(r, row, 5, a),
		.file_size = (uint64_t)pg_get_int(r, row, 6, 0),
		.content_type = pg_get(r, row, 7, a),
		.status = pg_get(r, row, 8, a),
		.progress = (int)pg_get_int(r, row, 9, 0),
		.duration = pg_get_real(r, row, 10, -1),
		.width = (int)pg_get_int(r, row, 11, 0),
		.height = (int)pg_get_int(r, row, 12, 0),
		.thumbnail_key = pg_get(r, row, 13, a),
		.probe = pg_get(r, row, 14, a),
		.ai_suggestions = pg_get(r, row, 15, a),
		.error = pg_get(r, row, 16, a),
		.created_us = pg_get_int(r, row, 17, 0),
		.updated_us = pg_get_int(r, row, 18, 0),
	};
}

/* Row level security decides whether this user announced that upload. */
static enum queue_error
check_intent(struct pg_tx *tx, const struct queue_object *object)
{
	static const struct pg_stmt stmt = {
		"intent_check",
		"SELECT FROM upload_intents WHERE bucket = $1 AND key = $2"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, object->bucket);
	pg_text(&args, object->key);
	err = pg_exec(tx, &stmt, &args, &r);
	if (!err && PQntuples(r) == 0)
		err = QUEUE_NOT_FOUND;
	PQclear(r);
	return err;
}

static enum queue_error
ingest(struct pg_tx *tx, const struct queue_object *o,
       char video[UUID_TEXT_MAX])
{
	static const struct pg_stmt told = {
		"video_ingest",
		"SELECT id FROM video_ingest($1, $2, $3, $4, $5, $6, $7, $8,"
		" $9, to_timestamp($10))"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, o->deployment);
	pg_text(&args, o->epoch);
	pg_int(&args, (int64_t)o->seq);
	pg_text(&args, o->version_id);
	pg_text(&args, o->bucket);
	pg_text(&args, o->key);
	pg_int(&args, (int64_t)o->size);
	pg_text(&args, o->content_type);
	pg_text(&args, o->etag);
	pg_time(&args, o->modified_us);
	err = pg_exec(tx, &told, &args, &r);
	if (!err)
		pg_get_uuid(r, 0, 0, video);
	PQclear(r);
	return err;
}

/* Names the video as the request does; answers it with its jobs' ids. */
static enum queue_error
name_video(struct pg_tx *tx, const char *id, const char *file_name,
	   const char *title, PGresult **r)
{
	static const struct pg_stmt stmt = {
		"video_name",
		"UPDATE videos SET filename = coalesce($2, filename),"
		" title = coalesce($3, title) WHERE id = $1"
		" RETURNING " VIDEO_COLUMNS
		", job_id('process_video:' || content),"
		" job_id('ai_analysis:' || content)"
	};
	struct pg_args args = { 0 };

	pg_text(&args, id);
	pg_text(&args, file_name);
	pg_text(&args, title);
	return pg_exec(tx, &stmt, &args, r);
}

enum queue_error
queue_complete_upload(struct queue *q, const char *user,
		      const struct queue_object *object, const char *file_name,
		      const char *title, struct arena *a,
		      struct queue_video *video,
		      char process_job[UUID_TEXT_MAX],
		      char ai_job[UUID_TEXT_MAX])
{
	char id[UUID_TEXT_MAX];
	struct pg_tx tx;
	PGresult *r = NULL;
	enum queue_error err = pg_begin(q, user, &tx);

	if (!err)
		err = check_intent(&tx, object);
	if (!err)
		err = pg_become_service(&tx);
	if (!err)
		err = object->seq ? ingest(&tx, object, id)
				  : videos_seen(&tx, object, true, id, NULL);
	if (!err)
		err = name_video(&tx, id, file_name, title, &r);
	err = pg_finish(&tx, err);
	if (!err) {
		read_video(r, 0, a, video);
		pg_get_uuid(r, 0, 19, process_job);
		pg_get_uuid(r, 0, 20, ai_job);
	}
	PQclear(r);
	return !err && a->err ? QUEUE_INTERNAL : err;
}

enum queue_error
queue_video_get(struct queue *q, const char *user, const char *id,
		struct arena *a, struct queue_video *out)
{
	static const struct pg_stmt stmt = { "video_get",
					     "SELECT " VIDEO_COLUMNS
					     " FROM videos WHERE id = $1" };

	return pg_find(q, user, &stmt, id, read_video, a, out);
}

enum queue_error
queue_video_list(struct queue *q, const char *user, uint32_t offset,
		 uint32_t limit, struct arena *a, struct queue_video **out,
		 size_t *n, uint64_t *total)
{
	static const struct pg_stmt stmt = {
		"video_list",
		"SELECT " VIDEO_COLUMNS ", c.total"
		" FROM (SELECT count(*) AS total FROM videos) c LEFT JOIN"
		" (SELECT * FROM videos ORDER BY created_at DESC, id"
		"  OFFSET $1 LIMIT $2) v ON true"
		" ORDER BY created_at DESC, id"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_int(&args, offset);
	pg_int(&args, limit);
	err = pg_run_row(q, user, &stmt, &args, &r);
	if (err)
		return err;
	*out = pg_page(r, read_video, sizeof(**out), a, n, 19, total);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
videos_begin_owned(struct queue *q, const char *user, const char *video,
		   struct pg_tx *tx)
{
	static const struct pg_stmt stmt = {
		"video_owned", "SELECT FROM videos WHERE id = $1"
	};
	struct pg_args args = { 0 };
	PGresult *r = NULL;
	enum queue_error err = QUEUE_NOT_FOUND;

	*tx = (struct pg_tx){ 0 };
	if (uuid_valid(slice_str(video)))
		err = pg_begin(q, user, tx);
	pg_text(&args, video);
	if (!err)
		err = pg_exec(tx, &stmt, &args, &r);
	if (!err && PQntuples(r) == 0)
		err = QUEUE_NOT_FOUND;
	PQclear(r);
	return err ? err : pg_become_service(tx);
}
