/*
 * The files that jobs made of a video, and further work on it as its owner
 * asks for it and watches it.
 */
#include "queue/videos.h"

static void
read_file(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_file *)out = (struct queue_file){
		.name = pg_get(r, row, 0, a),
		.role = pg_get(r, row, 1, a),
		.bucket = pg_get(r, row, 2, a),
		.s3_key = pg_get(r, row, 3, a),
		.size = (uint64_t)pg_get_int(r, row, 4, 0),
		.created_us = pg_get_int(r, row, 5, 0),
	};
}

static void
read_task(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_task *)out = (struct queue_task){
		.id = pg_get(r, row, 0, a),
		.type = pg_get(r, row, 1, a),
		.status = pg_get(r, row, 2, a),
		.progress = (int)pg_get_int(r, row, 3, 0),
		.error = pg_get(r, row, 4, a),
		.created_us = pg_get_int(r, row, 5, 0),
	};
}

/* One row more than there are files: that of the video itself, which row level
 * security shows to its user alone. */
enum queue_error
queue_files(struct queue *q, const char *user, const char *video,
	    struct arena *a, struct queue_file **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"video_files",
		"SELECT f.name, f.role, v.bucket, f.s3_key, f.size, " PG_US(
		    "f.created_at") " FROM videos v LEFT JOIN video_files f"
				    " ON f.video_id = v.id WHERE v.id = $1"
				    " ORDER BY f.name"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	*n = 0;
	if (!uuid_valid(slice_str(video)))
		return QUEUE_NOT_FOUND;
	pg_text(&args, video);
	err = pg_run_row(q, user, &stmt, &args, &r);
	if (err)
		return err;
	*out = pg_page(r, read_file, sizeof(**out), a, n, 0, NULL);
	if (a->err)
		return QUEUE_INTERNAL;
	if (*n == 1 && !(*out)[0].name)
		*n = 0;
	return QUEUE_OK;
}

/* ---- tasks --------------------------------------------------------------- */

enum queue_error
queue_task_create(struct queue *q, const char *user, const char *video,
		  const char *type, const char *options,
		  char job[UUID_TEXT_MAX])
{
	static const struct pg_stmt stmt = { "video_task",
					     "SELECT video_task($1, $2, $3)" };
	struct pg_args args = { 0 };
	struct pg_tx tx = { 0 };
	PGresult *r = NULL;
	enum queue_error err = videos_begin_owned(q, user, video, &tx);

	pg_text(&args, video);
	pg_text(&args, type);
	pg_text(&args, options);
	if (!err)
		err = pg_exec(&tx, &stmt, &args, &r);
	if (!err)
		pg_get_uuid(r, 0, 0, job);
	PQclear(r);
	return pg_finish(&tx, err);
}

enum queue_error
queue_task_list(struct queue *q, const char *user, const char *video,
		const char *const *types, struct arena *a,
		struct queue_task **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"video_tasks",
		"SELECT id, type, status, progress, error, " PG_US(
		    "created_at") " FROM job_queue WHERE video_id = $1"
				  " AND type = ANY ($2)"
				  " ORDER BY created_at DESC, id LIMIT 100"
	};
	struct buf words = BUF_INIT;
	struct pg_args args = { 0 };
	struct pg_tx tx = { 0 };
	PGresult *r = NULL;
	enum queue_error err = videos_begin_owned(q, user, video, &tx);

	*n = 0;
	pg_array_texts(&words, types);
	pg_text(&args, video);
	pg_array(&args, &words);
	if (!err)
		err = pg_exec(&tx, &stmt, &args, &r);
	err = pg_finish(&tx, err);
	buf_release(&words);
	if (!err)
		*out = pg_page(r, read_task, sizeof(**out), a, n, 0, NULL);
	else
		PQclear(r);
	return !err && a->err ? QUEUE_INTERNAL : err;
}

enum queue_error
queue_task_cancel(struct queue *q, const char *user, const char *video,
		  const char *const *types, const char *id)
{
	static const struct pg_stmt stmt = {
		"video_task_cancel", "SELECT job_cancel(id, 'cancelled') FROM "
				     "job_queue WHERE id = $1"
				     " AND video_id = $2 AND type = ANY ($3)"
	};
	struct buf words = BUF_INIT;
	struct pg_args args = { 0 };
	struct pg_tx tx = { 0 };
	PGresult *r = NULL;
	enum queue_error err = QUEUE_NOT_FOUND;

	pg_array_texts(&words, types);
	pg_text(&args, id);
	pg_text(&args, video);
	pg_array(&args, &words);
	if (uuid_valid(slice_str(id)))
		err = videos_begin_owned(q, user, video, &tx);
	if (!err)
		err = pg_exec(&tx, &stmt, &args, &r);
	if (!err && PQntuples(r) == 0)
		err = QUEUE_NOT_FOUND;
	PQclear(r);
	buf_release(&words);
	return pg_finish(&tx, err);
}
