/*
 * The engine with types of its own on a real queue: lanes, limits, batches,
 * and everything that ends a run early.
 */
#include "processor/worker.h"
#include "processor/worker_state.h"
#include "tests/unit/queue_fixture.h"

#define WAIT_S 20

static struct job_host host;
static unsigned plan_after_s;
static enum queue_error (*announce)(const struct job_host *host);
static atomic_int ran, at_once, most_at_once, stopped_by;
static _Atomic int64_t stopped_us;
static atomic_bool go_on; /* what blocks may end */

static void
note_begin(void)
{
	int now = atomic_fetch_add(&at_once, 1) + 1;
	int most = atomic_load(&most_at_once);

	while (now > most &&
	       !atomic_compare_exchange_weak(&most_at_once, &most, now))
		;
	atomic_fetch_add(&ran, 1);
}

static int
run_noop(struct job_run *run)
{
	(void)run;
	atomic_fetch_add(&ran, 1);
	return 0;
}

/* Until it may go on, or has to end. */
static int
run_blocks(struct job_run *run)
{
	note_begin();
	run->percent = 40;
	while (!run->stop && !atomic_load(&go_on))
		usleep(1000);
	atomic_fetch_sub(&at_once, 1);
	if (!run->stop)
		return 0;
	atomic_store(&stopped_us, time_mono_us());
	atomic_store(&stopped_by, run->stop);
	return job_fail(run, false, "stopped");
}

static int
run_nonsense(struct job_run *run)
{
	run->outcome.result = "{this is no JSON";
	return 0;
}

static int
run_fails(struct job_run *run)
{
	return job_fail(run, run->job.payload[1] != '}', "it_fails");
}

static int
run_hands_off(struct job_run *run)
{
	(void)run;
	return JOB_HANDED_OFF;
}

/* It has ended in the database; who asked for it hears how. */
static int
run_ends_itself(struct job_run *run)
{
	job_fail(run, false, "not_delivered");
	return JOB_HANDED_OFF;
}

#define LIGHT(name, function, limit, seconds)                              \
	{                                                                  \
		name, JOB_LANE_LIGHT, function, limit, seconds, 1 << 20, 0 \
	}
static const struct job_type types[] = {
	LIGHT("noop", run_noop, 0, 60),
	LIGHT("two", run_blocks, 2, 60),
	LIGHT("blocks", run_blocks, 0, 60),
	LIGHT("short", run_blocks, 0, 1),
	LIGHT("nonsense", run_nonsense, 0, 60),
	LIGHT("fails", run_fails, 0, 60),
	LIGHT("hands_off", run_hands_off, 0, 60),
	LIGHT("ends_itself", run_ends_itself, 0, 60),
	LIGHT("cleanup", run_noop, 1, 60),
};

static struct worker *
start(struct world *w, unsigned threads, unsigned room)
{
	const struct worker_conf conf = {
		.host = &host,
		.types = types,
		.n_types = ARRAY_LEN(types),
		.light_threads = threads,
		.light_room = room,
		.plan_after_s = plan_after_s,
		.announce = announce,
	};
	char err[512];
	struct worker *worker;

	if (host.queue != w->q) /* another engine may be reading it */
		host.queue = w->q;
	atomic_store(&ran, 0);
	atomic_store(&most_at_once, 0);
	atomic_store(&stopped_by, 0);
	atomic_store(&go_on, false);
	worker = worker_start(&conf, err);
	if (!worker)
		fail_msg("%s", err);
	return worker;
}

static void
add(struct world *w, const char *type, unsigned n)
{
	sql(w,
	    "INSERT INTO job_queue (type) SELECT '%s'"
	    " FROM generate_series(1, %u); SELECT pg_notify('job_queue', '%s')",
	    type, n, type);
}

/* Waits until a statement answers that. */
static void PRINTF_LIKE(3, 4)
    wait_sql(struct world *w, const char *expected, const char *fmt, ...)
{
	int64_t until = time_mono_us() + WAIT_S * US_PER_S;
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	while (strcmp(sql(w, "%s", text.p), expected) != 0) {
		if (time_mono_us() > until)
			fail_msg("%s: %s, not %s", text.p, w->text, expected);
		usleep(5000);
	}
	buf_release(&text);
}

static void
wait_for(const atomic_int *what, int value)
{
	int64_t until = time_mono_us() + WAIT_S * US_PER_S;

	while (atomic_load(what) != value) {
		assert_true(time_mono_us() < until);
		usleep(1000);
	}
}

#define COUNT(status) \
	"SELECT count(*) FROM job_queue WHERE status = '" status "'"

