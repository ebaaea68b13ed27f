/*
 * Bytes that crash the media worker: the second crash holds them, whatever
 * the job; clearing lets them in.
 */
#include "tests/unit/queue_fixture.h"

#define JOB "33333333-3333-4333-8333-333333333333"

static const struct queue_bytes bad = { "0123456789abcdef", 1000 };

static bool
held(struct world *w, const struct queue_bytes *bytes)
{
	bool answer;

	assert_int_equal(queue_quarantine_ask(w->q, bytes, &answer), QUEUE_OK);
	return answer;
}

static bool
note(struct world *w, const struct queue_bytes *bytes, const char *reason)
{
	bool answer;

	assert_int_equal(
	    queue_quarantine_note(w->q, bytes, reason, JOB, &answer), QUEUE_OK);
	return answer;
}

static void
test_quarantine_holds_from_the_second_crash(void **state)
{
	static const struct queue_bytes others[] = {
		{ "0123456789abcdef", 999 }, { "0", 1000 }
	};
	struct world *w = *state;

	assert_false(held(w, &bad));
	assert_false(note(w, &bad, "worker_crash"));
	assert_false(held(w, &bad));
	assert_true(note(w, &bad, "worker_policy"));
	assert_true(held(w, &bad));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(held(w, &others[i]));
}

static void
test_quarantine_list_tells_and_clear_forgets(void **state)
{
	static const struct queue_bytes other = { "other-2", UINT32_MAX };
	struct queue_quarantine *rows;
	struct world *w = *state;
	size_t n;

	(void)note(w, &bad, "worker_crash");
	(void)note(w, &bad, "worker_policy");
	assert_true(held(w, &bad));
	(void)note(w, &other, "worker_crash");
	assert_int_equal(queue_quarantine_list(w->q, &w->a, &rows, &n),
			 QUEUE_OK);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].bytes.etag, other.etag);
	assert_int_equal(rows[0].bytes.size, other.size);
	assert_false(rows[0].held);
	assert_true(rows[1].held);
	assert_int_equal(rows[1].crashes, 2);
	assert_int_equal(rows[1].refused, 1);
	assert_string_equal(rows[1].reason, "worker_policy");
	assert_string_equal(rows[1].job_id, JOB);
	assert_true(rows[1].last_us > 0);
	assert_int_equal(queue_quarantine_clear(w->q, bad.etag, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_false(held(w, &bad));
	assert_int_equal(queue_quarantine_clear(w->q, bad.etag, &n),
			 QUEUE_NOT_FOUND);
	assert_int_equal(queue_quarantine_clear(w->q, NULL, &n), QUEUE_OK);
	assert_int_equal(n, 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_quarantine_holds_from_the_second_crash),
		TEST_WITH_DB(test_quarantine_list_tells_and_clear_forgets),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_quarantine", tests,
					   make_template, drop_template);
}
