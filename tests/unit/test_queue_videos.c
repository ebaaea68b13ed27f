/*
 * Lists, clips, and the operator's view: stats, cleanup, the monitoring SQL.
 */
#include "tests/unit/queue_fixture.h"

static void
test_queue_video_list_pages_newest_first_with_the_true_total(void **state)
{
	struct world *w = *state;
	struct queue_video *v;
	uint64_t total;
	size_t n;

	for (uint64_t i = 1; i <= 5; i++)
		make_video(w, i);
	sql(w, "UPDATE videos SET created_at = to_timestamp(seq)");
	assert_int_equal(
	    queue_video_list(w->q, USER_A, 1, 2, &w->a, &v, &n, &total),
	    QUEUE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(total, 5);
	assert_true(v[0].created_us == 4 * US_PER_S);
	assert_true(v[1].created_us == 3 * US_PER_S);
	assert_int_equal(
	    queue_video_list(w->q, USER_A, 9, 2, &w->a, &v, &n, &total),
	    QUEUE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(total, 5);
}

static void
test_queue_video_get_unknown_values_are_marked(void **state)
{
	struct world *w = *state;
	struct queue_video v;
	const char *id = make_video(w, 1);

	assert_int_equal(queue_video_get(w->q, USER_A, id, &w->a, &v),
			 QUEUE_OK);
	assert_true(v.duration < 0);
	assert_int_equal(v.width, 0);
	assert_null(v.thumbnail_key);
	assert_null(v.probe);
	assert_null(v.error);
	assert_int_equal(queue_video_get(w->q, USER_A, "../x", &w->a, &v),
			 QUEUE_NOT_FOUND);
	assert_int_equal(queue_video_get(w->q, USER_A, USER_B, &w->a, &v),
			 QUEUE_NOT_FOUND);
}

/* A completed video; its jobs out of the way. */
static const char *
completed_video(struct world *w)
{
	const char *id = make_video(w, 1);

	sql(w, "UPDATE videos SET analysis_status = 'completed',"
	       " progress = 100; UPDATE job_queue SET status = 'completed',"
	       " completed_at = now(), started_at = now()");
	return id;
}

static void
test_queue_clips_need_a_completed_video(void **state)
{
	struct world *w = *state;
	struct queue_clip c = { .start_time = 1, .end_time = 2 };
	char job[UUID_TEXT_MAX];
	const char *video = make_video(w, 1);

	assert_int_equal(
	    queue_clips_create(w->q, USER_A, video, &c, 1, &w->a, job),
	    QUEUE_CONFLICT);
	assert_sql(w, "0", "SELECT count(*) FROM clips");
}

static void
test_queue_clips_follow_their_job(void **state)
{
	struct world *w = *state;
	struct queue_clip c[2] = {
		{ .title = "One \"quoted\"",
		  .start_time = 10,
		  .end_time = 25,
		  .score = 0.75 },
		{ .start_time = 30, .end_time = 31, .score = -1 }
	};
	struct queue_clip got, *list;
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_job job;
	struct queue_fence f;
	char job_id[UUID_TEXT_MAX], rows[512];
	const char *video = completed_video(w);
	uint64_t total;
	size_t n;

	assert_int_equal(
	    queue_clips_create(w->q, USER_A, video, c, 2, &w->a, job_id),
	    QUEUE_OK);
	assert_int_equal(queue_clip_get(w->q, USER_A, c[0].id, &w->a, &got),
			 QUEUE_OK);
	assert_string_equal(got.status, "queued");
	assert_string_equal(got.title, "One \"quoted\"");
	assert_true(got.score == 0.75 && got.end_time == 25);

	assert_true(claim(w, "w1", &job));
	assert_string_equal(job.id, job_id);
	assert_non_null(strstr(job.payload, c[1].id));
	assert_int_equal(queue_clip_get(w->q, USER_A, c[1].id, &w->a, &got),
			 QUEUE_OK);
	assert_string_equal(got.status, "processing");
	assert_true(got.score < 0);

	snprintf(rows, sizeof(rows),
		 "[{\"id\":\"%s\",\"s3_key\":\"derived/c.mp4\","
		 "\"thumbnail_key\":\"derived/c.jpg\"},"
		 "{\"id\":\"%s\",\"error\":\"no frame\"}]",
		 c[0].id, c[1].id);
	o.clips = rows;
	f = fence(&job, "w1");
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_OK);
	assert_int_equal(queue_clip_get(w->q, USER_A, c[0].id, &w->a, &got),
			 QUEUE_OK);
	assert_string_equal(got.status, "ready");
	assert_string_equal(got.s3_key, "derived/c.mp4");
	assert_null(got.error);
	assert_int_equal(queue_clip_get(w->q, USER_A, c[1].id, &w->a, &got),
			 QUEUE_OK);
	assert_string_equal(got.status, "failed");
	assert_string_equal(got.error, "no frame");
	assert_int_equal(queue_clip_list(w->q, USER_A, video, 0, 1, &w->a,
					 &list, &n, &total),
			 QUEUE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(total, 2);
	/* the video is none of this job's business */
	assert_sql(w, "completed", "SELECT analysis_status FROM videos");
}

static void
test_queue_clips_fail_with_their_job_and_come_back_with_it(void **state)
{
	struct world *w = *state;
	struct queue_clip c = { .start_time = 1, .end_time = 2 };
	struct queue_job job;
	struct queue_fence f;
	char job_id[UUID_TEXT_MAX];

	assert_int_equal(queue_clips_create(w->q, USER_A, completed_video(w),
					    &c, 1, &w->a, job_id),
			 QUEUE_OK);
	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	assert_int_equal(queue_job_fail(w->q, &f, "no input", true), QUEUE_OK);
	assert_sql(w, "failed no input",
		   "SELECT status || ' ' || error FROM clips");
	assert_int_equal(queue_job_retry(w->q, job_id), QUEUE_OK);
	assert_sql(w, "queued",
		   "SELECT concat_ws(' ', status, error)"
		   " FROM clips");
	assert_sql(w, "completed", "SELECT analysis_status FROM videos");
}

static void
test_queue_cleanup_keeps_seven_days_less_a_minute(void **state)
{
	struct world *w = *state;
	size_t n;

	sql(w, "INSERT INTO job_queue (type, status, completed_at)"
	       " SELECT 'keep', 'completed', now() - interval '7 d' +"
	       "  interval '60 s'"
	       " UNION ALL SELECT 'go', 'completed', now() - interval '7 d' -"
	       "  interval '1 s' FROM generate_series(1, 7000)"
	       " UNION ALL SELECT 'keep', 'failed', NULL;"
	       "INSERT INTO upload_intents (user_id, bucket, key, file_name,"
	       " content_type, expires_at) VALUES"
	       " ('" USER_A "', 'b', 'keep', '', '',"
	       "  now() - interval '7 d' + interval '60 s'),"
	       " ('" USER_A "', 'b', 'go', '', '',"
	       "  now() - interval '7 d' - interval '1 s');"
	       /* an upload in parts that somebody must still abort */
	       "INSERT INTO upload_intents (user_id, bucket, key, file_name,"
	       " content_type, expires_at, upload_id, completed_at) VALUES"
	       " ('" USER_A "', 'b', 'parts', '', '',"
	       "  now() - interval '8 d', 'UP1', NULL),"
	       " ('" USER_A "', 'b', 'joined', '', '',"
	       "  now() - interval '8 d', 'UP2', now())");
	assert_int_equal(queue_cleanup(w->q, 7, &n), QUEUE_OK);
	assert_int_equal(n, 7002);
	assert_sql(w, "2 keep",
		   "SELECT count(*) || ' ' || min(type)"
		   " FROM job_queue");
	assert_sql(w, "keep parts",
		   "SELECT string_agg(key, ' ' ORDER BY key)"
		   " FROM upload_intents");
}

static void
test_queue_job_list_and_get_show_what_is_there(void **state)
{
	const int64_t ago_us = time_now_us() - 60 * US_PER_S;
	const struct {
		struct queue_job_filter filter;
		size_t n;
	} lists[] = {
		{ { .limit = 10 }, 4 },
		{ { 0 }, 4 },
		{ { .limit = 3 }, 3 },
		{ { .status = "failed" }, 2 },
		{ { .status = "dead" }, 1 },
		{ { .type = "ai_analysis" }, 1 },
		{ { .user_id = USER_A }, 2 },
		{ { .user_id = USER_B }, 0 },
		{ { .video_id = USER_A }, 0 },
		{ { .created_before_us = ago_us }, 1 },
		{ { .created_after_us = ago_us }, 3 },
		{ { .user_id = USER_A, .created_after_us = ago_us }, 1 },
	};
	struct world *w = *state;
	struct queue_job *jobs, job;
	size_t n;

	make_video(w, 1);
	sql(w, "UPDATE job_queue SET created_at = now() - interval '1 h'"
	       " WHERE type = 'ai_analysis';"
	       "INSERT INTO job_queue (type, status, attempts) VALUES"
	       " ('x', 'failed', 3), ('x', 'failed', 1)");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		assert_int_equal(
		    queue_job_list(w->q, &lists[i].filter, &w->a, &jobs, &n),
		    QUEUE_OK);
		assert_int_equal(n, lists[i].n);
	}
	assert_int_equal(
	    queue_job_list(w->q, &(struct queue_job_filter){ .video_id = "x" },
			   &w->a, &jobs, &n),
	    QUEUE_NOT_FOUND);
	assert_int_equal(queue_job_get(w->q,
				       sql(w, "SELECT id FROM job_queue"
					      " WHERE type = 'ai_analysis'"),
				       &w->a, &job),
			 QUEUE_OK);
	assert_string_equal(job.status, "pending");
	assert_true(job.run_at_us == INT64_MAX);
	assert_int_equal(queue_job_get(w->q, "x", &w->a, &job),
			 QUEUE_NOT_FOUND);
}

static void
test_queue_jobs_retry_takes_the_dead_of_a_type_with_their_history(void **state)
{
	struct world *w = *state;
	const char *errors, *worker;
	struct queue_fence f;
	struct queue_job job;
	size_t n;

	sql(w, "INSERT INTO job_queue (type) VALUES ('ai_analysis'),"
	       " ('ai_analysis'), ('generate_clips')");
	for (int i = 0; i < 3; i++) {
		assert_true(claim(w, "w1", &job));
		assert_int_equal(
		    queue_job_history(w->q, job.id, &w->a, &errors, &worker),
		    QUEUE_OK);
		assert_string_equal(errors, "[]");
		assert_string_equal(worker, "w1");
		f = fence(&job, "w1");
		assert_int_equal(queue_job_fail(w->q, &f, "no luck", true),
				 QUEUE_OK);
	}
	assert_int_equal(
	    queue_job_history(w->q, job.id, &w->a, &errors, &worker), QUEUE_OK);
	assert_non_null(strstr(errors, "\"error\": \"no luck\""));
	assert_null(worker);
	assert_int_equal(queue_jobs_retry(w->q, "ai_analysis", &n), QUEUE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(queue_jobs_retry(w->q, "ai_analysis", &n), QUEUE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(queue_jobs_retry(w->q, NULL, &n), QUEUE_OK);
	assert_int_equal(n, 1);
	assert_sql(w, "3",
		   "SELECT count(*) FROM job_queue WHERE status = 'pending'"
		   " AND attempts = 0 AND jsonb_array_length(errors) = 1");
}

static void
test_queue_job_stats_count_what_is_there(void **state)
{
	struct world *w = *state;
	const char *json;

	make_video(w, 1);
	sql(w, "INSERT INTO job_queue (type, status, started_at,"
	       " completed_at) SELECT 'ai_analysis', 'completed', now(),"
	       " now() + i * interval '1 s' FROM generate_series(1, 3) i");
	assert_int_equal(queue_job_stats(w->q, &w->a, &json), QUEUE_OK);
	assert_sql(w, "1 1 3 2 0",
		   "SELECT concat_ws(' ',"
		   " j #>> '{counts,process_video,pending}',"
		   " j #>> '{counts,ai_analysis,pending}',"
		   " j #>> '{counts,ai_analysis,completed}',"
		   " (j #>> '{duration_seconds,ai_analysis,p50}')::float,"
		   " j ->> 'failed_for_good') FROM (SELECT '%s'::jsonb j) s",
		   json);
}

static void
test_queue_monitoring_sql_of_the_original_runs_verbatim(void **state)
{
	static const char pending[] =
	    "-- Check pending jobs\n"
	    "SELECT type, COUNT(*) FROM job_queue WHERE status = 'pending' "
	    "GROUP BY type;";
	static const char failed[] =
	    "-- Check failed jobs\n"
	    "SELECT * FROM job_queue WHERE status = 'failed' "
	    "ORDER BY created_at DESC;";
	static const char times[] =
	    "-- Check processing times\n"
	    "SELECT \n"
	    "  type, \n"
	    "  AVG(EXTRACT(EPOCH FROM (completed_at - started_at))) as "
	    "avg_duration_seconds\n"
	    "FROM job_queue \n"
	    "WHERE status = 'completed' \n"
	    "GROUP BY type;";
	struct world *w = *state;

	make_video(w, 1);
	sql(w, "INSERT INTO job_queue (type, status, started_at,"
	       " completed_at) VALUES ('t', 'completed', now(),"
	       " now() + interval '3 s'), ('t', 'failed', NULL, NULL)");
	assert_true(strlen(sql(w, "%s", pending)) > 0);
	assert_int_equal(strlen(sql(w, "%s", failed)), 36);
	assert_sql(w, "t", "%s", times);
	assert_sql(w, "4",
		   "SELECT count(*) FROM job_queue_v0"
		   " WHERE data IS NOT NULL"
		   " AND error_message IS NULL");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_video_list_pages_newest_first_with_the_true_total),
		TEST_WITH_DB(test_queue_video_get_unknown_values_are_marked),
		TEST_WITH_DB(test_queue_clips_need_a_completed_video),
		TEST_WITH_DB(test_queue_clips_follow_their_job),
		TEST_WITH_DB(
		    test_queue_clips_fail_with_their_job_and_come_back_with_it),
		TEST_WITH_DB(test_queue_cleanup_keeps_seven_days_less_a_minute),
		TEST_WITH_DB(test_queue_job_list_and_get_show_what_is_there),
		TEST_WITH_DB(
		    test_queue_jobs_retry_takes_the_dead_of_a_type_with_their_history),
		TEST_WITH_DB(test_queue_job_stats_count_what_is_there),
		TEST_WITH_DB(
		    test_queue_monitoring_sql_of_the_original_runs_verbatim),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_videos", tests, make_template,
					   drop_template);
}
