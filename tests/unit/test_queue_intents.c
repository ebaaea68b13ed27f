/*
 * Upload intents: how many bytes a user may have under way, what ends an
 * intent, uploads in parts, and the load that all of them are.
 */
#include "tests/unit/queue_fixture.h"

static enum queue_error
announce(struct world *w, const char *user, const char *name, uint64_t reserved,
	 uint64_t limit, const char *upload_id, int64_t life_s)
{
	char key[128], id[UUID_TEXT_MAX];
	struct queue_intent in = { .bucket = BUCKET,
				   .key = key,
				   .file_name = "a.mp4",
				   .content_type = "video/mp4",
				   .reserved = reserved,
				   .upload_id = upload_id,
				   .part_size = upload_id ? 8 : 0,
				   .expires_us =
				       time_now_us() + life_s * US_PER_S };

	snprintf(key, sizeof(key), "uploads/%s/%s", user, name);
	return queue_intent_create(w->q, user, &in, limit, id);
}

static uint64_t
reserved(struct world *w)
{
	struct queue_load load;

	assert_int_equal(queue_load_get(w->q, 10, &load), QUEUE_OK);
	return load.reserved;
}

static void
test_queue_intent_limit_counts_what_is_open(void **state)
{
	struct world *w = *state;

	assert_int_equal(announce(w, USER_A, "1", 60, 100, NULL, 60), QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "2", 41, 100, NULL, 60),
			 QUEUE_LIMIT);
	assert_int_equal(announce(w, USER_A, "2", 40, 100, NULL, 60), QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "3", 1, 100, NULL, 60),
			 QUEUE_LIMIT);
	assert_int_equal(announce(w, USER_A, "3", 1, 0, NULL, 60), QUEUE_OK);
	assert_int_equal(announce(w, USER_B, "1", 100, 100, NULL, 60),
			 QUEUE_OK);
	assert_int_equal(reserved(w), 201);
	/* expired, and so no longer open */
	assert_int_equal(announce(w, USER_B, "2", 100, 0, NULL, -1), QUEUE_OK);
	assert_int_equal(reserved(w), 201);
}

static void
test_queue_intent_alone_may_pass_the_limit(void **state)
{
	struct world *w = *state;

	assert_int_equal(announce(w, USER_A, "1", 500, 100, NULL, 60),
			 QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "2", 1, 100, NULL, 60),
			 QUEUE_LIMIT);
}

static void
test_queue_intent_is_fulfilled_by_its_object(void **state)
{
	struct world *w = *state;
	struct queue_intent intent;
	const char *video;

	make_intent(w, USER_A, "uploads/" USER_A "/7.mp4");
	assert_int_equal(queue_intent_get(w->q, USER_A, BUCKET,
					  "uploads/" USER_A "/7.mp4", &w->a,
					  &intent),
			 QUEUE_OK);
	assert_false(intent.completed);
	video = make_video(w, 7);
	assert_non_null(video);
	assert_int_equal(queue_intent_get(w->q, USER_A, BUCKET,
					  "uploads/" USER_A "/7.mp4", &w->a,
					  &intent),
			 QUEUE_OK);
	assert_true(intent.completed);
	assert_int_equal(queue_intent_delete(w->q, USER_A, BUCKET,
					     "uploads/" USER_A "/7.mp4"),
			 QUEUE_NOT_FOUND);
}

static void
test_queue_intent_list_has_the_users_open_uploads_in_parts(void **state)
{
	struct world *w = *state;
	struct queue_intent *list;
	size_t n;

	assert_int_equal(announce(w, USER_A, "1", 1, 0, "UP1", 60), QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "2", 1, 0, NULL, 60), QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "3", 1, 0, "UP3", -1), QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "4", 1, 0, "UP4", 60), QUEUE_OK);
	assert_int_equal(announce(w, USER_B, "1", 1, 0, "UP5", 60), QUEUE_OK);
	assert_int_equal(queue_intent_list(w->q, USER_A, 10, &w->a, &list, &n),
			 QUEUE_OK);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].upload_id, "UP4");
	assert_string_equal(list[1].upload_id, "UP1");
	assert_true(list[1].part_size == 8 && list[1].created_us > 0);
	assert_int_equal(queue_intent_list(w->q, USER_A, 1, &w->a, &list, &n),
			 QUEUE_OK);
	assert_int_equal(n, 1);
}

