/*
 * Which of the objects that jobs made are named by a result: what the sweep of
 * the daily cleanup asks.
 */
#include "queue/pg.h"

static void
read_bucket(const PGresult *r, int row, struct arena *a, void *out)
{
	*(const char **)out = pg_get(r, row, 0, a);
}

enum queue_error
queue_video_buckets(struct queue *q, struct arena *a, const char ***out,
		    size_t *n)
{
	static const struct pg_stmt stmt = {
		"video_buckets", "SELECT DISTINCT bucket FROM videos"
	};
	PGresult *r;
	enum queue_error err = pg_run(q, NULL, &stmt, NULL, &r);

	*n = 0;
	if (err)
		return err;
	*out = pg_page(r, read_bucket, sizeof(**out), a, n, 0, NULL);
	return a->err ? QUEUE_INTERNAL : QUEUE_OK;
}

enum queue_error
queue_derived_unused(struct queue *q, const char *bucket,
		     const char *const *keys, size_t n, bool *unused)
{
	static const struct pg_stmt stmt = { "derived_unused",
					     "SELECT derived_unused($1, $2)" };
	struct buf list = BUF_INIT;
	struct pg_args args = { 0 };
	PGresult *r;
	enum queue_error err;

	for (size_t i = 0; i < n; i++) {
		pg_array_text(&list, keys[i]);
		unused[i] = false;
	}
	pg_text(&args, bucket);
	pg_array(&args, &list);
	err = pg_run(q, NULL, &stmt, &args, &r);
	buf_release(&list);
	if (err)
		return err;
	for (int row = 0; row < PQntuples(r); row++) {
		int64_t place = pg_get_int(r, row, 0, 0);

		if (place > 0 && (uint64_t)place <= n)
			unused[place - 1] = true;
	}
	PQclear(r);
	return QUEUE_OK;
}