static void
test_worker_thousands_of_jobs_each_run_once(void **state)
{
	struct world *w = *state;
	struct worker *worker;

	add(w, "noop", 5000);
	worker = start(w, 4, 1000);
	wait_sql(w, "5000", COUNT("completed") " AND attempts = 1");
	add(w, "noop", 500); /* an idle engine is woken */
	wait_sql(w, "5500", COUNT("completed") " AND attempts = 1");
	assert_int_equal(atomic_load(&ran), 5500);
	assert_true(worker_idle(worker, WAIT_S * 1000));
	worker_free(worker);
	assert_sql(w, "0", "SELECT count(*) FROM workers");
}

static void
test_worker_type_at_its_limit_holds_up_no_other(void **state)
{
	struct world *w = *state;
	struct worker *worker;

	add(w, "two", 40);
	worker = start(w, 8, 100);
	wait_sql(w, "2", COUNT("processing") " AND type = 'two'");
	add(w, "noop", 300);
	wait_sql(w, "300", COUNT("completed") " AND type = 'noop'");
	assert_sql(w, "38", COUNT("pending") " AND type = 'two'");
	atomic_store(&go_on, true);
	wait_sql(w, "40", COUNT("completed") " AND type = 'two'");
	assert_int_equal(atomic_load(&most_at_once), 2);
	worker_free(worker);
}

static void
test_worker_late_run_fails_with_timeout(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);

	add(w, "short", 1);
	wait_sql(w, "1",
		 COUNT("failed") " AND error = 'timeout'"
				 " AND attempts = 1 AND claimable");
	assert_int_equal(atomic_load(&stopped_by), JOB_TIMEOUT);
	worker_free(worker);
}

static void
test_worker_cancelled_run_ends_at_once(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);
	int64_t asked;

	/* a claim may be made before anything is listened to */
	wait_sql(w, "t",
		 "SELECT count(*) > 0 FROM pg_stat_activity"
		 " WHERE datname = current_database()"
		 " AND query LIKE 'LISTEN%%' AND state = 'idle'");
	add(w, "blocks", 1);
	wait_for(&ran, 1);
	asked = time_mono_us();
	sql(w, "SELECT job_cancel(id, 'asked for') FROM job_queue");
	wait_for(&stopped_by, JOB_CANCELLED);
	assert_true(atomic_load(&stopped_us) - asked < 2 * US_PER_S);
	wait_sql(w, "1", COUNT("cancelled"));
	worker_free(worker);
}

static void
test_worker_waiting_job_is_cancelled_at_once(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 1, 10);

	add(w, "blocks", 1);
	wait_for(&ran, 1);
	add(w, "noop", 1);
	wait_sql(w, "2", COUNT("processing"));
	sql(w, "SELECT job_cancel(id, 'asked for') FROM job_queue"
	       " WHERE type = 'noop'");
	wait_sql(w, "1", COUNT("cancelled") " AND type = 'noop'");
	assert_int_equal(atomic_load(&ran), 1);
	atomic_store(&go_on, true);
	wait_sql(w, "1", COUNT("completed") " AND type = 'blocks'");
	worker_free(worker);
}

static void
test_worker_drain_finishes_what_runs_and_gives_back_the_rest(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 1, 10);

	add(w, "blocks", 4);
	wait_for(&ran, 1);
	wait_sql(w, "4", COUNT("processing"));
	worker_drain(worker);
	wait_sql(w, "3", COUNT("pending") " AND attempts = 0");
	assert_false(worker_idle(worker, 50));
	atomic_store(&go_on, true);
	assert_true(worker_idle(worker, WAIT_S * 1000));
	assert_sql(w, "1", COUNT("completed"));
	worker_free(worker);
	assert_sql(w, "3", COUNT("pending"));
	assert_int_equal(atomic_load(&ran), 1);
}

static void
test_worker_stop_gives_back_what_runs(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);

	add(w, "blocks", 2);
	wait_for(&ran, 2);
	worker_stop(worker);
	worker_free(worker);
	assert_int_equal(atomic_load(&stopped_by), JOB_SHUTDOWN);
	assert_sql(w, "2", COUNT("pending") " AND attempts = 0");
}

static void
test_worker_lost_job_is_left_alone(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);

	add(w, "blocks", 1);
	wait_for(&ran, 1);
	sql(w, "INSERT INTO workers (name, lease_until)"
	       " VALUES ('another', now() + interval '1 h');"
	       " UPDATE job_queue SET locked_by = 'another', attempts = 2");
	wait_for(&stopped_by, JOB_LOST);
	assert_true(worker_idle(worker, WAIT_S * 1000));
	assert_sql(w, "another",
		   "SELECT locked_by FROM job_queue"
		   " WHERE status = 'processing'");
	worker_free(worker);
	assert_sql(w, "1", COUNT("processing"));
}

