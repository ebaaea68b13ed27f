/*
 * Jobs by the batch: adding them, once per key and after their parent; ending
 * many in one transaction, each under its own fence.
 */
#include "tests/unit/queue_fixture.h"

#define MANY 40

static enum queue_error
add(struct world *w, struct queue_new_job *jobs, size_t n)
{
	return queue_jobs_add(w->q, jobs, n);
}

static size_t
claim_many(struct world *w, const char *worker, struct queue_job *jobs,
	   size_t n)
{
	size_t got;

	beat(w, worker, NULL, 0);
	assert_int_equal(
	    queue_claim(w->q, worker, media_types, n, &w->a, jobs, &got),
	    QUEUE_OK);
	return got;
}

static void
test_queue_jobs_add_batch_keeps_members_and_order(void **state)
{
	struct world *w = *state;
	struct queue_new_job jobs[MANY];
	struct queue_job out[MANY];
	char payload[MANY][32];

	for (int i = 0; i < MANY; i++) {
		snprintf(payload[i], sizeof(payload[i]), "{\"i\": %d}", i);
		jobs[i] = (struct queue_new_job){ .type = "ai_analysis",
						  .payload = payload[i],
						  .priority = "high",
						  .max_attempts = 7,
						  .user_id = USER_A };
	}
	assert_int_equal(add(w, jobs, MANY), QUEUE_OK);
	assert_int_equal(claim_many(w, "w1", out, MANY), MANY);
	for (int i = 0; i < MANY; i++) {
		assert_string_equal(out[i].id, jobs[i].id);
		assert_string_equal(out[i].payload, payload[i]);
		assert_string_equal(out[i].priority, "high");
		assert_string_equal(out[i].user_id, USER_A);
		assert_int_equal(out[i].max_attempts, 7);
	}
}

static void
test_queue_jobs_add_one_has_the_defaults_of_the_table(void **state)
{
	struct world *w = *state;
	struct queue_new_job job = { .type = "ai_analysis" };

	assert_int_equal(add(w, &job, 1), QUEUE_OK);
	assert_sql(w, "{} normal pending 0 3 t",
		   "SELECT concat_ws(' ', payload, priority, status, attempts,"
		   " max_attempts, run_at <= now()) FROM job_queue"
		   " WHERE id = '%s'",
		   job.id);
}

static void
test_queue_jobs_add_of_a_taken_key_answers_the_job_that_has_it(void **state)
{
	struct world *w = *state;
	struct queue_new_job first = { .type = "ai_analysis",
				       .dedupe_key = "k\"\\{}," };
	struct queue_new_job again[3] = {
		{ .type = "ai_analysis", .dedupe_key = "other" },
		{ .type = "ai_analysis", .dedupe_key = "k\"\\{}," },
		{ .type = "ai_analysis" }
	};

	assert_int_equal(add(w, &first, 1), QUEUE_OK);
	assert_false(first.was_there);
	assert_int_equal(add(w, again, 3), QUEUE_OK);
	assert_string_equal(again[1].id, first.id);
	assert_false(again[0].was_there);
	assert_true(again[1].was_there);
	assert_false(again[2].was_there);
	assert_sql(w, "3", "SELECT count(*) FROM job_queue");
}

static void
test_queue_jobs_add_refuses_what_the_table_cannot_hold(void **state)
{
	struct world *w = *state;
	struct queue_new_job bad[] = {
		{ .type = "t", .payload = "{" },
		{ .type = "t", .payload = "{\"a\":\"\\u0000\"}" },
		{ .type = "t", .priority = "urgent" },
		{ .type = "t", .max_attempts = -1 },
	};

	log_set_level(LOG_ERROR + 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(add(w, &bad[i], 1), QUEUE_INTERNAL);
		/* in a batch none is added */
		struct queue_new_job two[] = { { .type = "t" }, bad[i] };
		assert_int_equal(add(w, two, 2), QUEUE_INTERNAL);
	}
	log_set_level(LOG_ERROR);
	assert_sql(w, "0", "SELECT count(*) FROM job_queue");
}

