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
queue_job_list(struct queue *q, const char *status, uint32_t limit,
	       struct arena *a, struct queue_job **out, size_t *n)
{
	static const struct pg_stmt stmt = {
		"job_list", "SELECT " QUEUE_JOB_COLUMNS JOBS_AND_VIDEOS
			    " WHERE $1::text IS NULL OR j.status = $1"
			    " ORDER BY j.created_at DESC, j.id LIMIT $2"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, status);
	pg_int(&args, limit);
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
