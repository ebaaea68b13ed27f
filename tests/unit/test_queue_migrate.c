/*
 * Migrations: once, together, refused when history does not fit; roles.
 */
#include "tests/unit/queue_fixture.h"
#include "queue/schema.h"

#include <pthread.h>

static int
setup_empty(void **state)
{
	struct world *w = malloc(sizeof(*w));

	world_open(w, "template1");
	*state = w;
	return 0;
}
#define TEST_EMPTY(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)

static int
migrate(struct world *w, char err[512])
{
	char conninfo[512];

	conninfo_for(conninfo, w->name, "postgres");
	return queue_migrate(conninfo, "reelgate", err);
}

static void
test_queue_migrate_twice_applies_each_file_once(void **state)
{
	struct world *w = *state;
	char err[512], first[64], count[16];

	assert_int_equal(migrate(w, err), 0);
	snprintf(first, sizeof(first), "%s",
		 sql(w, "SELECT max(applied_at) FROM schema_migrations"));
	snprintf(count, sizeof(count), "%zu", schema_files_n);
	assert_int_equal(migrate(w, err), 0);
	assert_sql(w, first, "SELECT max(applied_at) FROM schema_migrations");
	assert_sql(w, count, "SELECT count(*) FROM schema_migrations");
	assert_int_equal(queue_ping(w->q), QUEUE_OK);
}

static void *
migrate_thread(void *world)
{
	char err[512];

	return migrate(world, err) == 0 ? world : NULL;
}

static void
test_queue_migrate_from_six_programs_at_once_succeeds_in_all(void **state)
{
	struct world *w = *state;
	pthread_t t[6];
	void *ok;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, migrate_thread, w),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], &ok);
		assert_ptr_equal(ok, w);
	}
	assert_int_equal(queue_ping(w->q), QUEUE_OK);
}

struct migrant {
	struct world w;
	pthread_barrier_t *start;
	const char *login;
	char err[512];
};

static void *
migrant_thread(void *arg)
{
	struct migrant *m = arg;
	char conninfo[512];

	conninfo_for(conninfo, m->w.name, "postgres");
	pthread_barrier_wait(m->start);
	return queue_migrate(conninfo, m->login, m->err) == 0 ? m : NULL;
}

/* Roles belong to the server: no lock in one database keeps the others away. */
static void
test_queue_migrate_of_several_databases_makes_one_login(void **state)
{
	static struct migrant m[4];
	pthread_t t[ARRAY_LEN(m)];
	pthread_barrier_t start;
	char login[80];

	(void)state;
	pthread_barrier_init(&start, NULL, ARRAY_LEN(m));
	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		world_open(&m[i].w, template_db);
		m[i].start = &start;
		m[i].login = login;
	}
	for (int round = 0; round < 20; round++) {
		snprintf(login, sizeof(login), "%s_%d", m->w.name, round);
		for (size_t i = 0; i < ARRAY_LEN(m); i++)
			assert_int_equal(
			    pthread_create(&t[i], NULL, migrant_thread, &m[i]),
			    0);
		for (size_t i = 0; i < ARRAY_LEN(m); i++) {
			void *ok;

			pthread_join(t[i], &ok);
			if (!ok)
				fail_msg("%s", m[i].err);
		}
		assert_sql(&m->w, "2",
			   "SELECT count(*) FROM pg_auth_members"
			   " WHERE member = '%s'::regrole",
			   login);
	}
	for (size_t i = 0; i < ARRAY_LEN(m); i++)
		world_close(&m[i].w);
	pthread_barrier_destroy(&start);
}

static void
test_queue_migrate_changed_file_is_refused(void **state)
{
	struct world *w = *state;
	char err[512];

	sql(w, "UPDATE schema_migrations SET sha256 = 'x' WHERE number = 2");
	assert_int_equal(migrate(w, err), -1);
	assert_non_null(strstr(err, "002_tables.sql was changed"));
}

