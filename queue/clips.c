/*
 * Clips: asked for by a user, cut by a generate_clips job.
 */
#include "queue/videos.h"
#include "base/json_write.h"
#include "base/random.h"

#define CLIP_COLUMNS                                                         \
	"id, video_id, title, description, start_time, end_time, score,"     \
	" status, s3_key, thumbnail_key, error, mode, aspect, note, " PG_US( \
	    "created_at")

static void
read_clip(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_clip *)out = (struct queue_clip){
		.id = pg_get(r, row, 0, a),
		.video_id = pg_get(r, row, 1, a),
		.title = pg_get(r, row, 2, a),
		.description = pg_get(r, row, 3, a),
		.start_time = pg_get_real(r, row, 4, 0),
		.end_time = pg_get_real(r, row, 5, 0),
		.score = pg_get_real(r, row, 6, -1),
		.status = pg_get(r, row, 7, a),
		.s3_key = pg_get(r, row, 8, a),
		.thumbnail_key = pg_get(r, row, 9, a),
		.error = pg_get(r, row, 10, a),
		.mode = pg_get(r, row, 11, a),
		.aspect = pg_get(r, row, 12, a),
		.note = pg_get(r, row, 13, a),
		.created_us = pg_get_int(r, row, 14, 0),
	};
}

/* Gives the clips ids; appends their rows as JSON. */
static void
put_clip_rows(struct queue_clip *clips, size_t n, struct arena *a,
	      struct buf *rows)
{
	char id[UUID_TEXT_MAX];

	json_open_array(rows, NULL);
	for (size_t i = 0; i < n; i++) {
		struct queue_clip *c = &clips[i];

		uuid_new(id);
		c->id = arena_cstr(a, slice_str(id));
		json_open_object(rows, NULL);
		json_put_str(rows, "id", id);
		json_put_str(rows, "title", c->title);
		json_put_str(rows, "description", c->description);
		json_put_num(rows, "start_time", c->start_time);
		json_put_num(rows, "end_time", c->end_time);
		if (c->mode)
			json_put_str(rows, "mode", c->mode);
		if (c->aspect)
			json_put_str(rows, "aspect", c->aspect);
		if (c->score >= 0)
			json_put_num(rows, "score", c->score);
		json_close_object(rows);
	}
	json_close_array(rows);
}

static enum queue_error
insert_clips(struct pg_tx *tx, const char *video, const char *rows,
	     char job[UUID_TEXT_MAX])
{
	static const struct pg_stmt stmt = { "clips_create",
					     "SELECT clips_create($1, $2)" };
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, video);
	pg_text(&args, rows);
	err = pg_exec(tx, &stmt, &args, &r);
	if (!err)
		pg_get_uuid(r, 0, 0, job);
	PQclear(r);
	return err;
}

enum queue_error
queue_clips_create(struct queue *q, const char *user, const char *video,
		   struct queue_clip *clips, size_t n, struct arena *a,
		   char job[UUID_TEXT_MAX])
{
	struct buf rows = BUF_INIT;
	struct pg_tx tx = { 0 };
	enum queue_error err;

	put_clip_rows(clips, n, a, &rows);
	if (!buf_ok(&rows) || a->err)
		err = QUEUE_INTERNAL;
	else
		err = videos_begin_owned(q, user, video, &tx);
	if (!err)
		err = insert_clips(&tx, video, rows.p, job);
	err = pg_finish(&tx, err);
	buf_release(&rows);
	return err;
}

enum queue_error
queue_clip_list(struct queue *q, const char *user, const char *video,
		uint32_t offset, uint32_t limit, struct arena *a,
		struct queue_clip **out, size_t *n, uint64_t *total)
{
	static const struct pg_stmt stmt = {
		"clip_list",
		"WITH own AS (SELECT * FROM clips"
		"  WHERE $1::uuid IS NULL OR video_id = $1)"
		" SELECT " CLIP_COLUMNS ", c.total"
		" FROM (SELECT count(*) AS total FROM own) c LEFT JOIN"
		" (SELECT * FROM own ORDER BY created_at DESC, id"
		"  OFFSET $2 LIMIT $3) v ON true"
		" ORDER BY created_at DESC, id"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	if (video && !uuid_valid(slice_str(video)))
		return QUEUE_NOT_FOUND;
	pg_text(&args, video);
	pg_int(&args, offset);
	pg_int(&args, limit);
	err = pg_run_row(q, user, &stmt, &args, &r);
	if (err)
		return err;
	*out = pg_page(r, read_clip, sizeof(**out), a, n, 15, total);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_clip_get(struct queue *q, const char *user, const char *id,
	       struct arena *a, struct queue_clip *out)
{
	static const struct pg_stmt stmt = { "clip_get",
					     "SELECT " CLIP_COLUMNS
					     " FROM clips WHERE id = $1" };

	return pg_find(q, user, &stmt, id, read_clip, a, out);
}
