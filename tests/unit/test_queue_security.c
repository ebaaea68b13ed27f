/*
 * Who sees what: row level security, as the services' login role and with
 * the claims of two users.
 */
#include "tests/unit/queue_fixture.h"

/* The services' role with a user's claims, in one transaction. */
static const char *
as_user(struct world *w, const char *user, const char *query)
{
	PGconn *c = PQconnectdb(w->conninfo);
	PGresult *r;
	char sql_text[1024];

	assert_int_equal(PQstatus(c), CONNECTION_OK);
	snprintf(sql_text, sizeof(sql_text),
		 "BEGIN; SET LOCAL ROLE authenticated; SELECT"
		 " set_config('request.jwt.claims', '{\"sub\":\"%s\"}', true);"
		 "%s",
		 user, query);
	r = PQexec(c, sql_text);
	snprintf(w->text, sizeof(w->text), "%s",
		 PQresultStatus(r) == PGRES_TUPLES_OK
		     ? PQgetvalue(r, 0, 0)
		     : PQresultErrorField(r, PG_DIAG_SQLSTATE));
	PQclear(r);
	PQfinish(c);
	return w->text;
}

/* A completed video of user A with a row in every table. */
static const char *
fill_every_table(struct world *w)
{
	struct queue_clip clip = { .start_time = 1, .end_time = 2 };
	char job[UUID_TEXT_MAX];
	const char *video;

	make_intent(w, USER_A, "uploads/" USER_A "/1.mp4");
	video = make_video(w, 1);
	sql(w, "UPDATE videos SET analysis_status = 'completed';"
	       "INSERT INTO engagement_segments (video_id, start_time,"
	       " end_time) SELECT id, 0, 1 FROM videos;"
	       "INSERT INTO hooks (video_id, timestamp)"
	       " SELECT id, 0 FROM videos");
	assert_int_equal(
	    queue_clips_create(w->q, USER_A, video, &clip, 1, &w->a, job),
	    QUEUE_OK);
	return video;
}

static void
test_queue_rls_other_users_see_no_row_of_any_table(void **state)
{
	static const char *const tables[] = { "upload_intents", "videos",
					      "clips", "engagement_segments",
					      "hooks" };
	struct world *w = *state;
	char query[128];

	fill_every_table(w);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		snprintf(query, sizeof(query), "SELECT count(*) FROM %s",
			 tables[i]);
		assert_string_equal(as_user(w, USER_A, query), "1");
		assert_string_equal(as_user(w, USER_B, query), "0");
		assert_string_equal(as_user(w, "", query), "0");
	}
}

static void
test_queue_rls_services_tables_are_closed_to_users(void **state)
{
	static const char *const tables[] = { "job_queue", "job_queue_v0",
					      "object_events", "relay_cursor",
					      "schema_migrations" };
	struct world *w = *state;
	char query[128];

	fill_every_table(w);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		snprintf(query, sizeof(query), "SELECT count(*) FROM %s",
			 tables[i]);
		assert_string_equal(as_user(w, USER_A, query), "42501");
	}
	assert_string_equal(
	    as_user(w, USER_A, "SELECT job_cancel(gen_random_uuid(), 'x')"),
	    "42501");
}

static void
test_queue_rls_users_write_nothing(void **state)
{
	static const char *const refused[] = {
		"UPDATE videos SET title = 'x'",
		"DELETE FROM clips",
		"INSERT INTO videos (user_id, title, filename, bucket, s3_key,"
		" file_size) VALUES (auth.uid(), '', '', 'b', 'k', 1)",
		"UPDATE upload_intents SET key = 'x'",
		"DELETE FROM upload_intents",
		"INSERT INTO upload_intents (user_id, bucket, key, file_name,"
		" content_type, expires_at) VALUES ('" USER_A "', 'b',"
		" 'uploads/" USER_A "/x', '', '', now())",
		"INSERT INTO upload_intents (user_id, bucket, key, file_name,"
		" content_type, expires_at) VALUES ('" USER_B "', 'b',"
		" 'uploads/" USER_A "/x', '', '', now())",
		/* their own row, but a key in another user's place */
		"INSERT INTO upload_intents (user_id, bucket, key, file_name,"
		" content_type, expires_at) VALUES ('" USER_A "', 'b',"
		" 'uploads/" USER_B "/x', '', '', now())",
	};
	struct world *w = *state;

	fill_every_table(w);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_string_equal(as_user(w, USER_A, refused[i]), "42501");
}

