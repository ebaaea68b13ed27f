/*
 * The pool and the listener while the database goes and comes back.
 *
 * The server goes by a link to its socket that is removed, its connections
 * ended: what a client sees of a stopped server, without stopping the one the
 * other tests use.
 */
#include "tests/unit/queue_fixture.h"
#include "queue/pg.h"

#include <pthread.h>

struct outage {
	struct world w;
	char dir[64];
	char link[128];
	char socket[256];
	struct queue *q;
};

static void
connect_server(struct outage *o)
{
	assert_int_equal(symlink(o->socket, o->link), 0);
}

static void
disconnect_server(struct outage *o)
{
	assert_int_equal(unlink(o->link), 0);
	sql(&o->w,
	    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	    " WHERE datname = '%s' AND pid <> pg_backend_pid()",
	    o->w.name);
}

static int
setup_outage(void **state)
{
	struct outage *o = calloc(1, sizeof(*o));
	char conninfo[1024];

	world_open(&o->w, template_db);
	snprintf(o->dir, sizeof(o->dir), "/tmp/queue-test.XXXXXX");
	assert_non_null(mkdtemp(o->dir));
	snprintf(o->link, sizeof(o->link), "%s/.s.PGSQL.%s", o->dir,
		 PQport(o->w.admin));
	snprintf(o->socket, sizeof(o->socket), "%s/.s.PGSQL.%s",
		 PQhost(o->w.admin), PQport(o->w.admin));
	snprintf(conninfo, sizeof(conninfo), "%s host=%s", o->w.conninfo,
		 o->dir);
	o->q = queue_open(conninfo, 4, "outage");
	assert_non_null(o->q);
	connect_server(o);
	*state = o;
	return 0;
}

static int
teardown_outage(void **state)
{
	struct outage *o = *state;
	void *w = malloc(sizeof(o->w));

	queue_close(o->q);
	unlink(o->link);
	rmdir(o->dir);
	memcpy(w, &o->w, sizeof(o->w));
	free(o);
	return teardown(&w);
}
#define TEST_OUTAGE(f) \
	cmocka_unit_test_setup_teardown(f, setup_outage, teardown_outage)

/* Until the database answers again. */
static enum queue_error
ping_until_back(struct queue *q)
{
	int64_t deadline = time_mono_us() + 10 * US_PER_S;
	enum queue_error err;

	while ((err = queue_ping(q)) == QUEUE_UNAVAILABLE &&
	       time_mono_us() < deadline)
		usleep(20000);
	return err;
}

static void
test_queue_outage_is_unavailable_fast_and_ends_by_itself(void **state)
{
	struct outage *o = *state;
	int64_t start;

	assert_int_equal(queue_ping(o->q), QUEUE_OK);
	for (int round = 0; round < 2; round++) {
		disconnect_server(o);
		start = time_mono_us();
		for (int i = 0; i < 100; i++)
			assert_int_equal(queue_ping(o->q), QUEUE_UNAVAILABLE);
		assert_true(time_mono_us() - start < 2 * US_PER_S);
		connect_server(o);
		assert_int_equal(ping_until_back(o->q), QUEUE_OK);
	}
}

static void
test_queue_connections_that_broke_while_idle_are_not_noticed(void **state)
{
	struct outage *o = *state;

	assert_int_equal(queue_ping(o->q), QUEUE_OK);
	disconnect_server(o);
	connect_server(o);
	/* the server restarted meanwhile: the first call already succeeds */
	assert_int_equal(queue_ping(o->q), QUEUE_OK);
}

static void
test_queue_open_without_a_database_succeeds(void **state)
{
	struct queue *q = queue_open("host=/nonexistent", 2, "t");

	(void)state;
	assert_non_null(q);
	assert_int_equal(queue_ping(q), QUEUE_UNAVAILABLE);
	queue_close(q);
	queue_close(NULL);
}

static void *
ping_often(void *q)
{
	for (int i = 0; i < 50; i++)
		if (queue_ping(q) != QUEUE_OK)
			return q;
	return NULL;
}

static void
test_queue_pool_never_opens_more_than_its_connections(void **state)
{
	struct outage *o = *state;
	pthread_t t[12];
	void *failed;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, ping_often, o->q),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_true(strtol(sql(&o->w, "SELECT count(*) FROM pg_stat_activity"
				      " WHERE application_name = 'outage'"),
			   NULL, 10) <= 4);
}

static void
test_queue_listener_wakes_on_a_job_and_survives_an_outage(void **state)
{
	struct outage *o = *state;
	static const char *const channels[] = { "job_queue", NULL };
	struct queue_listener *l = queue_listen(o->q, channels);
	int64_t start;
	int got;

	assert_non_null(l);
	assert_int_equal(queue_listener_wait(l, 100), 1); /* connected: look */
	assert_int_equal(queue_listener_wait(l, 20), 0);
	make_video(&o->w, 1);
	start = time_mono_us();
	assert_int_equal(queue_listener_wait(l, 5000), 1);
	assert_true(time_mono_us() - start < US_PER_S);
	assert_int_equal(queue_listener_wait(l, 20), 0);

	disconnect_server(o);
	assert_int_equal(queue_listener_wait(l, 5000), -1);
	assert_int_equal(queue_listener_wait(l, 20), -1);
	connect_server(o);
	start = time_mono_us();
	while ((got = queue_listener_wait(l, 20)) == -1 &&
	       time_mono_us() - start < 10 * US_PER_S)
		;
	assert_int_equal(got, 1);
	make_video(&o->w, 2);
	assert_int_equal(queue_listener_wait(l, 5000), 1);
	queue_listener_close(l);
	queue_listener_close(NULL);
}

static void
test_pg_error_maps_states_by_their_class(void **state)
{
	static const struct {
		const char *sqlstate;
		enum queue_error err;
	} rows[] = {
		{ "RG404", QUEUE_NOT_FOUND },	{ "RG409", QUEUE_CONFLICT },
		{ "RG410", QUEUE_LOST },	{ "08006", QUEUE_UNAVAILABLE },
		{ "57P01", QUEUE_UNAVAILABLE }, { "57014", QUEUE_UNAVAILABLE },
		{ "40P01", QUEUE_UNAVAILABLE }, { "53300", QUEUE_UNAVAILABLE },
		{ "23505", QUEUE_CONFLICT },	{ "42501", QUEUE_INTERNAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(pg_error(rows[i].sqlstate), rows[i].err);
}

static void
test_pg_time_keeps_the_sign_below_a_second(void **state)
{
	struct pg_args args = { 0 };

	(void)state;
	pg_time(&args, -1);
	pg_time(&args, 1700000000000001);
	assert_string_equal(args.value[0], "-0.000001");
	assert_string_equal(args.value[1], "1700000000.000001");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_OUTAGE(
		    test_queue_outage_is_unavailable_fast_and_ends_by_itself),
		TEST_OUTAGE(
		    test_queue_connections_that_broke_while_idle_are_not_noticed),
		cmocka_unit_test(test_queue_open_without_a_database_succeeds),
		TEST_OUTAGE(
		    test_queue_pool_never_opens_more_than_its_connections),
		TEST_OUTAGE(
		    test_queue_listener_wakes_on_a_job_and_survives_an_outage),
		cmocka_unit_test(test_pg_error_maps_states_by_their_class),
		cmocka_unit_test(test_pg_time_keeps_the_sign_below_a_second),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_pg", tests, make_template,
					   drop_template);
}
