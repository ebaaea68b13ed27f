/*
 * Adding jobs. Their ids are made here, in the order of time, so that rows of
 * one time lie together in the index.
 */
#include "queue/pg.h"

enum {
	IDS,
	TYPES,
	PAYLOADS,
	PRIORITIES,
	RUN_AT,
	TRIES,
	KEYS,
	PARENTS,
	USERS,
	VIDEOS,
	COLUMNS
};

static void
put_known_int(struct buf *b, int64_t v)
{
	if (v)
		pg_array_int(b, v);
	else
		pg_array_text(b, NULL);
}

static void
put_job(struct buf column[COLUMNS], const struct queue_new_job *job)
{
	pg_array_text(&column[IDS], job->id);
	pg_array_text(&column[TYPES], job->type);
	pg_array_text(&column[PAYLOADS], job->payload);
	pg_array_text(&column[PRIORITIES], job->priority);
	put_known_int(&column[RUN_AT], job->run_at_us);
	put_known_int(&column[TRIES], job->max_attempts);
	pg_array_text(&column[KEYS], job->dedupe_key);
	pg_array_text(&column[PARENTS], job->parent);
	pg_array_text(&column[USERS], job->user_id);
	pg_array_text(&column[VIDEOS], job->video_id);
}

/* The answer names the job of each place. */
static void
read_ids(const PGresult *r, struct queue_new_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *id = PQgetvalue(r, (int)i, 0);

		jobs[i].was_there = strcmp(jobs[i].id, id) != 0;
		pg_get_uuid(r, (int)i, 0, jobs[i].id);
	}
}

/* Of jobs that are due, each type once. */
static enum queue_error
wake(struct queue *q, const struct queue_new_job *jobs, size_t n)
{
	static const struct pg_stmt stmt = {
		"job_wake", "SELECT pg_notify('job_queue', t)"
			    " FROM (SELECT DISTINCT unnest($1::text[])) u (t)"
	};
	struct buf types = BUF_INIT;
	struct pg_args args = { 0 };
	enum queue_error err;

	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(jobs[i].type, jobs[i - 1].type) != 0)
			pg_array_text(&types, jobs[i].type);
	pg_array(&args, &types);
	err = pg_run(q, NULL, &stmt, &args, NULL);
	buf_release(&types);
	return err;
}

enum queue_error
queue_jobs_add(struct queue *q, struct queue_new_job *jobs, size_t n)
{
	static const struct pg_stmt stmt = {
		"jobs_add",
		"SELECT jobs_add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
	};
	struct buf column[COLUMNS] = { 0 };
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	if (n == 0)
		return QUEUE_OK;
	for (size_t i = 0; i < n; i++) {
		uuid_new(jobs[i].id);
		put_job(column, &jobs[i]);
	}
	for (size_t i = 0; i < COLUMNS; i++)
		pg_array(&args, &column[i]);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (!err)
		read_ids(r, jobs, n);
	PQclear(r);
	for (size_t i = 0; i < COLUMNS; i++)
		buf_release(&column[i]);
	return err ? err : wake(q, jobs, n);
}
