/*
 * Jobs as the processor sees them: claim, heartbeat, and the ends of a run.
 * Every statement is one call of a function of queue/schema, where the rules
 * stand.
 */
#include "queue/jobs.h"
#include "queue/pool.h"

#define OLDEST_EACH 8

/* The types this version can run: anything else fails for good in a rescue. */
static const char *const known_types[] = { "process_video", "ai_analysis",
					   "generate_clips", NULL };

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

/* {"a","b"} of plain words. */
static char *
text_array(const char *const *words)
{
	struct buf b = BUF_INIT;

	buf_putc(&b, '{');
	for (size_t i = 0; words[i]; i++) {
		if (i)
			buf_putc(&b, ',');
		buf_json_str(&b, slice_str(words[i]));
	}
	buf_putc(&b, '}');
	return buf_steal(&b);
}

static void
add_fence(struct pg_args *args, const struct queue_fence *f)
{
	pg_text(args, f->id);
	pg_int(args, f->attempt);
	pg_text(args, f->worker);
}

enum queue_error
queue_claim(struct queue *q, const char *worker, const char *const *types,
	    size_t n, int lease_s, struct arena *a, struct queue_job *out,
	    size_t *claimed)
{
	static const struct pg_stmt stmt = {
		"job_claim",
		"SELECT " QUEUE_JOB_COLUMNS
		" FROM job_claim($1, $2, $3, make_interval(secs => $4), $5)"
		" WITH ORDINALITY j LEFT JOIN videos v ON v.id = j.video_id"
		" ORDER BY j.ordinality"
	};
	bool oldest =
	    atomic_fetch_add(&q->claims, 1) % OLDEST_EACH == OLDEST_EACH - 1;
	struct pg_args args = { 0 };
	PGresult *r;
	char *type_list = text_array(types);
	enum queue_error err;

	*claimed = 0;
	if (!type_list)
		return QUEUE_INTERNAL;
	pg_text(&args, worker);
	pg_text(&args, type_list);
	pg_int(&args, (int64_t)n);
	pg_int(&args, lease_s);
	pg_bool(&args, oldest);
	err = pg_run(q, NULL, &stmt, &args, &r);
	free(type_list);
	if (err)
		return err;
	for (int row = 0; row < PQntuples(r); row++)
		queue_read_job(r, row, a, &out[row]);
	*claimed = (size_t)PQntuples(r);
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_heartbeat(struct queue *q, const struct queue_fence *f, int lease_s,
		int progress, bool *cancel)
{
	static const struct pg_stmt stmt = {
		"job_heartbeat",
		"SELECT job_heartbeat($1, $2, $3, make_interval(secs => $4),"
		" least(greatest($5::int, 0), 100))"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	add_fence(&args, f);
	pg_int(&args, lease_s);
	pg_int(&args, progress);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*cancel = *PQgetvalue(r, 0, 0) == 't';
	PQclear(r);
	return QUEUE_OK;
}

/* Runs a job_settle() statement: NULL means the fence did not hold. */
static enum queue_error
settle(struct queue *q, const struct pg_stmt *stmt, const struct pg_args *args)
{
	PGresult *r;
	enum queue_error err = pg_run(q, NULL, stmt, args, &r);

	if (!err && PQgetisnull(r, 0, 0))
		err = QUEUE_LOST;
	PQclear(r);
	return err;
}

/* A size, 0 meaning unknown. */
static void
add_known(struct pg_args *args, int v)
{
	if (v > 0)
		pg_int(args, v);
	else
		pg_text(args, NULL);
}

enum queue_error
queue_job_complete(struct queue *q, const struct queue_fence *f,
		   const struct queue_outcome *o)
{
	static const struct pg_stmt stmt = {
		"job_complete",
		"SELECT job_settle($1, $2, $3, 'completed', NULL,"
		" p_result => $4, p_outcome => jsonb_build_object("
		" 'duration', $5::float8, 'width', $6::int, 'height', $7::int,"
		" 'thumbnail_key', $8::text, 'probe', $9::jsonb,"
		" 'ai_suggestions', $10::jsonb, 'analysis_key', $11::text,"
		" 'segments', $12::jsonb, 'hooks', $13::jsonb,"
		" 'clips', $14::jsonb))"
	};
	struct pg_args args = { 0 };

	add_fence(&args, f);
	pg_text(&args, o->result);
	if (o->duration >= 0)
		pg_real(&args, o->duration);
	else
		pg_text(&args, NULL);
	add_known(&args, o->width);
	add_known(&args, o->height);
	pg_text(&args, o->thumbnail_key);
	pg_text(&args, o->probe);
	pg_text(&args, o->ai_suggestions);
	pg_text(&args, o->analysis_key);
	pg_text(&args, o->segments);
	pg_text(&args, o->hooks);
	pg_text(&args, o->clips);
	return settle(q, &stmt, &args);
}

enum queue_error
queue_job_fail(struct queue *q, const struct queue_fence *f, const char *error,
	       bool permanent)
{
	static const struct pg_stmt stmt = {
		"job_fail", "SELECT job_settle($1, $2, $3, 'failed', $4, $5)"
	};
	struct pg_args args = { 0 };

	add_fence(&args, f);
	pg_text(&args, error);
	pg_bool(&args, permanent);
	return settle(q, &stmt, &args);
}

enum queue_error
queue_job_release(struct queue *q, const struct queue_fence *f)
{
	static const struct pg_stmt stmt = { "job_release",
					     "SELECT job_release($1, $2, $3)" };
	struct pg_args args = { 0 };

	add_fence(&args, f);
	return pg_run(q, NULL, &stmt, &args, NULL);
}

enum queue_error
queue_rescue(struct queue *q, size_t *n)
{
	static const struct pg_stmt stmt = { "job_rescue",
					     "SELECT job_rescue($1)" };
	struct pg_args args = { 0 };
	PGresult *r;
	char *known = text_array(known_types);
	enum queue_error err;

	*n = 0;
	if (!known)
		return QUEUE_INTERNAL;
	pg_text(&args, known);
	err = pg_run(q, NULL, &stmt, &args, &r);
	free(known);
	if (err)
		return err;
	*n = (size_t)pg_get_int(r, 0, 0, 0);
	PQclear(r);
	return QUEUE_OK;
}
