/*
 * Adding jobs. Their ids are made here, in the order of time, so that rows of
 * one time lie together in the index.
 */
#include "queue/pg.h"
#include "base/timeval.h"

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

/* Tells of those that are due now. */
static void
wake(struct queue *q, const struct queue_new_job *jobs, size_t n)
{
	const char *told = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct queue_new_job *j = &jobs[i];

		if (j->was_there || j->run_at_us > time_now_us() ||
		    (told && strcmp(told, j->type) == 0))
			continue;
		told = j->type;
		queue_wake(q, told);
	}
}

/* What most calls do: half the cost of a batch of one. */
static enum queue_error
add_plain(struct queue *q, const struct queue_new_job *job)
{
	static const struct pg_stmt stmt = {
		"job_add",
		"INSERT INTO job_queue (id, type, payload, priority, run_at,"
		" max_attempts, user_id, video_id) VALUES ($1, $2, $3::jsonb,"
		" $4, CASE WHEN $5::bigint = 0 THEN now() ELSE"
		" 'epoch'::timestamptz + $5 * interval '1 us' END, $6, $7, $8)"
	};
	struct pg_args args = { 0 };

	pg_text(&args, job->id);
	pg_text(&args, job->type);
	pg_text(&args, job->payload ? job->payload : "{}");
	pg_text(&args, job->priority ? job->priority : "normal");
	pg_int(&args, job->run_at_us);
	pg_int(&args, job->max_attempts ? job->max_attempts : 3);
	pg_text(&args, job->user_id);
	pg_text(&args, job->video_id);
	return pg_run(q, NULL, &stmt, &args, NULL);
}

/* The answer names the job of each place. */
static enum queue_error
add_batch(struct queue *q, struct queue_new_job *jobs, size_t n)
{
	static const struct pg_stmt stmt = {
		"jobs_add",
		"SELECT jobs_add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
	};
	struct buf column[COLUMNS] = { 0 };
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	for (size_t i = 0; i < n; i++)
		put_job(column, &jobs[i]);
	for (size_t i = 0; i < COLUMNS; i++)
		pg_array(&args, &column[i]);
	err = pg_run(q, NULL, &stmt, &args, &r);
	for (size_t i = 0; !err && i < n; i++) {
		const char *id = PQgetvalue(r, (int)i, 0);

		jobs[i].was_there = strcmp(jobs[i].id, id) != 0;
		pg_get_uuid(r, (int)i, 0, jobs[i].id);
	}
	PQclear(r);
	for (size_t i = 0; i < COLUMNS; i++)
		buf_release(&column[i]);
	return err;
}

enum queue_error
queue_jobs_add(struct queue *q, struct queue_new_job *jobs, size_t n)
{
	enum queue_error err = QUEUE_OK;

	for (size_t i = 0; i < n; i++) {
		uuid_new_ordered(jobs[i].id);
		jobs[i].was_there = false;
	}
	if (n == 1 && !jobs->dedupe_key && !jobs->parent)
		err = add_plain(q, jobs);
	else if (n)
		err = add_batch(q, jobs, n);
	if (!err)
		wake(q, jobs, n);
	return err;
}
