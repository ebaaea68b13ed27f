/*
 * The life of a job: order, retries, leases, children, progress, cancel.
 * Time passes by UPDATE: run_at and leases are set back.
 */
#include "tests/unit/queue_fixture.h"

static void
make_due(struct world *w)
{
	sql(w, "UPDATE job_queue SET run_at = now()"
	       " WHERE run_at <> 'infinity'");
}

static void
insert_jobs(struct world *w, const char *priority, int n)
{
	sql(w,
	    "INSERT INTO job_queue (type, priority, run_at)"
	    " SELECT 'generate_clips', '%s', now() - interval '1 hour' +"
	    " i * interval '1 ms' FROM generate_series(1, %d) i",
	    priority, n);
}

static enum queue_error
complete(struct world *w, const struct queue_job *job, const char *worker)
{
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_fence f = fence(job, worker);

	return queue_job_complete(w->q, &f, &o);
}

static enum queue_error
fail_job(struct world *w, const struct queue_job *job, bool permanent)
{
	struct queue_fence f = fence(job, "w1");

	return queue_job_fail(w->q, &f, "it broke", permanent);
}

static void
test_queue_claim_runs_high_then_normal_then_low_each_by_age(void **state)
{
	struct world *w = *state;
	struct queue_job jobs[12];
	const char *want[] = { "high", "normal", "low" };
	size_t n;

	insert_jobs(w, "low", 4);
	insert_jobs(w, "high", 4);
	insert_jobs(w, "normal", 4);
	beat(w, "w1", NULL, 0);
	assert_int_equal(
	    queue_claim(w->q, "w1", media_types, 12, &w->a, jobs, &n),
	    QUEUE_OK);
	assert_int_equal(n, 12);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(jobs[i].priority, want[i / 4]);
		assert_string_equal(jobs[i].status, "processing");
		assert_int_equal(jobs[i].attempts, 1);
		if (i % 4)
			assert_true(jobs[i].run_at_us > jobs[i - 1].run_at_us);
	}
	assert_false(claim(w, "w1", &jobs[0]));
}

static void
test_queue_claim_under_a_flood_still_serves_low_and_normal(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	int low = 0, normal = 0;

	insert_jobs(w, "low", 1);
	insert_jobs(w, "normal", 1);
	/* the flood came later, and never ends */
	insert_jobs(w, "high", 40);
	sql(w, "UPDATE job_queue SET run_at = now() WHERE priority = 'high'");
	for (int i = 0; i < 16; i++) {
		assert_true(claim(w, "w1", &job));
		low += strcmp(job.priority, "low") == 0;
		normal += strcmp(job.priority, "normal") == 0;
		/* all but each eighth go to the flood */
		assert_int_equal(low + normal, (i + 1) / 8);
	}
	assert_int_equal(low, 1);
	assert_int_equal(normal, 1);
}

static void
test_queue_claim_takes_only_due_jobs_of_its_types(void **state)
{
	static const char *const other[] = { "ai_analysis", NULL };
	struct world *w = *state;
	struct queue_job job;
	size_t n;

	insert_jobs(w, "high", 1);
	beat(w, "w1", NULL, 0);
	assert_int_equal(queue_claim(w->q, "w1", other, 1, &w->a, &job, &n),
			 QUEUE_OK);
	assert_int_equal(n, 0);
	sql(w, "UPDATE job_queue SET run_at = now() + interval '1 min'");
	assert_false(claim(w, "w1", &job));
	make_due(w);
	assert_true(claim(w, "w1", &job));
}

static void
test_queue_claim_tells_where_the_object_is(void **state)
{
	struct world *w = *state;
	const char *video = make_video(w, 1);
	struct queue_job job;

	assert_true(claim(w, "w1", &job));
	assert_string_equal(job.type, "process_video");
	assert_string_equal(job.bucket, BUCKET);
	assert_string_equal(job.s3_key, "uploads/" USER_A "/1.mp4");
	assert_string_equal(job.video_id, video);
	assert_string_equal(job.user_id, USER_A);
	assert_sql(w, "processing", "SELECT analysis_status FROM videos");
}