static void
test_queue_intent_delete_is_its_owners(void **state)
{
	struct world *w = *state;

	assert_int_equal(announce(w, USER_A, "1", 5, 0, "UP1", 60), QUEUE_OK);
	assert_int_equal(
	    queue_intent_delete(w->q, USER_B, BUCKET, "uploads/" USER_A "/1"),
	    QUEUE_NOT_FOUND);
	assert_int_equal(reserved(w), 5);
	assert_int_equal(
	    queue_intent_delete(w->q, USER_A, BUCKET, "uploads/" USER_A "/1"),
	    QUEUE_OK);
	assert_int_equal(reserved(w), 0);
}

static void
test_queue_intents_abandoned_come_again_until_forgotten(void **state)
{
	struct world *w = *state;
	struct queue_intent *list;
	size_t n;

	assert_int_equal(announce(w, USER_A, "1", 1, 0, "UP1", -3599),
			 QUEUE_OK);
	assert_int_equal(announce(w, USER_A, "2", 1, 0, "UP2", -3605),
			 QUEUE_OK);
	assert_int_equal(announce(w, USER_B, "3", 1, 0, "UP3", -9000),
			 QUEUE_OK);
	assert_int_equal(announce(w, USER_B, "4", 1, 0, NULL, -9000), QUEUE_OK);
	assert_int_equal(queue_intents_abandoned(w->q, 1, &w->a, &list, &n),
			 QUEUE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].upload_id, "UP3");
	assert_int_equal(queue_intents_abandoned(w->q, 9, &w->a, &list, &n),
			 QUEUE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].upload_id, "UP2");
	/* aborted: forgotten, by whomever; the other waits for an hour */
	assert_int_equal(
	    queue_intent_delete(w->q, NULL, BUCKET, "uploads/" USER_B "/3"),
	    QUEUE_OK);
	assert_int_equal(queue_intents_abandoned(w->q, 9, &w->a, &list, &n),
			 QUEUE_OK);
	assert_int_equal(n, 0);
	assert_sql(w, "1 2 4",
		   "SELECT string_agg(right(key, 1), ' ' ORDER BY"
		   " right(key, 1)) FROM upload_intents");
	sql(w, "UPDATE upload_intents SET expires_at = expires_at -"
	       " interval '61 min' WHERE upload_id = 'UP2'");
	assert_int_equal(queue_intents_abandoned(w->q, 9, &w->a, &list, &n),
			 QUEUE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].upload_id, "UP2");
}

static void
test_queue_load_counts_due_jobs_up_to_a_bound(void **state)
{
	struct world *w = *state;
	struct queue_load load;

	sql(w, "INSERT INTO job_queue (type, run_at) SELECT 'process_video',"
	       " now() + make_interval(secs => 60 * (i / 3))"
	       " FROM generate_series(0, 8) i");
	sql(w, "INSERT INTO job_queue (type, status)"
	       " VALUES ('process_video', 'completed'),"
	       " ('process_video', 'processing')");
	assert_int_equal(queue_load_get(w->q, 10, &load), QUEUE_OK);
	assert_int_equal(load.waiting, 3);
	assert_int_equal(queue_load_get(w->q, 2, &load), QUEUE_OK);
	assert_int_equal(load.waiting, 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_queue_intent_limit_counts_what_is_open),
		TEST_WITH_DB(test_queue_intent_alone_may_pass_the_limit),
		TEST_WITH_DB(test_queue_intent_is_fulfilled_by_its_object),
		TEST_WITH_DB(
		    test_queue_intent_list_has_the_users_open_uploads_in_parts),
		TEST_WITH_DB(test_queue_intent_delete_is_its_owners),
		TEST_WITH_DB(
		    test_queue_intents_abandoned_come_again_until_forgotten),
		TEST_WITH_DB(test_queue_load_counts_due_jobs_up_to_a_bound),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_intents", tests,
					   make_template, drop_template);
}