static void
test_queue_migrate_newer_database_is_refused(void **state)
{
	struct world *w = *state;
	char err[512];

	sql(w, "INSERT INTO schema_migrations VALUES (999, 'later', 'x')");
	assert_int_equal(migrate(w, err), -1);
	assert_non_null(strstr(err, "use a newer program"));
	assert_int_equal(queue_ping(w->q), QUEUE_CONFLICT);
}

static void
test_queue_migrate_failed_file_leaves_nothing_behind(void **state)
{
	struct world *w = *state;
	char err[512];

	/* 002 meets a table that is in its way */
	sql(w, "CREATE TABLE hooks (mine int)");
	assert_int_equal(migrate(w, err), -1);
	assert_non_null(strstr(err, "002_tables.sql failed"));
	assert_sql(w, "1", "SELECT count(*) FROM schema_migrations");
	assert_sql(w, "", "SELECT to_regclass('videos')");
	sql(w, "DROP TABLE hooks");
	assert_int_equal(migrate(w, err), 0);
}

static void
test_queue_migrate_existing_auth_uid_is_kept(void **state)
{
	struct world *w = *state;
	char err[512];

	sql(w, "CREATE SCHEMA auth; CREATE FUNCTION auth.uid() RETURNS uuid"
	       " LANGUAGE sql AS 'SELECT NULL::uuid'");
	assert_int_equal(migrate(w, err), 0);
	assert_sql(w, "SELECT NULL::uuid",
		   "SELECT prosrc FROM pg_proc WHERE proname = 'uid'");
}

static void
test_queue_migrate_login_role_inherits_nothing(void **state)
{
	struct world *w = *state;

	assert_sql(w, "f",
		   "SELECT rolinherit OR rolsuper OR rolbypassrls"
		   " FROM pg_roles WHERE rolname = 'reelgate'");
	assert_sql(w, "f",
		   "SELECT has_table_privilege('reelgate', 'videos',"
		   " 'SELECT')");
}

static void
test_queue_migrate_as_owner_without_superuser_serves_its_owner(void **state)
{
	struct world *w = *state;
	char conninfo[512], err[512];
	struct queue_event e = created(1, "e1", "uploads/a.mp4");

	sql(w, "CREATE ROLE %s LOGIN CREATEROLE", w->name);
	sql(w, "ALTER DATABASE %s OWNER TO %s", w->name, w->name);
	conninfo_for(conninfo, w->name, w->name);
	if (queue_migrate(conninfo, NULL, err) != 0)
		fail_msg("%s", err);
	queue_close(w->q);
	w->q = queue_open(conninfo, 2, "owner");
	assert_int_equal(queue_ping(w->q), QUEUE_OK);
	assert_int_equal(relay(w, &e, 1), QUEUE_OK);
	assert_sql(w, "1", "SELECT count(*) FROM videos");
}

static void
test_queue_migrate_bad_conninfo_tells_nothing_of_it(void **state)
{
	char err[512];

	(void)state;
	assert_int_equal(queue_migrate("host=x hunter2", NULL, err), -1);
	assert_null(strstr(err, "hunter2"));
	assert_int_equal(
	    queue_migrate("postgres://u:hunter2@/db?bad", NULL, err), -1);
	assert_null(strstr(err, "hunter2"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_EMPTY(test_queue_migrate_twice_applies_each_file_once),
		TEST_EMPTY(
		    test_queue_migrate_from_six_programs_at_once_succeeds_in_all),
		cmocka_unit_test(
		    test_queue_migrate_of_several_databases_makes_one_login),
		TEST_WITH_DB(test_queue_migrate_changed_file_is_refused),
		TEST_WITH_DB(test_queue_migrate_newer_database_is_refused),
		TEST_EMPTY(
		    test_queue_migrate_failed_file_leaves_nothing_behind),
		TEST_EMPTY(test_queue_migrate_existing_auth_uid_is_kept),
		TEST_WITH_DB(test_queue_migrate_login_role_inherits_nothing),
		TEST_EMPTY(
		    test_queue_migrate_as_owner_without_superuser_serves_its_owner),
		cmocka_unit_test(
		    test_queue_migrate_bad_conninfo_tells_nothing_of_it),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_migrate", tests,
					   make_template, drop_template);
}
