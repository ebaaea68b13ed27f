/*
 * The ends of runs, in batches and alone. A batch is one transaction; when the
 * database refuses one of its documents, each run is ended by itself, so that
 * the others do not go down with it.
 */
#include "queue/jobs.h"
#include "base/json_write.h"

static const char *const how_text[] = {
	[QUEUE_COMPLETED] = "completed",
	[QUEUE_FAILED] = "failed",
	[QUEUE_FAILED_FOR_GOOD] = "failed for good",
	[QUEUE_RELEASED] = "released",
};

void
queue_put_outcome(struct buf *b, const struct queue_outcome *o)
{
	const struct {
		const char *name;
		const char *json;
	} documents[] = {
		{ "probe", o->probe },
		{ "ai_suggestions", o->ai_suggestions },
		{ "segments", o->segments },
		{ "hooks", o->hooks },
		{ "clips", o->clips },
		{ "files", o->files },
	};
	const struct {
		const char *name;
		const char *text;
	} keys[] = { { "thumbnail_key", o->thumbnail_key },
		     { "analysis_key", o->analysis_key } };

	json_open_object(b, NULL);
	if (o->duration >= 0)
		json_put_num(b, "duration", o->duration);
	if (o->width > 0)
		json_put_int(b, "width", o->width);
	if (o->height > 0)
		json_put_int(b, "height", o->height);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].text)
			json_put_str(b, keys[i].name, keys[i].text);
	for (size_t i = 0; i < ARRAY_LEN(documents); i++)
		if (documents[i].json)
			json_put_raw(b, documents[i].name, documents[i].json);
	json_close_object(b);
}

/* One column per argument of jobs_end(). */
enum { IDS, ATTEMPTS, HOWS, ERRORS, RESULTS, OUTCOMES, COLUMNS };

static void
put_end(struct buf column[COLUMNS], const struct queue_end *e)
{
	const struct queue_outcome *o = e->outcome;
	struct buf outcome = BUF_INIT;

	if (o)
		queue_put_outcome(&outcome, o);
	pg_array_text(&column[IDS], e->id);
	pg_array_int(&column[ATTEMPTS], e->attempt);
	pg_array_text(&column[HOWS], how_text[e->how]);
	pg_array_text(&column[ERRORS], e->error);
	pg_array_text(&column[RESULTS], o ? o->result : NULL);
	pg_array_text(&column[OUTCOMES], buf_ok(&outcome) ? outcome.p : "");
	buf_release(&outcome);
}

/* The rows of the answer name the jobs that are not ours any more. */
static void
read_lost(const PGresult *r, struct queue_end *ends, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ends[i].result = QUEUE_OK;
	for (int row = 0; row < PQntuples(r); row++)
		for (size_t i = 0; i < n; i++)
			if (strcmp(ends[i].id, PQgetvalue(r, row, 0)) == 0)
				ends[i].result = QUEUE_LOST;
}

static enum queue_error
end_together(struct queue *q, const char *worker, struct queue_end *ends,
	     size_t n)
{
	static const struct pg_stmt stmt = {
		"jobs_end", "SELECT jobs_end($1, $2, $3, $4, $5, $6, $7)"
	};
	struct buf column[COLUMNS] = { 0 };
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	for (size_t i = 0; i < n; i++)
		put_end(column, &ends[i]);
	pg_text(&args, worker);
	for (size_t i = 0; i < COLUMNS; i++)
		pg_array(&args, &column[i]);
	err = pg_run(q, NULL, &stmt, &args, &r);
	if (!err)
		read_lost(r, ends, n);
	PQclear(r);
	for (size_t i = 0; i < COLUMNS; i++)
		buf_release(&column[i]);
	return err;
}

enum queue_error
queue_jobs_end(struct queue *q, const char *worker, struct queue_end *ends,
	       size_t n)
{
	enum queue_error err = n ? end_together(q, worker, ends, n) : QUEUE_OK;

	if (err != QUEUE_INTERNAL)
		return err;
	for (size_t i = 0; i < n; i++) {
		err = n == 1 ? err : end_together(q, worker, &ends[i], 1);
		if (err && err != QUEUE_INTERNAL)
			return err;
		if (err)
			ends[i].result = QUEUE_INTERNAL;
	}
	return QUEUE_OK;
}