static void
test_queue_job_fails_twice_then_completes_with_three_attempts(void **state)
{
	struct world *w = *state;
	struct queue_job job;

	insert_jobs(w, "high", 1);
	for (int run = 1; run <= 2; run++) {
		make_due(w);
		assert_true(claim(w, "w1", &job));
		assert_int_equal(fail_job(w, &job, false), QUEUE_OK);
		assert_false(claim(w, "w1", &job));
	}
	make_due(w);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(complete(w, &job, "w1"), QUEUE_OK);
	assert_sql(w, "completed 3 100 2",
		   "SELECT concat_ws(' ', status, attempts, progress,"
		   " jsonb_array_length(errors), error) FROM job_queue");
}

static void
test_queue_job_always_failing_waits_15_then_60_seconds_then_ends(void **state)
{
	const double want[] = { 15, 60 };
	struct world *w = *state;
	struct queue_job job;
	double delay;

	make_video(w, 1);
	for (int run = 0; run < 3; run++) {
		make_due(w);
		assert_true(claim(w, "w1", &job));
		assert_int_equal(fail_job(w, &job, false), QUEUE_OK);
		if (run == 2)
			break;
		delay = strtod(sql(w, "SELECT extract(epoch FROM run_at -"
				      " failed_at) FROM job_queue"
				      " WHERE type = 'process_video'"),
			       NULL);
		assert_true(delay >= want[run] * 0.8 - 0.001 &&
			    delay <= want[run] * 1.2 + 0.001);
		assert_sql(w, "processing",
			   "SELECT analysis_status FROM videos");
	}
	make_due(w);
	assert_false(claim(w, "w1", &job));
	assert_sql(w, "failed it broke",
		   "SELECT analysis_status || ' ' || error FROM videos");
	/* the child went with it */
	assert_sql(w, "failed f it broke",
		   "SELECT concat_ws(' ', status, claimable, error)"
		   " FROM job_queue WHERE type = 'ai_analysis'");
}

static void
test_queue_job_backoff_is_bounded_by_an_hour(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	double delay;

	insert_jobs(w, "high", 1);
	sql(w, "UPDATE job_queue SET attempts = 998, max_attempts = 1000");
	assert_true(claim(w, "w1", &job));
	assert_int_equal(fail_job(w, &job, false), QUEUE_OK);
	delay =
	    strtod(sql(w, "SELECT extract(epoch FROM run_at - failed_at) FROM"
			  " job_queue"),
		   NULL);
	assert_true(delay >= 2879 && delay <= 4321);
}

static void
test_queue_job_permanent_failure_ends_at_once(void **state)
{
	struct world *w = *state;
	struct queue_job job;

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(fail_job(w, &job, true), QUEUE_OK);
	assert_sql(w, "failed 1 f",
		   "SELECT concat_ws(' ', status, attempts, claimable)"
		   " FROM job_queue WHERE type = 'process_video'");
	assert_sql(w, "failed", "SELECT analysis_status FROM videos");
	assert_sql(w, "1",
		   "SELECT count(*) FROM job_queue"
		   " WHERE type = 'ai_analysis' AND NOT claimable");
}