/* One of the keeper's duties, which may wait for the database. */
static enum queue_error
announce_slowly(const struct job_host *h)
{
	(void)h;
	atomic_fetch_add(&ran, 1);
	while (!atomic_load(&go_on))
		usleep(1000);
	return QUEUE_OK;
}

static void
test_worker_keeps_its_lease_while_the_keeper_waits(void **state)
{
	struct world *w = *state;
	struct worker *worker;
	char lease[64];

	announce = announce_slowly;
	worker = start(w, 1, 1);
	announce = NULL;
	wait_for(&ran, 1);
	wait_sql(w, "1", "SELECT count(*) FROM workers");
	snprintf(lease, sizeof(lease), "%s",
		 sql(w, "SELECT lease_until FROM workers"));
	wait_sql(w, "t", "SELECT lease_until > '%s' FROM workers", lease);
	atomic_store(&go_on, true);
	worker_free(worker);
}

static void
test_worker_taken_for_dead_registers_again(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);

	add(w, "noop", 1);
	wait_sql(w, "1", COUNT("completed"));
	sql(w, "DELETE FROM workers");
	add(w, "noop", 1);
	wait_sql(w, "2", COUNT("completed"));
	worker_free(worker);
}

static void
test_worker_claim_without_an_answer_is_given_back(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);

	add(w, "blocks", 1);
	wait_for(&ran, 1);
	sql(w,
	    "INSERT INTO job_queue (type, status, attempts, locked_by)"
	    " VALUES ('noop', 'processing', 1, '%s')",
	    worker->name);
	worker_unsure(worker);
	wait_sql(w, "1",
		 COUNT("completed") " AND type = 'noop'"
				    " AND attempts = 1");
	assert_sql(w, "1", COUNT("processing") " AND type = 'blocks'");
	atomic_store(&go_on, true);
	wait_sql(w, "2", COUNT("completed") " AND attempts = 1");
	worker_free(worker);
}

static void
test_worker_failures_end_as_they_are_judged(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 2, 10);

	add(w, "fails", 1);
	sql(w, "INSERT INTO job_queue (type, payload)"
	       " VALUES ('fails', '{\"for\": \"good\"}')");
	add(w, "nonsense", 1);
	add(w, "noop", 5); /* not refused along with it */
	wait_sql(w, "5", COUNT("completed"));
	wait_sql(w, "1",
		 COUNT("failed") " AND error = 'it_fails' AND"
				 " claimable");
	wait_sql(w, "1",
		 COUNT("failed") " AND error = 'it_fails' AND"
				 " NOT claimable");
	wait_sql(w, "1", COUNT("failed") " AND error = 'result_refused'");
	worker_free(worker);
}

static void
test_worker_job_handed_off_is_forgotten(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 1, 1);

	add(w, "hands_off", 1);
	wait_sql(w, "1", COUNT("processing"));
	sql(w, "INSERT INTO workers (name, lease_until) VALUES"
	       " ('external', now() + interval '1 h');"
	       " UPDATE job_queue SET locked_by = 'external'");
	add(w, "noop", 1); /* there is room again */
	wait_sql(w, "1", COUNT("completed") " AND type = 'noop'");
	worker_free(worker);
	assert_sql(w, "external",
		   "SELECT locked_by FROM job_queue"
		   " WHERE status = 'processing'");
}

static void
test_worker_job_begins_when_its_time_comes(void **state)
{
	struct world *w = *state;
	struct worker *worker;

	sql(w, "INSERT INTO job_queue (type, run_at) VALUES"
	       " ('noop', now() + interval '1500 ms')");
	worker = start(w, 1, 1);
	wait_sql(w, "1", COUNT("completed"));
	assert_sql(w, "t",
		   "SELECT started_at - run_at"
		   " BETWEEN '0' AND interval '3 s' FROM job_queue");
	worker_free(worker);
}

/* The waker's word when it knows more types than it has room for. */
static void
test_worker_looks_for_all_when_told_of_no_type(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 1, 1);
	int64_t begin;

	add(w, "noop", 1);
	wait_sql(w, "1", COUNT("completed"));
	begin = time_mono_us();
	for (int i = 2; i <= 6; i++) {
		char n[16];

		snprintf(n, sizeof(n), "%d", i);
		sql(w, "INSERT INTO job_queue (type) VALUES ('noop');"
		       " SELECT pg_notify('job_queue', '')");
		wait_sql(w, n, COUNT("completed"));
	}
	/* what becomes due is looked for each 5 s */
	assert_true(time_mono_us() - begin < 5 * US_PER_S);
	worker_free(worker);
}

