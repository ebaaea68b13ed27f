/*
 * Workers: their one lease, what a beat says, what is left of a dead one;
 * limits of a type over all workers; cancelling.
 */
#include "tests/unit/queue_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static void
insert_jobs(struct world *w, const char *type, int n)
{
	sql(w,
	    "INSERT INTO job_queue (type) SELECT '%s' FROM"
	    " generate_series(1, %d)",
	    type, n);
}

static enum queue_error
claim_as(struct world *w, const char *worker, struct queue_job *job, size_t *n)
{
	return queue_claim(w->q, worker, media_types, 1, &w->a, job, n);
}

static void
test_queue_claim_without_a_beat_is_lost(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	size_t n;

	insert_jobs(w, "ai_analysis", 1);
	assert_int_equal(claim_as(w, "w1", &job, &n), QUEUE_LOST);
	beat(w, "w1", NULL, 0);
	assert_int_equal(claim_as(w, "w1", &job, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_sql(w, "test {process_video,ai_analysis,generate_clips} 30",
		   "SELECT concat_ws(' ', host, types,"
		   " extract(epoch FROM lease_until - started_at)::int)"
		   " FROM workers");
}

static void
test_queue_worker_beat_answers_for_each_job(void **state)
{
	struct world *w = *state;
	struct queue_job job[3];
	struct queue_beat b[3];

	insert_jobs(w, "ai_analysis", 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(claim(w, "w1", &job[i]));
		b[i] = (struct queue_beat){ .id = job[i].id,
					    .attempt = 1,
					    .percent = i ? 10 : -1 };
	}
	assert_int_equal(queue_job_cancel(w->q, job[1].id), QUEUE_OK);
	b[2].attempt = 2;
	beat(w, "w1", b, 3);
	assert_int_equal(b[0].said, QUEUE_GO_ON);
	assert_int_equal(b[1].said, QUEUE_STOP_CANCEL);
	assert_int_equal(b[2].said, QUEUE_STOP_LOST);
	assert_sql(w, "0,10,0",
		   "SELECT string_agg(progress::text, ',' ORDER BY id <> '%s',"
		   " id <> '%s') FROM job_queue",
		   job[0].id, job[1].id);
}

static void
test_queue_rescued_worker_learns_that_all_is_lost(void **state)
{
	struct world *w = *state;
	struct queue_job job[2];
	struct queue_beat b[2];
	size_t n;

	insert_jobs(w, "ai_analysis", 3);
	for (size_t i = 0; i < 2; i++) {
		assert_true(claim(w, "w1", &job[i]));
		b[i] = (struct queue_beat){ .id = job[i].id, .attempt = 1 };
	}
	expire(w, "w1");
	/* its last beat comes late, but before anybody noticed: all is well */
	beat(w, "w1", b, 2);
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 0);
	expire(w, "w1");
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 2);
	assert_sql(w, "0", "SELECT count(*) FROM workers");
	assert_int_equal(claim_as(w, "w1", &job[0], &n), QUEUE_LOST);
	beat(w, "w1", b, 2);
	assert_int_equal(b[0].said, QUEUE_STOP_LOST);
	assert_int_equal(b[1].said, QUEUE_STOP_LOST);
	assert_true(claim(w, "w1", &job[0]));
}

static void
test_queue_rescue_cancels_what_was_to_be_cancelled(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	size_t n;

	insert_jobs(w, "ai_analysis", 1);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	expire(w, "w1");
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_sql(w, "cancelled cancelled",
		   "SELECT status || ' ' || error FROM job_queue");
}

static void
test_queue_rescue_takes_runs_whose_worker_nobody_knows(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	size_t n;

	insert_jobs(w, "ai_analysis", 1);
	assert_true(claim(w, "w1", &job));
	sql(w, "DELETE FROM workers");
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_sql(w, "failed", "SELECT status FROM job_queue");
}

static void
test_queue_rescue_spares_types_that_a_worker_knows(void **state)
{
	static const char *const special[] = { "special", NULL };
	const struct queue_worker other = { .name = "w2",
					    .types = special,
					    .lease_s = 30 };
	struct world *w = *state;
	size_t n;

	insert_jobs(w, "special", 1);
	assert_int_equal(queue_worker_beat(w->q, &other, NULL, 0), QUEUE_OK);
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(queue_worker_leave(w->q, "w2"), QUEUE_OK);
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 1);
}

/* Somebody's transaction keeps a video for as long as they like. */
static void
test_queue_beat_waits_for_no_locked_video(void **state)
{
	struct world *w = *state;
	struct queue_job job;

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	assert_string_equal(job.type, "process_video");
	expire(w, "w1");
	sql(w, "BEGIN; SELECT FROM videos FOR UPDATE");
	assert_int_equal(beat_one(w, &job, "w1", 50), QUEUE_GO_ON);
	assert_sql(
	    w, "t 50 0",
	    "SELECT concat_ws(' ', lease_until > clock_timestamp(),"
	    " j.progress, v.progress) FROM workers, job_queue j, videos v"
	    " WHERE j.id = '%s'",
	    job.id);
	sql(w, "COMMIT");
	assert_int_equal(beat_one(w, &job, "w1", 50), QUEUE_GO_ON);
	assert_sql(w, "45", "SELECT progress FROM videos");
}

