/*
 * queue_fixture.h - a database of its own for each test of queue/.
 *
 * The server is named by REELGATE_TEST_PG (a superuser's connection string);
 * without it the program starts itself again under tests/lib/with-pg. A
 * migrated database is made once and copied for each test. w->q logs in as
 * the services do, sql() as the superuser, who sees past row level security.
 */
#ifndef TESTS_QUEUE_FIXTURE_H
#define TESTS_QUEUE_FIXTURE_H

#include "queue/queue.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/timeval.h"

#include <libpq-fe.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#define USER_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define USER_B "bbbbbbbb-0000-4000-8000-00000000000b"
#define DEPLOYMENT "11111111-1111-4111-8111-111111111111"
#define EPOCH "22222222-2222-4222-8222-222222222222"
#define BUCKET "videos"

struct world {
	struct queue *q;
	PGconn *admin;
	struct arena a;
	char name[64];
	char conninfo[512]; /* of the login role */
	char text[4096];    /* last answer of sql() */
};

static char template_db[64];

/* The server's connection string for another database and user. */
static inline void
conninfo_for(char out[512], const char *db, const char *user)
{
	snprintf(out, 512, "%s dbname=%s user=%s", getenv("REELGATE_TEST_PG"),
		 db, user);
}

/* Runs SQL that must succeed; the first value of its last result as text,
 * "" without one. */