static void
test_queue_jobs_add_child_waits_for_its_parent_only(void **state)
{
	struct world *w = *state;
	struct queue_new_job parent = { .type = "ai_analysis" };
	struct queue_new_job child = { .type = "generate_clips" };
	struct queue_end end = { .how = QUEUE_COMPLETED };
	struct queue_job job;

	assert_int_equal(add(w, &parent, 1), QUEUE_OK);
	child.parent = parent.id;
	assert_int_equal(add(w, &child, 1), QUEUE_OK);
	assert_true(claim(w, "w1", &job));
	assert_string_equal(job.id, parent.id);
	assert_false(claim(w, "w1", &(struct queue_job){ 0 }));
	end.id = job.id;
	end.attempt = 1;
	assert_int_equal(queue_jobs_end(w->q, "w1", &end, 1), QUEUE_OK);
	assert_int_equal(end.result, QUEUE_OK);
	assert_true(claim(w, "w1", &job));
	assert_string_equal(job.id, child.id);
	/* a child of what is completed runs at once */
	assert_int_equal(add(w, &child, 1), QUEUE_OK);
	assert_true(claim(w, "w1", &job));
	/* one of what failed, or is not there, is none */
	assert_int_equal(
	    queue_job_fail(w->q, &(struct queue_fence){ job.id, 1, "w1" }, "x",
			   true),
	    QUEUE_OK);
	child.parent = job.id;
	assert_int_equal(add(w, &child, 1), QUEUE_CONFLICT);
	child.parent = USER_A;
	assert_int_equal(add(w, &child, 1), QUEUE_CONFLICT);
}

static void
test_queue_jobs_end_completes_a_batch_and_finds_the_lost(void **state)
{
	struct world *w = *state;
	struct queue_new_job jobs[MANY];
	struct queue_job out[MANY];
	struct queue_end ends[MANY];
	const struct queue_outcome o = { .result = "{\"ok\": true}",
					 .duration = -1 };

	for (size_t i = 0; i < MANY; i++)
		jobs[i] = (struct queue_new_job){ .type = "ai_analysis" };
	assert_int_equal(add(w, jobs, MANY), QUEUE_OK);
	assert_int_equal(claim_many(w, "w1", out, MANY), MANY);
	sql(w, "UPDATE job_queue SET attempts = 2 WHERE id = '%s'", out[3].id);
	sql(w, "UPDATE job_queue SET locked_by = 'w2' WHERE id = '%s'",
	    out[5].id);
	for (size_t i = 0; i < MANY; i++)
		ends[i] = (struct queue_end){ .id = out[i].id,
					      .attempt = 1,
					      .how = QUEUE_COMPLETED,
					      .outcome = &o };
	assert_int_equal(queue_jobs_end(w->q, "w1", ends, MANY), QUEUE_OK);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(ends[i].result,
				 i == 3 || i == 5 ? QUEUE_LOST : QUEUE_OK);
	assert_sql(w, "38 2",
		   "SELECT count(*) FILTER (WHERE status = 'completed' AND"
		   " result = '{\"ok\": true}' AND progress = 100 AND"
		   " completed_at >= started_at AND locked_by IS NULL) || ' '"
		   " || count(*) FILTER (WHERE status = 'processing')"
		   " FROM job_queue");
	/* a repeat finds them all ended */
	assert_int_equal(queue_jobs_end(w->q, "w1", ends, MANY), QUEUE_OK);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(ends[i].result, QUEUE_LOST);
}