static void
test_queue_rescue_waits_for_nothing_that_is_locked(void **state)
{
	static const char *const locks[] = {
		"SELECT FROM videos WHERE id = (SELECT video_id FROM job_queue"
		" WHERE locked_by = 'w1') FOR UPDATE",
		"SELECT FROM job_queue WHERE locked_by = 'w1' FOR UPDATE",
		"SELECT FROM workers WHERE name = 'w1' FOR UPDATE",
	};
	struct world *w = *state;
	struct queue_job job;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(locks); i++) {
		make_video(w, 2 * i + 1);
		assert_true(claim(w, "w1", &job));
		make_video(w, 2 * i + 2);
		assert_true(claim(w, "w2", &job));
		expire(w, "w_");
		sql(w, "BEGIN; %s", locks[i]);
		assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
		assert_int_equal(n, 1);
		sql(w, "COMMIT");
		assert_sql(w, "w1",
			   "SELECT string_agg(locked_by, ' ') FROM job_queue"
			   " WHERE status = 'processing'");
		assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
		assert_int_equal(n, 1);
		assert_sql(w, "0", "SELECT count(*) FROM workers");
	}
}

static void
test_queue_worker_leave_gives_back_what_it_has(void **state)
{
	struct world *w = *state;
	struct queue_job job;

	insert_jobs(w, "ai_analysis", 1);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(queue_worker_leave(w->q, "w1"), QUEUE_OK);
	assert_sql(w, "pending 0",
		   "SELECT status || ' ' || attempts FROM job_queue");
	assert_sql(w, "0", "SELECT count(*) FROM workers");
	assert_int_equal(queue_worker_leave(w->q, "w1"), QUEUE_OK);
}

static void
test_queue_released_job_that_was_cancelled_stays_cancelled(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	struct queue_fence f;

	insert_jobs(w, "ai_analysis", 1);
	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	assert_int_equal(queue_job_release(w->q, &f), QUEUE_OK);
	assert_sql(w, "cancelled", "SELECT status FROM job_queue");
}

static void
test_queue_job_cancel_is_heard_at_once_by_the_worker(void **state)
{
	static const char *const channels[] = { "job_queue", "job_cancel",
						NULL };
	struct world *w = *state;
	struct queue_listener *l = queue_listen(w->q, channels);
	struct queue_note note = { 0 };
	struct queue_job job;
	int64_t begin;

	insert_jobs(w, "ai_analysis", 1);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(queue_listener_wait(l, 1000), 1); /* connected */
	assert_false(queue_listener_next(l, &note));
	begin = time_mono_us();
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	assert_int_equal(queue_listener_wait(l, 5000), 1);
	assert_true(time_mono_us() - begin < US_PER_S);
	assert_true(queue_listener_next(l, &note));
	assert_string_equal(note.channel, "job_cancel");
	assert_string_equal(note.payload, job.id);
	assert_false(queue_listener_next(l, &note));
	queue_listener_close(l);
}

/* ---- limits -------------------------------------------------------------- */

static void
test_queue_job_limit_holds_and_hides_no_other_type(void **state)
{
	struct world *w = *state;
	struct queue_job jobs[8];
	struct queue_fence f;
	size_t n;

	insert_jobs(w, "ai_analysis", 5);
	insert_jobs(w, "generate_clips", 2);
	beat(w, "w1", NULL, 0);
	assert_int_equal(queue_job_limit(w->q, "ai_analysis", 2), QUEUE_OK);
	assert_int_equal(
	    queue_claim(w->q, "w1", media_types, 8, &w->a, jobs, &n), QUEUE_OK);
	assert_int_equal(n, 4);
	assert_false(claim(w, "w1", &jobs[5]));
	/* an end makes room for one */
	for (size_t i = 0; i < n; i++)
		if (strcmp(jobs[i].type, "ai_analysis") == 0)
			f = fence(&jobs[i], "w1");
	assert_int_equal(queue_job_fail(w->q, &f, "x", true), QUEUE_OK);
	assert_true(claim(w, "w1", &jobs[5]));
	assert_string_equal(jobs[5].type, "ai_analysis");
	assert_false(claim(w, "w1", &jobs[6]));
	assert_int_equal(queue_job_limit(w->q, "ai_analysis", -1), QUEUE_OK);
	assert_true(claim(w, "w1", &jobs[6]));
	/* a limit counts what runs already */
	assert_int_equal(queue_job_limit(w->q, "ai_analysis", 3), QUEUE_OK);
	assert_false(claim(w, "w1", &jobs[7]));
	assert_int_equal(queue_job_limit(w->q, "ai_analysis", 4), QUEUE_OK);
	assert_true(claim(w, "w1", &jobs[7]));
}

struct crowd {
	struct world *w;
	unsigned number;
	atomic_int *running, *most, *done;
};