static inline const char *
sql_on(PGconn *c, char *text, size_t size, const char *fmt, va_list ap)
{
	struct buf q = BUF_INIT;
	PGresult *r;

	buf_vprintf(&q, fmt, ap);
	assert_true(buf_ok(&q));
	r = PQexec(c, q.p);
	if (PQresultStatus(r) != PGRES_TUPLES_OK &&
	    PQresultStatus(r) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", q.p, PQerrorMessage(c));
	snprintf(text, size, "%s",
		 PQntuples(r) && PQnfields(r) ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	buf_release(&q);
	return text;
}

static inline const char *PRINTF_LIKE(2, 3)
    sql(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sql_on(w->admin, w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return w->text;
}

#define assert_sql(w, expected, ...) \
	assert_string_equal(sql(w, __VA_ARGS__), expected)

static inline void PRINTF_LIKE(1, 2) server_sql(const char *fmt, ...)
{
	PGconn *c = PQconnectdb(getenv("REELGATE_TEST_PG"));
	char text[256];
	va_list ap;

	assert_int_equal(PQstatus(c), CONNECTION_OK);
	va_start(ap, fmt);
	sql_on(c, text, sizeof(text), fmt, ap);
	va_end(ap);
	PQfinish(c);
}

static inline void
world_open(struct world *w, const char *from_template)
{
	static unsigned count;
	char admin[512];

	memset(w, 0, sizeof(*w));
	snprintf(w->name, sizeof(w->name), "t%d_%u", (int)getpid(), count++);
	server_sql("CREATE DATABASE %s TEMPLATE %s", w->name, from_template);
	conninfo_for(admin, w->name, "postgres");
	conninfo_for(w->conninfo, w->name, "reelgate");
	w->admin = PQconnectdb(admin);
	assert_int_equal(PQstatus(w->admin), CONNECTION_OK);
	arena_init(&w->a, 64 << 20);
	w->q = queue_open(w->conninfo, 8, "test");
	assert_non_null(w->q);
}

static inline int
setup(void **state)
{
	struct world *w = malloc(sizeof(*w));

	world_open(w, template_db);
	*state = w;
	return 0;
}

static inline void
world_close(struct world *w)
{
	queue_close(w->q);
	PQfinish(w->admin);
	server_sql("DROP DATABASE %s WITH (FORCE)", w->name);
	arena_release(&w->a);
}

static inline int
teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static inline int
make_template(void **state)
{
	char conninfo[512], err[512];

	(void)state;
	snprintf(template_db, sizeof(template_db), "tpl%d", (int)getpid());
	server_sql("CREATE DATABASE %s", template_db);
	conninfo_for(conninfo, template_db, "postgres");
	if (queue_migrate(conninfo, "reelgate", err) != 0)
		fail_msg("%s", err);
	return 0;
}

static inline int
drop_template(void **state)
{
	(void)state;
	server_sql("DROP DATABASE %s WITH (FORCE)", template_db);
	return 0;
}

/* First thing in main(): a server, digests, a quiet log. */
static inline void
fixture_start(char **argv)
{
	char *const under[] = { (char[]){ "tests/lib/with-pg" }, argv[0],
				NULL };

	if (!getenv("REELGATE_TEST_PG")) {
		execv(under[0], under);
		perror("tests/lib/with-pg (run from the checkout's root)");
		exit(1);
	}
	if (hash_setup() != 0)
		exit(1);
	log_set_level(LOG_ERROR);
}

#define TEST_WITH_DB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- things most tests need --------------------------------------------- */

static const char *const media_types[] = { "process_video", "ai_analysis",
					   "generate_clips", NULL };

static inline struct queue_event
created(uint64_t seq, const char *id, const char *key)
{
	return (struct queue_event){ .seq = seq,
				     .id = id,
				     .time_us = 1700000000000000,
				     .name = "ObjectCreated:Put",
				     .bucket = SLICE(BUCKET),
				     .key = slice_str(key),
				     .size = 1000,
				     .etag = "0123456789abcdef",
				     .version_id = "null",
				     .content_type = SLICE("video/mp4"),
				     .record = "{\"a\":1}",
				     .job_type = "process_video",
				     .users = true };
}

static inline struct queue_object
object_of(const struct queue_event *e)
{
	return (struct queue_object){ .deployment = DEPLOYMENT,
				      .epoch = EPOCH,
				      .seq = e->seq,
				      .version_id = e->version_id,
				      .bucket = BUCKET,
				      .key = e->key.p,
				      .size = e->size,
				      .content_type = "video/mp4",
				      .etag = e->etag };
}

/* Relays events from where the cursor stands. */
static inline enum queue_error
relay(struct world *w, const struct queue_event *events, size_t n)
{
	struct queue_cursor at, after;

	assert_int_equal(queue_cursor_get(w->q, DEPLOYMENT, EPOCH, &at),
			 QUEUE_OK);
	return queue_relay(w->q, DEPLOYMENT, EPOCH, &at, events, n, &after);
}

static inline void
make_intent(struct world *w, const char *user, const char *key)
{
	struct queue_intent in = { .bucket = BUCKET,
				   .key = key,
				   .file_name = "holiday.mp4",
				   .content_type = "video/mp4",
				   .size = 1000,
				   .expires_us =
				       time_now_us() + 3600 * US_PER_S };
	char id[UUID_TEXT_MAX];

	assert_int_equal(queue_intent_create(w->q, user, &in, 0, id), QUEUE_OK);
}

/* A video of user A, relayed as the event seq; its id. */
static inline const char *
make_video(struct world *w, uint64_t seq)
{
	char key[128], id[32];
	struct queue_event e;

	snprintf(key, sizeof(key), "uploads/" USER_A "/%u.mp4", (unsigned)seq);
	snprintf(id, sizeof(id), "event-%u", (unsigned)seq);
	e = created(seq, id, key);
	assert_int_equal(relay(w, &e, 1), QUEUE_OK);
	return arena_cstr(&w->a, slice_str(sql(w,
					       "SELECT id FROM videos"
					       " WHERE s3_key = '%s'",
					       key)));
}

/* A worker's beat with n jobs of its own; it is registered then. */
static inline void
beat(struct world *w, const char *worker, struct queue_beat *jobs, size_t n)
{
	const struct queue_worker self = { .name = worker,
					   .host = "test",
					   .types = media_types,
					   .lease_s = 30 };

	assert_int_equal(queue_worker_beat(w->q, &self, jobs, n), QUEUE_OK);
}

static inline enum queue_said
beat_one(struct world *w, const struct queue_job *job, const char *worker,
	 int percent)
{
	struct queue_beat b = { .id = job->id,
				.attempt = job->attempts,
				.percent = percent };

	beat(w, worker, &b, 1);
	return b.said;
}

/* The lease of a worker ended a second ago. */
static inline void
expire(struct world *w, const char *worker)
{
	sql(w,
	    "UPDATE workers SET lease_until = now() - interval '1 s'"
	    " WHERE name LIKE '%s'",
	    worker);
}

/* Claims one job of the media types; false when none is due. */
static inline bool
claim(struct world *w, const char *worker, struct queue_job *job)
{
	size_t n;

	beat(w, worker, NULL, 0);
	assert_int_equal(
	    queue_claim(w->q, worker, media_types, 1, &w->a, job, &n),
	    QUEUE_OK);
	return n == 1;
}

static inline struct queue_fence
fence(const struct queue_job *job, const char *worker)
{
	return (struct queue_fence){ .id = job->id,
				     .attempt = job->attempts,
				     .worker = worker };
}

/* An outcome that says nothing. */
#define OUTCOME_NONE                           \
	(struct queue_outcome)                 \
	{                                      \
		.result = "{}", .duration = -1 \
	}

/* ---- one job ended alone ------------------------------------------------ */

static inline enum queue_error
end_one(struct queue *q, const struct queue_fence *f, enum queue_how how,
	const char *error, const struct queue_outcome *outcome)
{
	struct queue_end end = {
		.id = f->id,
		.attempt = f->attempt,
		.how = how,
		.error = error,
		.outcome = outcome,
	};
	enum queue_error err = queue_jobs_end(q, f->worker, &end, 1);

	return err ? err : end.result;
}

static inline enum queue_error
queue_job_complete(struct queue *q, const struct queue_fence *f,
		   const struct queue_outcome *outcome)
{
	return end_one(q, f, QUEUE_COMPLETED, NULL, outcome);
}

static inline enum queue_error
queue_job_fail(struct queue *q, const struct queue_fence *f, const char *error,
	       bool permanent)
{
	return end_one(q, f, permanent ? QUEUE_FAILED_FOR_GOOD : QUEUE_FAILED,
		       error, NULL);
}

static inline enum queue_error
queue_job_release(struct queue *q, const struct queue_fence *f)
{
	return end_one(q, f, QUEUE_RELEASED, NULL, NULL);
}

#endif
