/*
 * Jobs as the processor gets and keeps them: claim, beat, rescue. Every
 * statement is one call of a function of queue/schema, where the rules stand.
 */
#include "queue/jobs.h"
#include "queue/pool.h"
#include "base/timeval.h"

#define OLDEST_EACH 8

void
queue_read_job(const PGresult *r, int row, struct arena *a, void *out)
{
	*(struct queue_job *)out = (struct queue_job){
		.id = pg_get(r, row, 0, a),
		.type = pg_get(r, row, 1, a),
		.payload = pg_get(r, row, 2, a),
		.user_id = pg_get(r, row, 3, a),
		.video_id = pg_get(r, row, 4, a),
		.bucket = pg_get(r, row, 5, a),
		.s3_key = pg_get(r, row, 6, a),
		.priority = pg_get(r, row, 7, a),
		.status = pg_get(r, row, 8, a),
		.attempts = (int)pg_get_int(r, row, 9, 0),
		.max_attempts = (int)pg_get_int(r, row, 10, 0),
		.progress = (int)pg_get_int(r, row, 11, 0),
		.error = pg_get(r, row, 12, a),
		.result = pg_get(r, row, 13, a),
		.cancel_requested = *PQgetvalue(r, row, 14) == 't',
		.run_at_us = pg_get_int(r, row, 15, INT64_MAX),
		.created_us = pg_get_int(r, row, 16, 0),
		.started_us = pg_get_int(r, row, 17, 0),
		.completed_us = pg_get_int(r, row, 18, 0),
	};
}

/* Where to begin, as two arrays of job_claim(). */
static void
put_floors(struct buf *us, struct buf *ids,
	   const struct floor_at from[FLOOR_PRIOS])
{
	for (size_t p = 0; p < FLOOR_PRIOS; p++) {
		bool none = from[p].us == FLOOR_NONE;

		if (none)
			pg_array_text(us, NULL);
		else
			pg_array_int(us, from[p].us);
		pg_array_text(ids, none ? NULL : from[p].id);
	}
}

enum queue_error
queue_claim(struct queue *q, const char *worker, const char *const *types,
	    size_t n, struct arena *a, struct queue_job *out, size_t *claimed)
{
	static const struct pg_stmt stmt = {
		"job_claim",
		"SELECT " QUEUE_JOB_COLUMNS
		" FROM job_claim($1, $2, $3, $4, $5, $6) j"
		" LEFT JOIN LATERAL job_video(j.video_id) v ON true"
		" ORDER BY j.prio, j.run_at, j.id"
	};
	bool oldest =
	    atomic_fetch_add(&q->claims, 1) % OLDEST_EACH == OLDEST_EACH - 1;
	struct buf words = BUF_INIT, from_us = BUF_INIT, from_ids = BUF_INIT;
	int64_t begin = time_mono_us();
	struct floor_at from[FLOOR_PRIOS];
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	*claimed = 0;
	pg_array_texts(&words, types);
	pg_text(&args, worker);
	pg_array(&args, &words);
	floors_get(&q->floors, args.value[1], n, from);
	put_floors(&from_us, &from_ids, from);
	pg_int(&args, (int64_t)n);
	pg_bool(&args, oldest);
	pg_array(&args, &from_us);
	pg_array(&args, &from_ids);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (!err) {
		for (int row = 0; row < PQntuples(r); row++)
			queue_read_job(r, row, a, &out[row]);
		*claimed = (size_t)PQntuples(r);
		err = a->err ? QUEUE_INTERNAL : QUEUE_OK;
	}
	if (!err && !oldest)
		floors_note(&q->floors, args.value[1], from, out, *claimed, n,
			    time_mono_us() - begin);
	PQclear(r);
	buf_release(&words);
	buf_release(&from_us);
	buf_release(&from_ids);
	return err;
}

enum queue_error
queue_next_due(struct queue *q, const char *const *types, int64_t *us)
{
	static const struct pg_stmt stmt = {
		"job_next_due", "SELECT " PG_US("d") ", " PG_US(
				    "now()") " FROM job_next_due($1) d"
	};
	struct buf words = BUF_INIT;
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_array_texts(&words, types);
	pg_array(&args, &words);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	buf_release(&words);
	if (err)
		return err;
	*us = INT64_MAX;
	if (!PQgetisnull(r, 0, 0)) {
		*us = pg_get_int(r, 0, 0, 0) - pg_get_int(r, 0, 1, 0);
		*us = *us > 0 ? *us : 0;
	}
	PQclear(r);
	return QUEUE_OK;
}

