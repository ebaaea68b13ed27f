/*
 * Many hands at once: each job runs once; and with overwrites, rescues,
 * cancels and failures among the runs no statement fails and every video
 * comes to an end.
 */
#include "tests/unit/queue_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKERS 6
#define VIDEOS 6
#define ROUNDS 25 /* overwrites of each video */

struct hand {
	struct world *w;
	atomic_bool *stop;
	atomic_int *claimed;
	unsigned seed;
	char name[16];
	enum queue_error worst;
};

/* UNAVAILABLE is a deadlock the caller tries again, LOST a fence at work. */
static enum queue_error
note(struct hand *h, enum queue_error err)
{
	if (err == QUEUE_INTERNAL || err == QUEUE_EPOCH)
		h->worst = err;
	return err;
}

static enum queue_error
beat_of(const struct hand *h, struct queue_beat *jobs, size_t n)
{
	const struct queue_worker self = { .name = h->name,
					   .types = media_types,
					   .lease_s = 30 };

	return queue_worker_beat(h->w->q, &self, jobs, n);
}

static void
work_on(struct hand *h, const struct queue_job *job, bool may_fail)
{
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_fence f = fence(job, h->name);
	struct queue_beat b = { .id = job->id,
				.attempt = job->attempts,
				.percent = 50 };
	int dice = may_fail ? rand_r(&h->seed) % 8 : 7;

	note(h, beat_of(h, &b, 1));
	if (b.said == QUEUE_STOP_CANCEL || dice == 0)
		note(h, queue_job_fail(h->w->q, &f, "dice", dice == 0));
	else if (dice == 1)
		note(h, queue_job_release(h->w->q, &f));
	else if (dice > 2) /* 2: the worker dies here */
		note(h, queue_job_complete(h->w->q, &f, &o));
}

static bool
run_one(struct hand *h, bool may_fail)
{
	struct queue_job job;
	struct arena a;
	size_t n = 0;

	arena_init(&a, 1 << 20);
	note(h, beat_of(h, NULL, 0));
	note(h, queue_claim(h->w->q, h->name, media_types, 1, &a, &job, &n));
	if (n) {
		atomic_fetch_add(h->claimed, 1);
		work_on(h, &job, may_fail);
	}
	arena_release(&a);
	return n > 0;
}

static void *
drain(void *p)
{
	struct hand *h = p;

	while (run_one(h, false))
		;
	return NULL;
}

static void *
worker(void *p)
{
	while (!atomic_load(((struct hand *)p)->stop))
		run_one(p, true);
	return NULL;
}

/* Time passes quickly, and somebody cancels. */
static void *
run_operator(void *p)
{
	static const struct queue_job_filter four = { .limit = 4 };
	struct hand *h = p;
	struct queue_job *jobs;
	struct arena a;
	size_t n;

	while (!atomic_load(h->stop)) {
		note(h, queue_rescue(h->w->q, media_types, &n));
		arena_init(&a, 1 << 20);
		if (note(h, queue_job_list(h->w->q, &four, &a, &jobs, &n)) ==
			QUEUE_OK &&
		    n)
			note(h, queue_job_cancel(
				    h->w->q, jobs[rand_r(&h->seed) % n].id));
		arena_release(&a);
	}
	return NULL;
}

static void
start(pthread_t *t, struct hand *h, struct world *w, atomic_bool *stop,
      atomic_int *claimed, unsigned i, void *(*body)(void *))
{
	*h = (struct hand){
		.w = w, .stop = stop, .claimed = claimed, .seed = i + 1
	};
	snprintf(h->name, sizeof(h->name), "w%u", i);
	assert_int_equal(pthread_create(t, NULL, body, h), 0);
}

static void
join(pthread_t *t, const struct hand *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(h[i].worst, QUEUE_OK);
	}
}

static void
test_queue_claim_from_many_threads_gives_each_job_once(void **state)
{
	struct world *w = *state;
	struct hand h[WORKERS];
	pthread_t t[WORKERS];
	atomic_bool stop = false;
	atomic_int claimed = 0;

	sql(w, "INSERT INTO job_queue (type) SELECT 'generate_clips'"
	       " FROM generate_series(1, 300)");
	for (unsigned i = 0; i < WORKERS; i++)
		start(&t[i], &h[i], w, &stop, &claimed, i, drain);
	join(t, h, WORKERS);
	assert_int_equal(atomic_load(&claimed), 300);
	assert_sql(w, "300",
		   "SELECT count(*) FROM job_queue WHERE"
		   " status = 'completed' AND attempts = 1");
}

static void
overwrite(struct world *w, uint64_t seq)
{
	char key[64], id[32];
	struct queue_event e;
	enum queue_error err;

	snprintf(key, sizeof(key), "uploads/%u.mp4", (unsigned)seq % VIDEOS);
	snprintf(id, sizeof(id), "e%u", (unsigned)seq);
	e = created(seq, id, key);
	do {
		err = relay(w, &e, 1);
	} while (err == QUEUE_UNAVAILABLE);
	assert_int_equal(err, QUEUE_OK);
}

static void
test_queue_chaos_ends_with_every_video_settled(void **state)
{
	struct world *w = *state;
	struct hand h[WORKERS + 1];
	pthread_t t[WORKERS + 1];
	atomic_bool stop = false;
	atomic_int claimed = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		start(&t[i], &h[i], w, &stop, &claimed, i, worker);
	start(&t[WORKERS], &h[WORKERS], w, &stop, &claimed, 99, run_operator);
	for (uint64_t seq = 1; seq <= VIDEOS * ROUNDS; seq++) {
		overwrite(w, seq);
		sql(w, "UPDATE job_queue SET run_at = now() WHERE id IN"
		       " (SELECT id FROM job_queue WHERE status = 'failed'"
		       "  AND claimable FOR UPDATE SKIP LOCKED)");
	}
	atomic_store(&stop, true);
	join(t, h, WORKERS + 1);

	/* let everything come to its end without further faults */
	for (int i = 0; i < 8; i++) {
		size_t n;

		expire(w, "%");
		assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
		sql(w, "UPDATE job_queue SET run_at = now()"
		       " WHERE status = 'failed' AND claimable");
		h[0].worst = QUEUE_OK;
		drain(&h[0]);
		assert_int_equal(h[0].worst, QUEUE_OK);
	}
	assert_true(atomic_load(&claimed) > VIDEOS);
	assert_sql(w, "0",
		   "SELECT count(*) FROM job_queue"
		   " WHERE claimable OR status = 'processing'");
	assert_sql(w, "0",
		   "SELECT count(*) FROM videos WHERE"
		   " analysis_status NOT IN ('completed', 'failed')");
	/* completed exactly when both jobs of the present content are */
	assert_sql(w, "0",
		   "SELECT count(*) FROM videos v WHERE"
		   " (analysis_status = 'completed') <> (2 = (SELECT count(*)"
		   "  FROM job_queue j WHERE status = 'completed'"
		   "  AND j.dedupe_key = j.type || ':' || v.content))");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_claim_from_many_threads_gives_each_job_once),
		TEST_WITH_DB(test_queue_chaos_ends_with_every_video_settled),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_chaos", tests, make_template,
					   drop_template);
}
