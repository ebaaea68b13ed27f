/*
 * The lock of the work directory: who gets it, and who waits for it.
 */
#include "processor/workdir.h"
#include "base/timeval.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
	char dir[64];
	char left[80]; /* a file of an earlier processor */
	char err[512];
	pid_t holder;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	*state = p;
	snprintf(p->dir, sizeof(p->dir), "/tmp/reelgate-work-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->left, sizeof(p->left), "%s/left", p->dir);
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	if (p->holder > 0) {
		kill(p->holder, SIGKILL);
		waitpid(p->holder, NULL, 0);
	}
	workdir_remove(p->dir);
	free(p);
	return 0;
}

/* What a processor leaves that is killed between fork() and exec(): a file,
 * and a child that has the lock, here for so long. */
static void
leave_behind(struct place *p, unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
				    .tv_nsec = (long)(ms % 1000) * 1000000 };
	int lock = workdir_open(p->dir, p->err);

	assert_true(lock >= 0);
	assert_return_code(close(creat(p->left, 0600)), 0);
	p->holder = fork();
	assert_true(p->holder >= 0);
	if (p->holder == 0) {
		nanosleep(&t, NULL);
		_exit(0);
	}
	close(lock);
}

static void
test_open_waits_for_a_child_that_is_ending(void **state)
{
	struct place *p = *state;
	int64_t began = time_mono_us();
	int lock;

	leave_behind(p, 300);
	lock = workdir_open(p->dir, p->err);
	if (lock < 0)
		fail_msg("%s", p->err);
	assert_true(time_mono_us() - began >= 300000);
	assert_int_equal(access(p->left, F_OK), -1);
	close(lock);
}

static void
test_open_refuses_a_directory_that_stays_locked(void **state)
{
	struct place *p = *state;
	int64_t began = time_mono_us();

	leave_behind(p, 60000);
	assert_int_equal(workdir_open(p->dir, p->err), -1);
	assert_non_null(strstr(p->err, "another processor works in"));
	assert_non_null(strstr(p->err, p->dir));
	assert_true(time_mono_us() - began >= 2 * US_PER_S);
	assert_int_equal(access(p->left, F_OK), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_open_waits_for_a_child_that_is_ending, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_open_refuses_a_directory_that_stays_locked, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
