/*
 * In which order jobs are claimed, by one and by many; that a claim which
 * begins where the last one ended overlooks nothing for long; when the next
 * one is due.
 */
#include "tests/unit/queue_fixture.h"
#include "queue/floor.h"

#include <pthread.h>
#include <stdatomic.h>

#define MIXED 10000
#define BATCH 20

static int
rank(const char *priority)
{
	return priority[0] == 'h' ? 0 : priority[0] == 'n' ? 1 : 2;
}

static void
insert_mixed(struct world *w, int n)
{
	sql(w,
	    "INSERT INTO job_queue (type, priority, run_at) SELECT"
	    " 'ai_analysis', (ARRAY['low','high','normal'])[1 + i %% 3],"
	    " now() - interval '1 h' + i * interval '1 ms'"
	    " FROM generate_series(1, %d) i",
	    n);
}

static size_t
claim_batch(struct world *w, struct arena *a, struct queue_job jobs[BATCH])
{
	size_t n;

	assert_int_equal(
	    queue_claim(w->q, "w1", media_types, BATCH, a, jobs, &n), QUEUE_OK);
	return n;
}

static void
test_queue_claim_of_10000_mixed_jobs_is_high_then_normal_then_low(void **state)
{
	struct world *w = *state;
	/* 3,333 of each, and 1 + 10000 % 3 is the place of high */
	int left[3] = { MIXED / 3 + 1, MIXED / 3, MIXED / 3 }, ahead = 0;
	int64_t last[3] = { 0 };
	size_t n = BATCH;

	insert_mixed(w, MIXED);
	beat(w, "w1", NULL, 0);
	for (int call = 1; n == BATCH; call++) {
		struct queue_job jobs[BATCH];
		struct arena a;

		arena_init(&a, 1 << 20);
		n = claim_batch(w, &a, jobs);
		for (size_t i = 0; i < n; i++) {
			int r = rank(jobs[i].priority);

			/* within a priority by age, without exception */
			assert_true(jobs[i].run_at_us > last[r]);
			last[r] = jobs[i].run_at_us;
			left[r]--;
			/* a better one waits: only each eighth claim may */
			if ((r > 0 && left[0] > 0) || (r > 1 && left[1] > 0)) {
				assert_int_equal(call % 8, 0);
				ahead++;
			}
		}
		arena_release(&a);
	}
	for (int r = 0; r < 3; r++)
		assert_int_equal(left[r], 0);
	/* and it did: about an eighth of the claims of high ones */
	assert_in_range(ahead, MIXED / 3 / 16, MIXED / 4);
}

/* ---- many ---------------------------------------------------------------- */

struct hand {
	struct world *w;
	unsigned number;
	atomic_int *claimed;
};

static void *
drain(void *arg)
{
	const struct hand *h = arg;
	struct queue_end ends[7];
	struct queue_job jobs[7];
	char name[16];
	size_t n = 1;

	snprintf(name, sizeof(name), "h%u", h->number);
	beat(h->w, name, NULL, 0);
	while (n) {
		struct arena a;

		arena_init(&a, 1 << 20);
		assert_int_equal(
		    queue_claim(h->w->q, name, media_types, 7, &a, jobs, &n),
		    QUEUE_OK);
		for (size_t i = 0; i < n; i++)
			ends[i] =
			    (struct queue_end){ .id = jobs[i].id,
						.attempt = jobs[i].attempts,
						.how = QUEUE_COMPLETED };
		assert_int_equal(queue_jobs_end(h->w->q, name, ends, n),
				 QUEUE_OK);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(ends[i].result, QUEUE_OK);
		atomic_fetch_add(h->claimed, (int)n);
		arena_release(&a);
	}
	return NULL;
}

