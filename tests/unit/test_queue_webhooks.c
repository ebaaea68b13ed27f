/*
 * Jobs that were handed off: who holds the fence, what a callback may do, and
 * which messages are made. The whole way is in tests/api.
 */
#include "queue/webhooks.h"
#include "tests/unit/queue_fixture.h"

/* A claimed job of the type ai_analysis, of worker w1. */
static struct queue_job
claim_one(struct world *w)
{
	static const char *const types[] = { "ai_analysis", NULL };
	struct queue_job job;
	size_t n;

	sql(w, "INSERT INTO job_queue (type) VALUES ('ai_analysis')");
	beat(w, "w1", NULL, 0);
	assert_int_equal(queue_claim(w->q, "w1", types, 1, &w->a, &job, &n),
			 QUEUE_OK);
	assert_int_equal(n, 1);
	return job;
}

static enum queue_error
hand_off(struct world *w, const struct queue_job *job, const char *worker)
{
	struct queue_fence f = fence(job, worker);
	struct queue_input in;
	enum queue_error err = queue_job_hand_off(w->q, &f, 60, &w->a, &in);

	if (err == QUEUE_OK) {
		assert_int_equal(in.size, 0);
		assert_null(in.etag);
	}
	return err;
}

static enum queue_error
say(struct world *w, const struct queue_job *job, const char *id,
    const char *status, int attempt, enum queue_callback_end *end)
{
	struct queue_outcome outcome = OUTCOME_NONE;
	struct queue_callback c = { .webhook = id,
				    .job = job->id,
				    .attempt = attempt,
				    .status = status,
				    .percent = -1,
				    .lease_s = 60,
				    .error = "it broke",
				    .outcome = &outcome };

	return queue_webhook_callback(w->q, &c, end);
}

static void
assert_says(struct world *w, const struct queue_job *job, const char *id,
	    const char *status, int attempt, enum queue_callback_end expected)
{
	enum queue_callback_end end;

	assert_int_equal(say(w, job, id, status, attempt, &end), QUEUE_OK);
	assert_int_equal(end, expected);
}

static void
test_queue_hand_off_takes_the_fence_from_the_worker(void **state)
{
	struct world *w = *state;
	struct queue_job job = claim_one(w);
	struct queue_fence f = fence(&job, "w1");
	struct queue_outcome o = OUTCOME_NONE;

	assert_int_equal(hand_off(w, &job, "w2"), QUEUE_LOST);
	assert_sql(w, "w1", "SELECT locked_by FROM job_queue");
	assert_sql(w, "0",
		   "SELECT count(*) FROM workers WHERE host = 'external'");
	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_OK);
	assert_sql(w, "t",
		   "SELECT locked_by = external_worker(id, attempts)"
		   " FROM job_queue");
	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_LOST);
	/* w1 is the only processor */
	assert_sql(w, "1", "SELECT job_stats() ->> 'workers'");
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_LOST);
	assert_int_equal(queue_job_fail(w->q, &f, "x", true), QUEUE_LOST);
	assert_int_equal(queue_worker_leave(w->q, "w1"), QUEUE_OK);
	assert_sql(w, "processing", "SELECT status FROM job_queue");
	assert_says(w, &job, "m1", "completed", 1, QUEUE_CALLBACK_APPLIED);
	assert_sql(w, "completed", "SELECT status FROM job_queue");
}

static void
test_queue_hand_off_of_a_job_to_be_cancelled_is_lost(void **state)
{
	struct world *w = *state;
	struct queue_job job = claim_one(w);

	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_LOST);
	assert_sql(w, "w1", "SELECT locked_by FROM job_queue");
}

