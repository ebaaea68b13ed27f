/*
 * Jobs as an operator sees them: look, retry, cancel, limit, count.
 */
#include "queue/jobs.h"
#include "base/random.h"

#define JOBS_AND_VIDEOS \
	" FROM job_queue j LEFT JOIN videos v ON v.id = j.video_id"

enum queue_error
queue_job_get(struct queue *q, const char *id, struct arena *a,
	      struct queue_job *out)
{
	static const struct pg_stmt stmt = {
		"job_get",
		"SELECT " QUEUE_JOB_COLUMNS JOBS_AND_VIDEOS " WHERE j.id = $1"
	};

	return pg_find(q, NULL, &stmt, id, queue_read_job, a, out);
}

enum queue_error
queue_job_history(struct queue *q, const char *id, struct arena *a,
		  const char **errors, const char **worker)
{
	static const struct pg_stmt stmt = {
		"job_history",
		"SELECT errors, locked_by FROM job_queue WHERE id = $1"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	if (!uuid_valid(slice_str(id)))
		return QUEUE_NOT_FOUND;
	pg_text(&args, id);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*errors = pg_get(r, 0, 0, a);
	*worker = pg_get(r, 0, 1, a);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

/* An instant, 0 for none. */
static void
add_instant(struct pg_args *args, int64_t us)
{
	if (us)
		pg_time(args, us);
	else
		pg_text(args, NULL);
}

enum queue_error
queue_job_list(struct queue *q, const struct queue_job_filter *f,
	       struct arena *a, struct queue_job **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"job_list",
		"SELECT " QUEUE_JOB_COLUMNS JOBS_AND_VIDEOS
		" WHERE ($1::text IS NULL OR j.status = $1 OR ($1 = 'dead' AND"
		"  j.status = 'failed' AND NOT j.claimable))"
		" AND ($2::text IS NULL OR j.type = $2)"
		" AND ($3::uuid IS NULL OR j.video_id = $3)"
		" AND ($4::uuid IS NULL OR j.user_id = $4)"
		" AND ($5::float8 IS NULL OR j.created_at < to_timestamp($5))"
		" AND ($6::float8 IS NULL OR j.created_at > to_timestamp($6))"
		" ORDER BY j.created_at DESC, j.id DESC"
		" LIMIT nullif($7::bigint, 0)"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	if ((f->video_id && !uuid_valid(slice_str(f->video_id))) ||
	    (f->user_id && !uuid_valid(slice_str(f->user_id))))
		return QUEUE_NOT_FOUND;
	pg_text(&args, f->status);
	pg_text(&args, f->type);
	pg_text(&args, f->video_id);
	pg_text(&args, f->user_id);
	add_instant(&args, f->created_before_us);
	add_instant(&args, f->created_after_us);
	pg_int(&args, f->limit);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*out = pg_page(r, queue_read_job, sizeof(**out), a, n, 0, NULL);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

/* One statement about one job. */
static enum queue_error
change(struct queue *q, const struct pg_stmt *stmt, const char *id)
{
	struct pg_args args = { 0 };

	if (!uuid_valid(slice_str(id)))
		return QUEUE_NOT_FOUND;
	pg_text(&args, id);
	return pg_run(q, NULL, stmt, &args, NULL);
}

enum queue_error
queue_job_retry(struct queue *q, const char *id)
{
	static const struct pg_stmt stmt = { "job_retry",
					     "SELECT job_retry($1)" };

	return change(q, &stmt, id);
}

enum queue_error
queue_jobs_retry(struct queue *q, const char *type, size_t *n)
{
	static const struct pg_stmt stmt = {
		"jobs_dead", "SELECT id FROM job_dead_letters"
			     " WHERE $1::text IS NULL OR type = $1"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	*n = 0;
	pg_text(&args, type);
	err = pg_run(q, NULL, &stmt, &args, &r);
	for (int row = 0; !err && row < PQntuples(r); row++) {
		err = queue_job_retry(q, PQgetvalue(r, row, 0));
		*n += err == QUEUE_OK;
		/* one that went along with its parent, or was cleaned up */
		if (err == QUEUE_CONFLICT || err == QUEUE_NOT_FOUND)
			err = QUEUE_OK;
	}
	PQclear(r);
	return err;
}

enum queue_error
queue_job_cancel(struct queue *q, const char *id)
{
	static const struct pg_stmt stmt = {
		"job_cancel", "SELECT job_cancel($1, 'cancelled')"
	};

	return change(q, &stmt, id);
}

enum queue_error
queue_job_limit(struct queue *q, const char *type, int max)
{
	static const struct pg_stmt stmt = {
		"job_limit", "SELECT job_limit_set($1, nullif($2::int, -1))"
	};
	struct pg_args args = { 0 };

	pg_text(&args, type);
	pg_int(&args, max < 0 ? -1 : max);
	return pg_run(q, NULL, &stmt, &args, NULL);
}

enum queue_error
queue_job_stats(struct queue *q, struct arena *a, const char **json)
{
	static const struct pg_stmt stmt = { "job_stats",
					     "SELECT job_stats()" };
	PGresult *r;
	enum queue_error err = pg_run_row(q, NULL, &stmt, NULL, &r);

	if (err)
		return err;
	*json = pg_get(r, 0, 0, a);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}