static void
test_queue_job_child_runs_after_its_parent_and_completes_the_video(void **state)
{
	struct world *w = *state;
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_video video;
	struct queue_job parent, child, none;
	struct queue_fence f;
	const char *id = make_video(w, 1);

	assert_true(claim(w, "w1", &parent));
	assert_false(claim(w, "w1", &none));
	f = fence(&parent, "w1");
	o.duration = 5.5;
	o.width = 640;
	o.height = 360;
	o.thumbnail_key = "derived/x/poster.jpg";
	o.probe = "{\"tags\": null, \"codec\": \"h264\"}";
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_OK);
	assert_int_equal(queue_video_get(w->q, USER_A, id, &w->a, &video),
			 QUEUE_OK);
	assert_string_equal(video.status, "processing");
	assert_int_equal(video.progress, 90);

	assert_true(claim(w, "w1", &child));
	assert_string_equal(child.type, "ai_analysis");
	f = fence(&child, "w1");
	o = OUTCOME_NONE;
	o.ai_suggestions = "{\"clips\": []}";
	o.segments = "[{\"start_time\":0,\"end_time\":2,\"score\":80,"
		     "\"reasons\":[\"loud\",\"motion\"],"
		     "\"scene_change\":true}]";
	o.hooks = "[{\"timestamp\":1.5,\"type\":\"audio\","
		  "\"confidence\":0.5}]";
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_OK);
	assert_int_equal(queue_video_get(w->q, USER_A, id, &w->a, &video),
			 QUEUE_OK);
	assert_string_equal(video.status, "completed");
	assert_int_equal(video.progress, 100);
	assert_true(video.duration == 5.5);
	assert_int_equal(video.width, 640);
	assert_string_equal(video.probe,
			    "{\"tags\": null, \"codec\": \"h264\"}");
	assert_string_equal(video.ai_suggestions, "{\"clips\": []}");
	assert_null(video.error);
	assert_sql(w, "{loud,motion} t",
		   "SELECT concat_ws(' ', reasons, scene_change) FROM"
		   " engagement_segments WHERE pitch IS NULL");
	assert_sql(w, "1.5",
		   "SELECT \"timestamp\" FROM hooks"
		   " WHERE text IS NULL");
}

static void
test_queue_job_complete_with_a_document_postgres_cannot_hold_is_an_error(
    void **state)
{
	struct world *w = *state;
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_job job;
	struct queue_fence f;

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	o.probe = "{\"title\":\"\\u0000\"}";
	log_set_level(LOG_ERROR + 1);
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_INTERNAL);
	o.probe = "{";
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_INTERNAL);
	log_set_level(LOG_ERROR);
	/* nothing happened: the run can still be ended */
	assert_int_equal(queue_job_fail(w->q, &f, "bad", true), QUEUE_OK);
}

static void
test_queue_job_progress_never_falls(void **state)
{
	static const int said[] = { 10, 50, 30, -5, 200, 20 };
	static const char *const want[] = { "10 9",  "50 45",  "50 45",
					    "50 45", "100 90", "100 90" };
	struct world *w = *state;
	struct queue_job job;

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		assert_int_equal(beat_one(w, &job, "w1", said[i]), QUEUE_GO_ON);
		assert_sql(w, want[i],
			   "SELECT j.progress || ' ' || v.progress FROM"
			   " job_queue j JOIN videos v ON v.id = j.video_id"
			   " WHERE j.status = 'processing'");
	}
	/* a second run begins at 0, the video does not go back */
	assert_int_equal(fail_job(w, &job, false), QUEUE_OK);
	make_due(w);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(job.progress, 0);
	assert_int_equal(beat_one(w, &job, "w1", 10), QUEUE_GO_ON);
	assert_sql(w, "90", "SELECT progress FROM videos");
}

static void
test_queue_job_lost_lease_refuses_every_end(void **state)
{
	struct world *w = *state;
	struct queue_job old, new;
	struct queue_fence f;
	size_t n;

	make_video(w, 1);
	assert_true(claim(w, "w1", &old));
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 0);
	expire(w, "w1");
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_sql(w, "failed lease expired 5",
		   "SELECT concat_ws(' ', status, error,"
		   " extract(epoch FROM run_at - failed_at)::int)"
		   " FROM job_queue WHERE type = 'process_video'");
	make_due(w);
	assert_true(claim(w, "w2", &new));
	assert_int_equal(new.attempts, 2);

	f = fence(&old, "w1");
	assert_int_equal(beat_one(w, &old, "w1", 99), QUEUE_STOP_LOST);
	assert_int_equal(complete(w, &old, "w1"), QUEUE_LOST);
	assert_int_equal(fail_job(w, &old, false), QUEUE_LOST);
	assert_int_equal(queue_job_release(w->q, &f), QUEUE_LOST);
	/* nor by the right attempt from the wrong process */
	assert_int_equal(complete(w, &new, "w1"), QUEUE_LOST);
	assert_sql(w, "0", "SELECT progress FROM videos");
	assert_int_equal(complete(w, &new, "w2"), QUEUE_OK);
	assert_int_equal(complete(w, &new, "w2"), QUEUE_LOST);
}