static void
test_worker_progress_is_written_within_seconds(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 1, 1);

	add(w, "blocks", 1);
	wait_sql(w, "1", COUNT("processing") " AND progress = 40");
	worker_free(worker);
}

static void
test_worker_results_wait_for_the_database(void **state)
{
	struct world *w = *state;
	struct worker *worker = start(w, 4, 10);

	log_set_level(LOG_ERROR);
	add(w, "blocks", 4);
	wait_for(&ran, 4);
	server_sql("ALTER DATABASE %s ALLOW_CONNECTIONS false", w->name);
	server_sql(
	    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	    " WHERE datname = '%s' AND usename = 'reelgate'",
	    w->name);
	atomic_store(&go_on, true);
	assert_false(worker_idle(worker, 1500));
	server_sql("ALTER DATABASE %s ALLOW_CONNECTIONS true", w->name);
	wait_sql(w, "4", COUNT("completed") " AND attempts = 1");
	assert_int_equal(atomic_load(&ran), 4);
	add(w, "noop", 3); /* and it goes on */
	wait_sql(w, "7", COUNT("completed"));
	worker_free(worker);
}

static void
test_worker_one_cleanup_a_day_is_planned(void **state)
{
	struct world *w = *state;
	struct worker *first, *second;

	plan_after_s = 1;
	first = start(w, 1, 1);
	second = start(w, 1, 1);
	plan_after_s = 0;
	wait_sql(w, "1",
		 COUNT("completed") " AND type = 'cleanup' AND"
				    " priority = 'low' AND dedupe_key"
				    " LIKE 'cleanup:20__-__-__'");
	sleep(2);
	/* two, should midnight have passed */
	assert_sql(w, "t",
		   "SELECT count(*) = count(DISTINCT dedupe_key) AND"
		   " count(*) <= 2 FROM job_queue");
	worker_free(first);
	worker_free(second);
}

static void
test_worker_on_demand_runs_one_job_of_any_type(void **state)
{
	struct world *w = *state;
	const struct worker_conf conf = {
		.host = &host,
		.types = types,
		.n_types = ARRAY_LEN(types),
		.slots = 1,
		.on_demand = true,
	};
	static const char *const answers[] = { "\"jobType\":\"noop\"",
					       "\"error\":\"it_fails\"",
					       "\"error\":\"not_delivered\"",
					       "{\"hasJob\":false}" };
	char err[512];
	struct worker *worker;

	host.queue = w->q;
	worker = worker_start(&conf, err);
	assert_non_null(worker);
	add(w, "noop", 1);
	sql(w,
	    "INSERT INTO job_queue (type, priority) VALUES ('fails', 'low')");
	sql(w, "INSERT INTO job_queue (type, priority, run_at) VALUES"
	       " ('ends_itself', 'low', now())");
	usleep(300000);
	assert_sql(w, "3", COUNT("pending")); /* nobody asked yet */
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct buf answer = BUF_INIT;

		worker_process_one(worker, &answer);
		assert_true(buf_ok(&answer));
		assert_non_null(strstr(answer.p, answers[i]));
		buf_release(&answer);
	}
	worker_free(worker);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_worker_thousands_of_jobs_each_run_once),
		TEST_WITH_DB(test_worker_type_at_its_limit_holds_up_no_other),
		TEST_WITH_DB(test_worker_late_run_fails_with_timeout),
		TEST_WITH_DB(test_worker_cancelled_run_ends_at_once),
		TEST_WITH_DB(test_worker_waiting_job_is_cancelled_at_once),
		TEST_WITH_DB(
		    test_worker_drain_finishes_what_runs_and_gives_back_the_rest),
		TEST_WITH_DB(test_worker_stop_gives_back_what_runs),
		TEST_WITH_DB(test_worker_lost_job_is_left_alone),
		TEST_WITH_DB(
		    test_worker_keeps_its_lease_while_the_keeper_waits),
		TEST_WITH_DB(test_worker_taken_for_dead_registers_again),
		TEST_WITH_DB(test_worker_claim_without_an_answer_is_given_back),
		TEST_WITH_DB(test_worker_failures_end_as_they_are_judged),
		TEST_WITH_DB(test_worker_job_handed_off_is_forgotten),
		TEST_WITH_DB(test_worker_job_begins_when_its_time_comes),
		TEST_WITH_DB(test_worker_looks_for_all_when_told_of_no_type),
		TEST_WITH_DB(test_worker_progress_is_written_within_seconds),
		TEST_WITH_DB(test_worker_results_wait_for_the_database),
		TEST_WITH_DB(test_worker_one_cleanup_a_day_is_planned),
		TEST_WITH_DB(test_worker_on_demand_runs_one_job_of_any_type),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests(tests, make_template, drop_template);
}