static void
test_queue_callback_is_applied_once_and_to_its_attempt(void **state)
{
	struct world *w = *state;
	struct queue_job job = claim_one(w);
	struct queue_job other = job;
	enum queue_callback_end end;

	assert_says(w, &job, "m0", "completed", 1, QUEUE_CALLBACK_IGNORED);
	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_OK);
	assert_says(w, &job, "m1", "processing", 1, QUEUE_CALLBACK_APPLIED);
	assert_says(w, &job, "m1", "processing", 1, QUEUE_CALLBACK_REPLAYED);
	assert_says(w, &job, "m2", "completed", 2, QUEUE_CALLBACK_IGNORED);
	assert_says(w, &job, NULL, "processing", 1, QUEUE_CALLBACK_APPLIED);
	assert_says(w, &job, NULL, "processing", 1, QUEUE_CALLBACK_APPLIED);
	other.id = DEPLOYMENT;
	assert_int_equal(say(w, &other, "m3", "completed", 1, &end),
			 QUEUE_NOT_FOUND);
	assert_sql(w, "0", "SELECT count(*) FROM webhook_seen WHERE id = 'm3'");
	assert_says(w, &job, "m3", "failed", 1, QUEUE_CALLBACK_APPLIED);
	assert_sql(w, "failed it broke t",
		   "SELECT concat_ws(' ', status, error, claimable)"
		   " FROM job_queue");
	assert_says(w, &job, "m4", "completed", 1, QUEUE_CALLBACK_IGNORED);
}

static void
test_queue_callback_need_not_name_the_video(void **state)
{
	struct world *w = *state;
	struct queue_outcome outcome = OUTCOME_NONE;
	const char *video = make_video(w, 1);
	struct queue_callback c = { .attempt = 1,
				    .status = "completed",
				    .percent = -1,
				    .lease_s = 60,
				    .outcome = &outcome };
	enum queue_callback_end end;
	struct queue_input in;
	struct queue_fence f;
	struct queue_job job;

	assert_true(claim(w, "w1", &job));
	assert_string_equal(job.video_id, video);
	f = fence(&job, "w1");
	c.job = job.id;
	c.video = DEPLOYMENT;
	assert_int_equal(queue_webhook_callback(w->q, &c, &end),
			 QUEUE_NOT_FOUND);
	c.video = video;
	assert_int_equal(queue_webhook_callback(w->q, &c, &end), QUEUE_OK);
	assert_int_equal(end, QUEUE_CALLBACK_IGNORED);
	c.video = NULL;
	assert_int_equal(queue_job_hand_off(w->q, &f, 60, &w->a, &in),
			 QUEUE_OK);
	assert_int_equal(queue_webhook_callback(w->q, &c, &end), QUEUE_OK);
	assert_int_equal(end, QUEUE_CALLBACK_APPLIED);
	assert_sql(w, "completed",
		   "SELECT status FROM job_queue WHERE id = '%s'", job.id);
}

static void
test_queue_rescue_fails_the_run_of_a_silent_other(void **state)
{
	static const char *const types[] = { "ai_analysis", NULL };
	struct world *w = *state;
	struct queue_job job = claim_one(w);
	size_t n;

	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_OK);
	assert_int_equal(queue_rescue(w->q, types, &n), QUEUE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(queue_external_accepted(w->q, job.id, 1, 600),
			 QUEUE_OK);
	assert_sql(w, "t",
		   "SELECT lease_until > now() + interval '9 min' FROM workers"
		   " WHERE host = 'external'");
	sql(w, "UPDATE workers SET lease_until = now() - interval '1 s'"
	       " WHERE host = 'external'");
	assert_int_equal(queue_rescue(w->q, types, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_sql(w, "failed lease expired",
		   "SELECT status || ' ' || error FROM job_queue");
	assert_sql(w, "0",
		   "SELECT count(*) FROM workers WHERE host = 'external'");
	assert_says(w, &job, "m1", "completed", 1, QUEUE_CALLBACK_IGNORED);
	assert_int_equal(
	    queue_external_refused(w->q, job.id, 1, "late", true, -1),
	    QUEUE_OK);
	assert_sql(w, "lease expired", "SELECT error FROM job_queue");
}

static void
test_queue_refusal_waits_no_less_than_the_backoff(void **state)
{
	struct world *w = *state;
	struct queue_job job = claim_one(w);

	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_OK);
	assert_int_equal(
	    queue_external_refused(w->q, job.id, 1, "busy", false, 2),
	    QUEUE_OK);
	assert_sql(w, "15 busy",
		   "SELECT extract(epoch FROM run_at - failed_at)::int || ' '"
		   " || error FROM job_queue");
}

static void
test_queue_cancel_of_a_job_elsewhere_is_told(void **state)
{
	struct world *w = *state;
	struct queue_job job = claim_one(w);

	assert_int_equal(hand_off(w, &job, "w1"), QUEUE_OK);
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	assert_sql(w, "cancelled",
		   "SELECT status FROM job_queue WHERE type = 'ai_analysis'");
	assert_sql(w, "ai_analysis job.cancelled 1 3",
		   "SELECT concat_ws(' ', payload ->> 'external',"
		   " payload #>> '{message,type}',"
		   " payload #>> '{message,data,attempt}', max_attempts)"
		   " FROM job_queue WHERE type = 'webhook_deliver'");
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_CONFLICT);
}