static void
test_queue_rls_is_forced_on_every_table(void **state)
{
	struct world *w = *state;

	assert_sql(w, "schema_migrations",
		   "SELECT string_agg(relname, ' ') FROM pg_class"
		   " WHERE relnamespace = 'public'::regnamespace"
		   " AND relkind = 'r'"
		   " AND NOT (relrowsecurity AND relforcerowsecurity)");
	/* the login role alone, before it takes a role, may do nothing */
	assert_sql(w, "0",
		   "SELECT count(*) FROM pg_class"
		   " WHERE relnamespace = 'public'::regnamespace"
		   " AND relkind IN ('r', 'v')"
		   " AND has_table_privilege('reelgate', oid, 'SELECT')");
}

static void
test_queue_intent_for_a_taken_key_is_a_conflict(void **state)
{
	struct world *w = *state;
	struct queue_intent in = { .bucket = BUCKET,
				   .key = "uploads/" USER_A "/1.mp4",
				   .file_name = "f",
				   .content_type = "video/mp4" };
	char id[UUID_TEXT_MAX];

	assert_int_equal(queue_intent_create(w->q, USER_A, &in, 0, id),
			 QUEUE_OK);
	assert_int_equal(queue_intent_create(w->q, USER_A, &in, 0, id),
			 QUEUE_CONFLICT);
}

static void
test_queue_intent_for_another_users_key_is_refused(void **state)
{
	static const char *const keys[] = { "uploads/" USER_B "/1.mp4",
					    "uploads/" USER_A, "1.mp4", "" };
	struct world *w = *state;
	char id[UUID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct queue_intent in = { .bucket = BUCKET,
					   .key = keys[i],
					   .file_name = "f",
					   .content_type = "video/mp4" };

		assert_int_equal(queue_intent_create(w->q, USER_A, &in, 0, id),
				 QUEUE_INTERNAL);
	}
	assert_sql(w, "0", "SELECT count(*) FROM upload_intents");
}

static void
test_queue_functions_of_another_user_find_nothing(void **state)
{
	struct world *w = *state;
	const char *video = fill_every_table(w);
	struct queue_clip clip = { .start_time = 1, .end_time = 2 }, *clips;
	struct queue_video v, *videos;
	struct queue_intent intent;
	char job[UUID_TEXT_MAX];
	uint64_t total;
	size_t n;

	assert_int_equal(queue_video_get(w->q, USER_B, video, &w->a, &v),
			 QUEUE_NOT_FOUND);
	assert_int_equal(
	    queue_video_list(w->q, USER_B, 0, 10, &w->a, &videos, &n, &total),
	    QUEUE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(total, 0);
	assert_int_equal(queue_clip_list(w->q, USER_B, NULL, 0, 10, &w->a,
					 &clips, &n, &total),
			 QUEUE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(
	    queue_clips_create(w->q, USER_B, video, &clip, 1, &w->a, job),
	    QUEUE_NOT_FOUND);
	assert_int_equal(queue_intent_get(w->q, USER_B, BUCKET,
					  "uploads/" USER_A "/1.mp4", &w->a,
					  &intent),
			 QUEUE_NOT_FOUND);
	assert_int_equal(queue_intent_get(w->q, USER_A, BUCKET,
					  "uploads/" USER_A "/1.mp4", &w->a,
					  &intent),
			 QUEUE_OK);
	assert_string_equal(intent.file_name, "holiday.mp4");
	assert_true(intent.size == 1000);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_rls_other_users_see_no_row_of_any_table),
		TEST_WITH_DB(
		    test_queue_rls_services_tables_are_closed_to_users),
		TEST_WITH_DB(test_queue_rls_users_write_nothing),
		TEST_WITH_DB(test_queue_rls_is_forced_on_every_table),
		TEST_WITH_DB(test_queue_intent_for_a_taken_key_is_a_conflict),
		TEST_WITH_DB(
		    test_queue_intent_for_another_users_key_is_refused),
		TEST_WITH_DB(test_queue_functions_of_another_user_find_nothing),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_security", tests,
					   make_template, drop_template);
}
