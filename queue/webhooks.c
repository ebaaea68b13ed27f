/*
 * Webhooks: each function is one call of a function of schema/016, where the
 * rules stand.
 */
#include "queue/webhooks.h"
#include "queue/jobs.h"

enum queue_error
queue_job_hand_off(struct queue *q, const struct queue_fence *f, int lease_s,
		   struct arena *a, struct queue_input *out)
{
	static const struct pg_stmt stmt = {
		"job_hand_off", "SELECT size, etag, content_type FROM"
				" job_hand_off($1, $2, $3,"
				" make_interval(secs => $4))"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, f->id);
	pg_int(&args, f->attempt);
	pg_text(&args, f->worker);
	pg_int(&args, lease_s);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (err)
		return err;
	*out = (struct queue_input){
		.size = (uint64_t)pg_get_int(r, 0, 0, 0),
		.etag = pg_get(r, 0, 1, a),
		.content_type = pg_get(r, 0, 2, a),
	};
	PQclear(r);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_external_accepted(struct queue *q, const char *id, int attempt,
			int lease_s)
{
	static const struct pg_stmt stmt = {
		"external_accepted",
		"SELECT external_accepted($1, $2, make_interval(secs => $3))"
	};
	struct pg_args args = { 0 };

	pg_text(&args, id);
	pg_int(&args, attempt);
	pg_int(&args, lease_s);
	return pg_run(q, NULL, &stmt, &args, NULL);
}

/* NULL for what is not said. */
static void
put_seconds(struct pg_args *args, int seconds)
{
	if (seconds < 0)
		pg_text(args, NULL);
	else
		pg_int(args, seconds);
}

enum queue_error
queue_external_refused(struct queue *q, const char *id, int attempt,
		       const char *error, bool permanent, int after_s)
{
	static const struct pg_stmt stmt = {
		"external_settle",
		"SELECT external_settle($1, $2, 'failed', $3, $4, NULL, '{}',"
		" $5)"
	};
	struct pg_args args = { 0 };

	pg_text(&args, id);
	pg_int(&args, attempt);
	pg_text(&args, error);
	pg_bool(&args, permanent);
	put_seconds(&args, after_s);
	return pg_run(q, NULL, &stmt, &args, NULL);
}

static enum queue_callback_end
callback_end(const PGresult *r)
{
	static const struct {
		const char *word;
		enum queue_callback_end end;
	} ends[] = {
		{ "applied", QUEUE_CALLBACK_APPLIED },
		{ "replayed", QUEUE_CALLBACK_REPLAYED },
	};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (strcmp(PQgetvalue(r, 0, 0), ends[i].word) == 0)
			return ends[i].end;
	return QUEUE_CALLBACK_IGNORED;
}

enum queue_error
queue_webhook_callback(struct queue *q, const struct queue_callback *c,
		       enum queue_callback_end *out)
{
	static const struct pg_stmt stmt = {
		"webhook_callback",
		"SELECT webhook_callback($1, $2, $3, $4, $5, $6,"
		" make_interval(secs => $7), $8, $9, $10, $11)"
	};
	struct buf outcome = BUF_INIT;
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	if (c->outcome)
		queue_put_outcome(&outcome, c->outcome);
	pg_text(&args, c->webhook);
	pg_text(&args, c->job);
	pg_text(&args, c->video);
	pg_int(&args, c->attempt);
	pg_text(&args, c->status);
	put_seconds(&args, c->percent);
	pg_int(&args, c->lease_s);
	pg_text(&args, c->error);
	pg_bool(&args, c->permanent);
	pg_text(&args, c->outcome ? c->outcome->result : NULL);
	pg_text(&args, buf_ok(&outcome) ? outcome.p : "");
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (!err)
		*out = callback_end(r);
	PQclear(r);
	buf_release(&outcome);
	return err;
}

enum queue_error
queue_webhook_events(struct queue *q, const char *const *types)
{
	static const struct pg_stmt stmt = { "webhook_events_set",
					     "SELECT webhook_events_set($1)" };
	struct buf words = BUF_INIT;
	struct pg_args args = { 0 };
	enum queue_error err;

	for (size_t i = 0; types[i]; i++)
		pg_array_text(&words, types[i]);
	pg_array(&args, &words);
	err = pg_run(q, NULL, &stmt, &args, NULL);
	buf_release(&words);
	return err;
}

enum queue_error
queue_webhook_retry(struct queue *q, const struct queue_fence *f,
		    const char *error, int after_s)
{
	static const struct pg_stmt stmt = {
		"webhook_retry", "SELECT webhook_retry($1, $2, $3, $4, $5)"
	};
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	pg_text(&args, f->id);
	pg_int(&args, f->attempt);
	pg_text(&args, f->worker);
	pg_text(&args, error);
	put_seconds(&args, after_s);
	err = pg_run_row(q, NULL, &stmt, &args, &r);
	if (!err && PQgetisnull(r, 0, 0))
		err = QUEUE_LOST;
	PQclear(r);
	return err;
}
