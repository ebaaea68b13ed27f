/*
 * The supervisor, on real children.
 */
#include "tools/supervise.h"
#include "base/io.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static pid_t last;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-supervise-XXXXXX");
	last = 0;
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/child.log", dir);
	unlink(path);
	return rmdir(dir);
}

static void
sleep_for_ever(void *ctx)
{
	(void)ctx;
	dprintf(2, "hello\n");
	for (;;)
		pause();
}

static void
end_with_config_error(void *ctx)
{
	(void)ctx;
	dprintf(2, "reelgate-child: the port is in use\n");
	_exit(EX_CONFIG);
}

static void
end_at_once(void *ctx)
{
	(void)ctx;
	dprintf(2, "again\n");
	_exit(3);
}

static void
ignore_sigterm(void *ctx)
{
	signal(SIGTERM, SIG_IGN);
	sleep_for_ever(ctx);
}

static struct service
service(void (*exec)(void *))
{
	return (struct service){ "child", exec, NULL, SIGTERM, SIGKILL, 300 };
}

static struct supervisor *
start(const struct service *s)
{
	struct supervisor *v = supervisor_new(dir);

	assert_non_null(v);
	assert_int_equal(supervisor_start(v, s), 0);
	return v;
}

/* The log holds what the child says once it runs. */
static bool
has_said_hello(void *ctx)
{
	struct buf text = BUF_INIT;
	char path[128];
	bool said;

	(void)ctx;
	snprintf(path, sizeof(path), "%s/child.log", dir);
	said = io_read_file(path, &text) == 0 &&
	       slice_starts(buf_slice(&text), SLICE("hello\n"));
	buf_release(&text);
	return said;
}

static bool
runs_anew(void *ctx)
{
	pid_t now = supervisor_pid(ctx, "child");

	return now && now != last;
}

static void
test_supervisor_run_restarts_what_dies_after_ready(void **state)
{
	const struct service s = service(sleep_for_ever);
	struct supervisor *v = start(&s);

	(void)state;
	assert_int_equal(supervisor_run(v, has_said_hello, NULL, 5000),
			 SUPERVISE_DONE);
	supervisor_settle(v);
	last = supervisor_pid(v, "child");
	assert_int_equal(kill(last, SIGKILL), 0);
	assert_int_equal(supervisor_run(v, runs_anew, v, 5000), SUPERVISE_DONE);
	supervisor_free(v);
}

static void
test_supervisor_run_waits_longer_each_time(void **state)
{
	const struct service s = service(end_at_once);
	struct supervisor *v = supervisor_new(dir);
	struct buf text = BUF_INIT;
	char path[128];

	(void)state;
	supervisor_settle(v);
	assert_int_equal(supervisor_start(v, &s), 0);
	/* 0.2 + 0.4 + 0.8 s: the fourth start is within 2 s, no fifth. */
	assert_int_equal(supervisor_run(v, NULL, NULL, 2000),
			 SUPERVISE_TIMEOUT);
	snprintf(path, sizeof(path), "%s/child.log", dir);
	assert_int_equal(io_read_file(path, &text), 0);
	assert_in_range(text.n, 3 * strlen("again\n"), 4 * strlen("again\n"));
	buf_release(&text);
	supervisor_free(v);
}

static void
test_supervisor_run_configuration_error_ends_everything(void **state)
{
	const struct service s = service(end_with_config_error);
	struct supervisor *v = start(&s);

	(void)state;
	supervisor_settle(v);
	assert_int_equal(supervisor_run(v, NULL, NULL, 5000), SUPERVISE_FAILED);
	assert_int_equal(supervisor_status(v), EX_CONFIG);
	supervisor_free(v);
}

static void
test_supervisor_run_death_before_ready_is_a_failed_start(void **state)
{
	const struct service s = service(end_at_once);
	struct supervisor *v = start(&s);

	(void)state;
	assert_int_equal(supervisor_run(v, NULL, NULL, 5000), SUPERVISE_FAILED);
	supervisor_free(v);
}

static void
test_supervisor_run_stops_on_a_signal(void **state)
{
	const struct service s = service(sleep_for_ever);
	struct supervisor *v = start(&s);

	(void)state;
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(supervisor_run(v, NULL, NULL, 5000), SUPERVISE_STOP);
	supervisor_free(v);
}

static void
test_supervisor_stop_kills_what_does_not_end(void **state)
{
	const struct service s = service(ignore_sigterm);
	struct supervisor *v = start(&s);
	pid_t pid = supervisor_pid(v, "child");

	(void)state;
	assert_int_equal(supervisor_run(v, has_said_hello, NULL, 5000),
			 SUPERVISE_DONE);
	supervisor_stop(v);
	assert_int_equal(kill(pid, 0), -1);
	supervisor_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_supervisor_run_restarts_what_dies_after_ready, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_supervisor_run_waits_longer_each_time, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_supervisor_run_configuration_error_ends_everything,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_supervisor_run_death_before_ready_is_a_failed_start,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_supervisor_run_stops_on_a_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_supervisor_stop_kills_what_does_not_end, setup,
		    teardown),
	};

	return cmocka_run_group_tests_name("tools_supervise", tests, NULL,
					   NULL);
}