/* ---- workers ------------------------------------------------------------- */

/* Runs a statement that answers a number; *n is 0 on error. */
static enum queue_error
run_count(struct queue *q, const struct pg_stmt *stmt,
	  const struct pg_args *args, size_t *n)
{
	PGresult *r;
	enum queue_error err = pg_run_row(q, NULL, stmt, args, &r);

	*n = err ? 0 : (size_t)pg_get_int(r, 0, 0, 0);
	PQclear(r);
	return err;
}

/* The rows of an answer to a beat name the jobs that are to stop. */
static void
read_said(const PGresult *r, struct queue_beat *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		jobs[i].said = QUEUE_GO_ON;
	for (int row = 0; row < PQntuples(r); row++) {
		const char *id = PQgetvalue(r, row, 0);
		enum queue_said said = *PQgetvalue(r, row, 1) == 't'
					   ? QUEUE_STOP_LOST
					   : QUEUE_STOP_CANCEL;

		for (size_t i = 0; i < n; i++)
			if (strcmp(jobs[i].id, id) == 0)
				jobs[i].said = said;
	}
}

enum queue_error
queue_worker_beat(struct queue *q, const struct queue_worker *worker,
		  struct queue_beat *jobs, size_t n)
{
	static const struct pg_stmt stmt = {
		"worker_beat", "SELECT id, lost FROM worker_beat($1, $2, $3,"
			       " make_interval(secs => $4), $5, $6, $7)"
	};
	struct buf types = BUF_INIT, ids = BUF_INIT, attempts = BUF_INIT,
		   percents = BUF_INIT;
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_array_texts(&types, worker->types);
	for (size_t i = 0; i < n; i++) {
		int percent = jobs[i].percent;

		pg_array_text(&ids, jobs[i].id);
		pg_array_int(&attempts, jobs[i].attempt);
		if (percent < 0)
			pg_array_text(&percents, NULL);
		else
			pg_array_int(&percents, percent < 100 ? percent : 100);
	}
	pg_text(&args, worker->name);
	pg_text(&args, worker->host ? worker->host : "");
	pg_array(&args, &types);
	pg_int(&args, worker->lease_s);
	pg_array(&args, &ids);
	pg_array(&args, &attempts);
	pg_array(&args, &percents);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (!err)
		read_said(r, jobs, n);
	PQclear(r);
	buf_release(&types);
	buf_release(&ids);
	buf_release(&attempts);
	buf_release(&percents);
	return err;
}

enum queue_error
queue_worker_keep(struct queue *q, const char *worker,
		  const struct queue_beat *jobs, size_t n, size_t *released)
{
	static const struct pg_stmt stmt = { "worker_keep",
					     "SELECT worker_keep($1, $2, $3)" };
	struct buf ids = BUF_INIT, attempts = BUF_INIT;
	struct pg_args args = { 0 };
	enum queue_error err;

	for (size_t i = 0; i < n; i++) {
		pg_array_text(&ids, jobs[i].id);
		pg_array_int(&attempts, jobs[i].attempt);
	}
	pg_text(&args, worker);
	pg_array(&args, &ids);
	pg_array(&args, &attempts);
	err = run_count(q, &stmt, &args, released);
	buf_release(&ids);
	buf_release(&attempts);
	return err;
}

enum queue_error
queue_worker_leave(struct queue *q, const char *worker)
{
	static const struct pg_stmt stmt = { "worker_leave",
					     "SELECT worker_leave($1)" };
	struct pg_args args = { 0 };

	pg_text(&args, worker);
	return pg_run(q, NULL, &stmt, &args, NULL);
}

enum queue_error
queue_rescue(struct queue *q, const char *const *types, size_t *n)
{
	static const struct pg_stmt stmt = { "job_rescue",
					     "SELECT job_rescue($1)" };
	struct buf known = BUF_INIT;
	struct pg_args args = { 0 };
	enum queue_error err;

	pg_array_texts(&known, types);
	pg_array(&args, &known);
	err = run_count(q, &stmt, &args, n);
	buf_release(&known);
	return err;
}

enum queue_error
queue_cleanup(struct queue *q, int days, size_t *n)
{
	static const struct pg_stmt stmt = { "job_cleanup",
					     "SELECT job_cleanup($1)" };
	struct pg_args args = { 0 };
	enum queue_error err;
	size_t batch;

	*n = 0;
	pg_int(&args, days);
	do {
		err = run_count(q, &stmt, &args, &batch);
		*n += batch;
	} while (!err && batch);
	return err;
}