static void
test_queue_webhook_retry_follows_its_own_schedule(void **state)
{
	static const int pauses[] = { 5,     300,   1800,  7200, 18000,
				      36000, 50400, 72000, 86400 };
	struct world *w = *state;
	struct queue_job job = claim_one(w);
	struct queue_fence f = fence(&job, "w1");

	for (size_t i = 0; i < ARRAY_LEN(pauses) + 1; i++) {
		f.attempt = (int)i + 1;
		sql(w,
		    "UPDATE job_queue SET status = 'processing',"
		    " attempts = %zu, locked_by = 'w1'",
		    i + 1);
		assert_int_equal(queue_webhook_retry(w->q, &f, "http_500", -1),
				 QUEUE_OK);
		if (i == ARRAY_LEN(pauses))
			break;
		assert_sql(w, "t",
			   "SELECT extract(epoch FROM run_at - failed_at)"
			   " BETWEEN %d * 0.8 AND %d * 1.2 AND claimable"
			   " FROM job_queue",
			   pauses[i], pauses[i]);
	}
	assert_sql(w, "f", "SELECT claimable FROM job_queue");
	assert_int_equal(queue_webhook_retry(w->q, &f, "http_500", -1),
			 QUEUE_LOST);
}

static void
test_queue_webhook_events_are_replaced(void **state)
{
	static const char *const all[] = { "video.completed", "clip.ready",
					   NULL };
	static const char *const one[] = { "video.failed", NULL };
	static const char *const none[] = { NULL };
	struct world *w = *state;

	assert_int_equal(queue_webhook_events(w->q, all), QUEUE_OK);
	assert_int_equal(queue_webhook_events(w->q, all), QUEUE_OK);
	assert_sql(w, "2", "SELECT count(*) FROM webhook_events");
	assert_int_equal(queue_webhook_events(w->q, one), QUEUE_OK);
	assert_sql(w, "video.failed",
		   "SELECT string_agg(type, ' ') FROM webhook_events");
	assert_int_equal(queue_webhook_events(w->q, none), QUEUE_OK);
	assert_sql(w, "0", "SELECT count(*) FROM webhook_events");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_hand_off_takes_the_fence_from_the_worker),
		TEST_WITH_DB(
		    test_queue_hand_off_of_a_job_to_be_cancelled_is_lost),
		TEST_WITH_DB(
		    test_queue_callback_is_applied_once_and_to_its_attempt),
		TEST_WITH_DB(test_queue_callback_need_not_name_the_video),
		TEST_WITH_DB(test_queue_rescue_fails_the_run_of_a_silent_other),
		TEST_WITH_DB(test_queue_refusal_waits_no_less_than_the_backoff),
		TEST_WITH_DB(test_queue_cancel_of_a_job_elsewhere_is_told),
		TEST_WITH_DB(test_queue_webhook_retry_follows_its_own_schedule),
		TEST_WITH_DB(test_queue_webhook_events_are_replaced),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_webhooks", tests,
					   make_template, drop_template);
}
