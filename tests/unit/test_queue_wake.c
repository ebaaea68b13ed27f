/*
 * Waking workers: at once, not more often than needed, and never not at all.
 */
#include "tests/unit/queue_fixture.h"

#include <pthread.h>

#define WAIT_MS 5000 /* what must come */

static const char *const channels[] = { "job_queue", NULL };

static void
add_one(struct world *w, const char *type)
{
	struct queue_new_job job = { .type = type };

	assert_int_equal(queue_jobs_add(w->q, &job, 1), QUEUE_OK);
}

/* Notifications of a type until there was silence for timeout_ms. The first
 * one has come by @first_ms. */
static size_t
count_notes(struct queue_listener *l, const char *type, int first_ms,
	    int timeout_ms)
{
	struct queue_note note;
	size_t n = 0;

	while (queue_listener_wait(l, n ? timeout_ms : first_ms) > 0)
		while (queue_listener_next(l, &note))
			n += strcmp(note.payload, type) == 0;
	return n;
}

static struct queue_listener *
listen_now(struct world *w)
{
	struct queue_listener *l = queue_listen(w->q, channels);

	assert_non_null(l);
	assert_int_equal(queue_listener_wait(l, 1000), 1);
	return l;
}

static void
test_queue_wake_first_at_once_then_together_and_a_last_one(void **state)
{
	struct world *w = *state;
	struct queue_listener *l = listen_now(w);
	int64_t begin;
	size_t n;

	add_one(w, "ai_analysis"); /* connects */
	assert_int_equal(count_notes(l, "ai_analysis", WAIT_MS, 200), 1);
	begin = time_mono_us();
	add_one(w, "ai_analysis");
	assert_int_equal(queue_listener_wait(l, WAIT_MS), 1);
	assert_true(time_mono_us() - begin < US_PER_S);
	count_notes(l, "", 100, 100);

	begin = time_mono_us();
	for (int i = 0; i < 200; i++)
		add_one(w, i % 2 ? "ai_analysis" : "generate_clips");
	n = count_notes(l, "ai_analysis", WAIT_MS, 300);
	/* one each 20 ms, the first and the last */
	assert_in_range(n, 1,
			(size_t)(time_mono_us() - begin - 300000) / 20000 + 2);
	queue_listener_close(l);
}

static void
test_queue_wake_says_nothing_of_jobs_that_wait(void **state)
{
	struct world *w = *state;
	struct queue_listener *l = listen_now(w);
	struct queue_new_job later = { .type = "ai_analysis",
				       .run_at_us =
					   time_now_us() + 60 * US_PER_S };

	assert_int_equal(queue_jobs_add(w->q, &later, 1), QUEUE_OK);
	assert_int_equal(count_notes(l, "ai_analysis", 100, 100), 0);
	queue_listener_close(l);
}

#define JOBS 400

static void *
add_many(void *arg)
{
	unsigned seed = 7;

	for (int i = 0; i < JOBS / 2; i++) {
		add_one(arg, "ai_analysis");
		if (rand_r(&seed) % 4 == 0)
			usleep((unsigned)rand_r(&seed) % 30000);
	}
	return NULL;
}

static size_t
take_all(struct world *w)
{
	struct queue_job job;
	size_t n = 0;

	while (claim(w, "w1", &job))
		n++;
	return n;
}

/* A worker that never polls: whatever it is not told of, it does not find. */
static void
test_queue_wake_is_never_lost(void **state)
{
	struct world *w = *state;
	struct queue_listener *l = listen_now(w);
	pthread_t t[2];
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, add_many, w), 0);
	while (n < JOBS) {
		assert_int_equal(queue_listener_wait(l, 5000), 1);
		n += take_all(w);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(n, JOBS);
	queue_listener_close(l);
}

static void
test_queue_wake_outlasts_the_loss_of_its_connection(void **state)
{
	struct world *w = *state;
	struct queue_listener *l;

	add_one(w, "ai_analysis");
	usleep(100000);
	sql(w, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	       " WHERE datname = current_database()"
	       " AND pid <> pg_backend_pid()");
	l = listen_now(w);
	assert_int_equal(take_all(w), 1);
	add_one(w, "ai_analysis");
	assert_int_equal(queue_listener_wait(l, 5000), 1);
	assert_int_equal(take_all(w), 1);
	queue_listener_close(l);
}

static void
test_queue_close_tells_what_was_not_told_yet(void **state)
{
	struct world *w = *state;
	struct queue *q = queue_open(w->conninfo, 2, "adder");
	struct queue_listener *l = listen_now(w);
	struct queue_new_job job = { .type = "ai_analysis" };
	size_t told = 0;

	for (int i = 0; i < 5; i++)
		assert_int_equal(queue_jobs_add(q, &job, 1), QUEUE_OK);
	queue_close(q);
	/* five within 20 ms are one, and one at the end, or a few more */
	told = count_notes(l, "ai_analysis", WAIT_MS, 100);
	assert_in_range(told, 1, 5);
	assert_int_equal(take_all(w), 5);
	queue_listener_close(l);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_wake_first_at_once_then_together_and_a_last_one),
		TEST_WITH_DB(test_queue_wake_says_nothing_of_jobs_that_wait),
		TEST_WITH_DB(test_queue_wake_is_never_lost),
		TEST_WITH_DB(
		    test_queue_wake_outlasts_the_loss_of_its_connection),
		TEST_WITH_DB(test_queue_close_tells_what_was_not_told_yet),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_wake", tests, make_template,
					   drop_template);
}