static void *
run_limited(void *arg)
{
	const struct crowd *c = arg;
	char name[16];
	struct arena a;

	snprintf(name, sizeof(name), "c%u", c->number);
	arena_init(&a, 4 << 20);
	beat(c->w, name, NULL, 0);
	while (atomic_load(c->done) < 60) {
		struct queue_end end = { .how = QUEUE_COMPLETED };
		struct queue_job job;
		size_t n = 0;
		int now, most;

		assert_int_equal(
		    queue_claim(c->w->q, name, media_types, 1, &a, &job, &n),
		    QUEUE_OK);
		if (n == 0) {
			usleep(1000);
			continue;
		}
		now = atomic_fetch_add(c->running, 1) + 1;
		most = atomic_load(c->most);
		while (now > most &&
		       !atomic_compare_exchange_weak(c->most, &most, now))
			;
		usleep(2000);
		atomic_fetch_sub(c->running, 1);
		end.id = job.id;
		end.attempt = job.attempts;
		assert_int_equal(queue_jobs_end(c->w->q, name, &end, 1),
				 QUEUE_OK);
		assert_int_equal(end.result, QUEUE_OK);
		atomic_fetch_add(c->done, 1);
	}
	arena_release(&a);
	return NULL;
}

static void
test_queue_job_limit_is_exact_among_many_workers(void **state)
{
	struct world *w = *state;
	atomic_int running = 0, most = 0, done = 0;
	struct crowd c[6];
	pthread_t t[6];

	insert_jobs(w, "ai_analysis", 60);
	assert_int_equal(queue_job_limit(w->q, "ai_analysis", 3), QUEUE_OK);
	for (unsigned i = 0; i < 6; i++) {
		c[i] = (struct crowd){ w, i, &running, &most, &done };
		assert_int_equal(
		    pthread_create(&t[i], NULL, run_limited, &c[i]), 0);
	}
	for (size_t i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	assert_in_range(atomic_load(&most), 2, 3);
	assert_sql(w, "60",
		   "SELECT count(*) FROM job_queue WHERE status = 'completed'"
		   " AND attempts = 1");
}

struct late_claim {
	struct world *w;
	struct queue_job job;
	size_t n;
	enum queue_error err;
};

static void *
claim_late(void *arg)
{
	struct late_claim *c = arg;

	c->err = claim_as(c->w, "w1", &c->job, &c->n);
	return NULL;
}

/* The claim waits for the lock of its worker's row, its statement has begun. */
static void
test_queue_claim_knows_a_video_added_meanwhile(void **state)
{
	struct world *w = *state;
	struct late_claim c = { .w = w };
	pthread_t t;

	beat(w, "w1", NULL, 0);
	sql(w, "BEGIN; SELECT FROM workers FOR UPDATE");
	assert_int_equal(pthread_create(&t, NULL, claim_late, &c), 0);
	while (
	    strcmp(sql(w,
		       "SELECT count(*) FROM pg_locks WHERE NOT granted"
		       " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"),
		   "0") == 0)
		usleep(1000);
	sql(w,
	    "WITH v AS (INSERT INTO videos (user_id, title, filename, bucket,"
	    " s3_key, file_size, content_type) VALUES ('" USER_A "', 't',"
	    " 'f.mp4', '" BUCKET "', 'uploads/x.mp4', 1, 'video/mp4')"
	    " RETURNING id) INSERT INTO job_queue (type, video_id)"
	    " SELECT 'process_video', id FROM v; COMMIT");
	pthread_join(t, NULL);
	assert_int_equal(c.err, QUEUE_OK);
	assert_int_equal(c.n, 1);
	assert_non_null(c.job.bucket);
	assert_string_equal(c.job.bucket, BUCKET);
	assert_string_equal(c.job.s3_key, "uploads/x.mp4");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_queue_claim_without_a_beat_is_lost),
		TEST_WITH_DB(test_queue_worker_beat_answers_for_each_job),
		TEST_WITH_DB(test_queue_rescued_worker_learns_that_all_is_lost),
		TEST_WITH_DB(
		    test_queue_rescue_cancels_what_was_to_be_cancelled),
		TEST_WITH_DB(
		    test_queue_rescue_takes_runs_whose_worker_nobody_knows),
		TEST_WITH_DB(
		    test_queue_rescue_spares_types_that_a_worker_knows),
		TEST_WITH_DB(test_queue_beat_waits_for_no_locked_video),
		TEST_WITH_DB(
		    test_queue_rescue_waits_for_nothing_that_is_locked),
		TEST_WITH_DB(test_queue_worker_leave_gives_back_what_it_has),
		TEST_WITH_DB(
		    test_queue_released_job_that_was_cancelled_stays_cancelled),
		TEST_WITH_DB(
		    test_queue_job_cancel_is_heard_at_once_by_the_worker),
		TEST_WITH_DB(
		    test_queue_job_limit_holds_and_hides_no_other_type),
		TEST_WITH_DB(test_queue_job_limit_is_exact_among_many_workers),
		TEST_WITH_DB(test_queue_claim_knows_a_video_added_meanwhile),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_jobs_workers", tests,
					   make_template, drop_template);
}