static void
test_queue_job_that_kills_its_worker_runs_out_of_tries(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	size_t n;

	make_video(w, 1);
	for (int run = 0; run < 3; run++) {
		make_due(w);
		assert_true(claim(w, "w1", &job));
		expire(w, "w1");
		assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	}
	make_due(w);
	assert_false(claim(w, "w1", &job));
	assert_sql(w, "failed lease expired",
		   "SELECT analysis_status || ' ' || error FROM videos");
}

static void
test_queue_rescue_fails_unknown_types_for_good(void **state)
{
	struct world *w = *state;
	size_t n;

	sql(w, "INSERT INTO job_queue (type) VALUES ('make_coffee')");
	insert_jobs(w, "low", 1);
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_sql(w, "failed f unknown job type make_coffee",
		   "SELECT concat_ws(' ', status, claimable, error)"
		   " FROM job_queue WHERE type = 'make_coffee'");
	assert_int_equal(queue_rescue(w->q, media_types, &n), QUEUE_OK);
	assert_int_equal(n, 0);
}

static void
test_queue_job_release_gives_the_attempt_back(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	struct queue_fence f;

	insert_jobs(w, "high", 1);
	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	assert_int_equal(queue_job_release(w->q, &f), QUEUE_OK);
	assert_sql(w, "pending 0 t",
		   "SELECT concat_ws(' ', status, attempts, locked_by IS NULL)"
		   " FROM job_queue");
	/* claimed again it is attempt 1 again, but another worker's */
	assert_true(claim(w, "w2", &job));
	assert_int_equal(job.attempts, 1);
	assert_int_equal(complete(w, &job, "w1"), QUEUE_LOST);
}

static void
test_queue_job_cancel_settles_waiting_and_asks_running(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	struct queue_fence f;

	make_video(w, 1);
	make_video(w, 2);
	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	assert_int_equal(beat_one(w, &job, "w1", 1), QUEUE_STOP_CANCEL);
	/* whatever it says, a job that was asked to stop is cancelled */
	assert_int_equal(fail_job(w, &job, false), QUEUE_OK);
	assert_sql(w, "cancelled,cancelled",
		   "SELECT string_agg(status, ',') FROM job_queue"
		   " WHERE id = '%s' OR parent_id = '%s'",
		   job.id, job.id);
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_CONFLICT);

	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	assert_int_equal(queue_job_release(w->q, &f), QUEUE_OK);
	assert_int_equal(queue_job_cancel(w->q, job.id), QUEUE_OK);
	assert_sql(w, "failed cancelled,failed cancelled",
		   "SELECT string_agg(analysis_status || ' ' || error, ',')"
		   " FROM videos");
	assert_int_equal(queue_job_cancel(w->q, USER_A), QUEUE_NOT_FOUND);
	assert_int_equal(queue_job_cancel(w->q, "1"), QUEUE_NOT_FOUND);
}

static void
test_queue_job_cancelled_child_keeps_the_video_failed(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	char child[UUID_TEXT_MAX];

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	snprintf(
	    child, sizeof(child), "%s",
	    sql(w, "SELECT id FROM job_queue WHERE parent_id = '%s'", job.id));
	assert_int_equal(queue_job_cancel(w->q, child), QUEUE_OK);
	assert_int_equal(complete(w, &job, "w1"), QUEUE_OK);
	assert_sql(w, "failed cancelled",
		   "SELECT analysis_status || ' ' || error FROM videos");
}