static void
test_queue_jobs_end_mixes_ends_and_videos(void **state)
{
	struct world *w = *state;
	struct queue_new_job jobs[4];
	struct queue_job out[5];
	struct queue_end ends[5];
	struct queue_outcome o = OUTCOME_NONE;
	const enum queue_how how[] = { QUEUE_COMPLETED, QUEUE_COMPLETED,
				       QUEUE_FAILED, QUEUE_FAILED_FOR_GOOD,
				       QUEUE_RELEASED };

	make_video(w, 1);
	for (size_t i = 0; i < 4; i++)
		jobs[i] = (struct queue_new_job){ .type = "generate_clips" };
	assert_int_equal(add(w, jobs, 4), QUEUE_OK);
	assert_int_equal(claim_many(w, "w1", out, 5), 5);
	assert_string_equal(out[0].type, "process_video");
	o.width = 320;
	for (size_t i = 0; i < 5; i++)
		ends[i] = (struct queue_end){ .id = out[i].id,
					      .attempt = 1,
					      .how = how[i],
					      .error = "it broke",
					      .outcome = &o };
	assert_int_equal(queue_jobs_end(w->q, "w1", ends, 5), QUEUE_OK);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(ends[i].result, QUEUE_OK);
	assert_sql(w, "completed completed failed,t failed,f pending",
		   "SELECT string_agg(CASE status WHEN 'failed' THEN"
		   " 'failed,' || claimable::text::char ELSE status END, ' '"
		   " ORDER BY prio, id) FROM job_queue"
		   " WHERE type <> 'ai_analysis'");
	/* with the video came what hangs on it */
	assert_sql(w, "320", "SELECT width FROM videos");
	assert_sql(w, "t",
		   "SELECT run_at <= now() FROM job_queue"
		   " WHERE type = 'ai_analysis'");
}

static void
test_queue_jobs_end_with_one_bad_document_ends_the_others(void **state)
{
	struct world *w = *state;
	struct queue_new_job jobs[3];
	struct queue_job out[3];
	struct queue_end ends[3];
	struct queue_outcome o[3];

	for (size_t i = 0; i < 3; i++)
		jobs[i] = (struct queue_new_job){ .type = "ai_analysis" };
	assert_int_equal(add(w, jobs, 3), QUEUE_OK);
	assert_int_equal(claim_many(w, "w1", out, 3), 3);
	for (size_t i = 0; i < 3; i++) {
		o[i] = OUTCOME_NONE;
		ends[i] = (struct queue_end){ .id = out[i].id,
					      .attempt = 1,
					      .how = QUEUE_COMPLETED,
					      .outcome = &o[i] };
	}
	o[1].result = "\"\\u0000\"";
	log_set_level(LOG_ERROR + 1);
	assert_int_equal(queue_jobs_end(w->q, "w1", ends, 3), QUEUE_OK);
	log_set_level(LOG_ERROR);
	assert_int_equal(ends[0].result, QUEUE_OK);
	assert_int_equal(ends[1].result, QUEUE_INTERNAL);
	assert_int_equal(ends[2].result, QUEUE_OK);
	assert_sql(w, "2 1",
		   "SELECT count(*) FILTER (WHERE status = 'completed') || ' '"
		   " || count(*) FILTER (WHERE status = 'processing')"
		   " FROM job_queue");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_queue_jobs_add_batch_keeps_members_and_order),
		TEST_WITH_DB(
		    test_queue_jobs_add_one_has_the_defaults_of_the_table),
		TEST_WITH_DB(
		    test_queue_jobs_add_of_a_taken_key_answers_the_job_that_has_it),
		TEST_WITH_DB(
		    test_queue_jobs_add_refuses_what_the_table_cannot_hold),
		TEST_WITH_DB(
		    test_queue_jobs_add_child_waits_for_its_parent_only),
		TEST_WITH_DB(
		    test_queue_jobs_end_completes_a_batch_and_finds_the_lost),
		TEST_WITH_DB(test_queue_jobs_end_mixes_ends_and_videos),
		TEST_WITH_DB(
		    test_queue_jobs_end_with_one_bad_document_ends_the_others),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_jobs_batch", tests,
					   make_template, drop_template);
}