static void
test_queue_claim_in_batches_by_four_threads_never_doubles(void **state)
{
	struct world *w = *state;
	atomic_int claimed = 0;
	struct hand h[4];
	pthread_t t[4];

	insert_mixed(w, 2000);
	for (unsigned i = 0; i < 4; i++) {
		h[i] = (struct hand){ w, i, &claimed };
		assert_int_equal(pthread_create(&t[i], NULL, drain, &h[i]), 0);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(atomic_load(&claimed), 2000);
	assert_sql(w, "2000",
		   "SELECT count(*) FROM job_queue WHERE status = 'completed'"
		   " AND attempts = 1");
}

/* ---- floors -------------------------------------------------------------- */

static void
test_queue_floors_are_used_only_while_the_beginning_is_expensive(void **state)
{
	struct queue_job jobs[2] = {
		{ .id = USER_A,
		  .priority = "high",
		  .run_at_us = 50,
		  .started_us = 100 * US_PER_S },
		{ .id = USER_B,
		  .priority = "normal",
		  .run_at_us = 70,
		  .started_us = 100 * US_PER_S },
	};
	struct floor_at at[FLOOR_PRIOS];
	struct floors f;

	(void)state;
	floors_init(&f);
	floors_get(&f, "{a}", 2, at);
	assert_true(at[0].us == FLOOR_NONE && at[2].us == FLOOR_NONE);
	/* cheap: from the beginning again */
	floors_note(&f, "{a}", at, jobs, 2, 2, 1000);
	floors_get(&f, "{a}", 2, at);
	assert_true(at[0].us == FLOOR_NONE);
	/* expensive: high is exhausted up to a second ago, normal to its last
	 */
	floors_note(&f, "{a}", at, jobs, 2, 2, 10 * US_PER_S);
	floors_get(&f, "{a}", 2, at);
	assert_true(at[0].us == 99 * US_PER_S);
	assert_true(at[1].us == 70);
	assert_string_equal(at[1].id, USER_B);
	assert_true(at[2].us == FLOOR_NONE);
	/* other types have their own */
	floors_get(&f, "{b}", 2, at);
	assert_true(at[0].us == FLOOR_NONE && at[1].us == FLOOR_NONE);
	/* twenty times the cost later, everything is looked at once */
	floors_get(&f, "{b}", 2, at);
	floors_note(&f, "{b}", at, jobs, 2, 2, 20000);
	floors_get(&f, "{b}", 2, at);
	assert_true(at[0].us != FLOOR_NONE);
	usleep(20 * 20000 + 10000);
	floors_get(&f, "{b}", 2, at);
	assert_true(at[0].us == FLOOR_NONE);
	floors_get(&f, "{b}", 2, at);
	assert_true(at[0].us != FLOOR_NONE);
	floors_release(&f);
}

static void
test_queue_claim_from_a_floor_sees_late_commits_and_what_lies_behind(
    void **state)
{
	struct world *w = *state;

	insert_mixed(w, 3);
	beat(w, "w1", NULL, 0);
	sql(w, "CREATE FUNCTION from_now() RETURNS int LANGUAGE sql AS"
	       " $$ SELECT count(*)::int FROM job_claim('w1',"
	       " '{ai_analysis}', 9, false, ARRAY_FILL((extract(epoch FROM"
	       " now()) * 1000000)::bigint, '{3}'), ARRAY_FILL("
	       "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, '{3}')) $$");
	/* an hour below the floor */
	assert_sql(w, "0", "SELECT from_now()");
	/* half a second below it: a transaction that took that long; in one,
	 * so that this is so by the time of the claim */
	sql(w, "BEGIN; INSERT INTO job_queue (type, run_at) VALUES"
	       " ('ai_analysis', now() - interval '0.5 s')");
	assert_sql(w, "1", "SELECT from_now()");
	sql(w, "COMMIT");
	/* a type with a limit begins at the beginning */
	assert_int_equal(queue_job_limit(w->q, "ai_analysis", 9), QUEUE_OK);
	assert_sql(w, "3", "SELECT from_now()");
}

static void
test_queue_next_due_tells_how_long_to_sleep(void **state)
{
	static const char *const other[] = { "generate_clips", NULL };
	struct world *w = *state;
	int64_t us;

	assert_int_equal(queue_next_due(w->q, media_types, &us), QUEUE_OK);
	assert_true(us == INT64_MAX);
	sql(w, "INSERT INTO job_queue (type, priority, run_at) VALUES"
	       " ('ai_analysis', 'high', 'infinity'),"
	       " ('ai_analysis', 'high', now() + interval '1 h'),"
	       " ('ai_analysis', 'low', now() + interval '60 s')");
	assert_int_equal(queue_next_due(w->q, media_types, &us), QUEUE_OK);
	assert_in_range(us, 50 * US_PER_S, 60 * US_PER_S);
	assert_int_equal(queue_next_due(w->q, other, &us), QUEUE_OK);
	assert_true(us == INT64_MAX);
	insert_mixed(w, 1);
	assert_int_equal(queue_next_due(w->q, media_types, &us), QUEUE_OK);
	assert_true(us == 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_claim_of_10000_mixed_jobs_is_high_then_normal_then_low),
		TEST_WITH_DB(
		    test_queue_claim_in_batches_by_four_threads_never_doubles),
		cmocka_unit_test(
		    test_queue_floors_are_used_only_while_the_beginning_is_expensive),
		TEST_WITH_DB(
		    test_queue_claim_from_a_floor_sees_late_commits_and_what_lies_behind),
		TEST_WITH_DB(test_queue_next_due_tells_how_long_to_sleep),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_jobs_order", tests,
					   make_template, drop_template);
}