static void
test_queue_job_retry_revives_a_cancelled_child_too(void **state)
{
	struct world *w = *state;
	struct queue_job job;
	char child[UUID_TEXT_MAX];

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	snprintf(
	    child, sizeof(child), "%s",
	    sql(w, "SELECT id FROM job_queue WHERE parent_id = '%s'", job.id));
	assert_int_equal(queue_job_cancel(w->q, child), QUEUE_OK);
	assert_int_equal(fail_job(w, &job, true), QUEUE_OK);
	assert_int_equal(queue_job_retry(w->q, job.id), QUEUE_OK);
	for (int i = 0; i < 2; i++) {
		assert_true(claim(w, "w1", &job));
		assert_int_equal(complete(w, &job, "w1"), QUEUE_OK);
	}
	assert_sql(w, "completed", "SELECT analysis_status FROM videos");
}

static void
test_queue_job_retry_revives_the_job_its_child_and_the_video(void **state)
{
	struct world *w = *state;
	struct queue_job job, child;

	make_video(w, 1);
	assert_true(claim(w, "w1", &job));
	assert_int_equal(queue_job_retry(w->q, job.id), QUEUE_CONFLICT);
	assert_int_equal(fail_job(w, &job, true), QUEUE_OK);
	assert_int_equal(
	    queue_job_retry(w->q, sql(w, "SELECT id FROM job_queue"
					 " WHERE type = 'ai_analysis'")),
	    QUEUE_CONFLICT);
	assert_int_equal(queue_job_retry(w->q, job.id), QUEUE_OK);
	assert_sql(w, "queued",
		   "SELECT concat_ws(' ', analysis_status, error)"
		   " FROM videos");
	assert_true(claim(w, "w1", &job));
	assert_int_equal(job.attempts, 1);
	assert_int_equal(job.max_attempts, 3);
	assert_int_equal(complete(w, &job, "w1"), QUEUE_OK);
	assert_true(claim(w, "w1", &child));
	assert_int_equal(complete(w, &child, "w1"), QUEUE_OK);
	assert_sql(w, "completed", "SELECT analysis_status FROM videos");
	assert_int_equal(queue_job_retry(w->q, job.id), QUEUE_CONFLICT);
	assert_int_equal(queue_job_retry(w->q, USER_A), QUEUE_NOT_FOUND);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_claim_runs_high_then_normal_then_low_each_by_age),
		TEST_WITH_DB(
		    test_queue_claim_under_a_flood_still_serves_low_and_normal),
		TEST_WITH_DB(test_queue_claim_takes_only_due_jobs_of_its_types),
		TEST_WITH_DB(test_queue_claim_tells_where_the_object_is),
		TEST_WITH_DB(
		    test_queue_job_fails_twice_then_completes_with_three_attempts),
		TEST_WITH_DB(
		    test_queue_job_always_failing_waits_15_then_60_seconds_then_ends),
		TEST_WITH_DB(test_queue_job_backoff_is_bounded_by_an_hour),
		TEST_WITH_DB(test_queue_job_permanent_failure_ends_at_once),
		TEST_WITH_DB(
		    test_queue_job_child_runs_after_its_parent_and_completes_the_video),
		TEST_WITH_DB(
		    test_queue_job_complete_with_a_document_postgres_cannot_hold_is_an_error),
		TEST_WITH_DB(test_queue_job_progress_never_falls),
		TEST_WITH_DB(test_queue_job_lost_lease_refuses_every_end),
		TEST_WITH_DB(
		    test_queue_job_that_kills_its_worker_runs_out_of_tries),
		TEST_WITH_DB(test_queue_rescue_fails_unknown_types_for_good),
		TEST_WITH_DB(test_queue_job_release_gives_the_attempt_back),
		TEST_WITH_DB(
		    test_queue_job_cancel_settles_waiting_and_asks_running),
		TEST_WITH_DB(
		    test_queue_job_cancelled_child_keeps_the_video_failed),
		TEST_WITH_DB(
		    test_queue_job_retry_revives_a_cancelled_child_too),
		TEST_WITH_DB(
		    test_queue_job_retry_revives_the_job_its_child_and_the_video),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_jobs", tests, make_template,
					   drop_template);
}
