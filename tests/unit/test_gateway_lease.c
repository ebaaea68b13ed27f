/*
 * The lease socket's place: too long a path, something else in its way.
 * What it serves is tested over a real gateway (tests/api).
 */
#include "gateway/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

static void
test_lease_start_path_too_long_says_so(void **state)
{
	char path[109], err[512] = "";

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[108] = '\0';
	assert_null(lease_start(NULL, path, err));
	assert_non_null(strstr(err, "107 bytes"));
}

static void
test_lease_start_other_file_in_the_way_is_left_alone(void **state)
{
	char path[] = "/tmp/test-lease-XXXXXX", err[512] = "";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_null(lease_start(NULL, path, err));
	assert_non_null(strstr(err, "File exists"));
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
}

static void
test_lease_start_replaces_the_socket_of_a_killed_gateway(void **state)
{
	char dir[] = "/tmp/test-lease-XXXXXX", path[64], err[512] = "";
	struct lease_server *first, *second;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lease.sock", dir);
	first = lease_start(NULL, path, err);
	assert_non_null(first);
	second = lease_start(NULL, path, err);
	assert_non_null(second);
	lease_stop(second);
	lease_stop(first);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease_start_path_too_long_says_so),
		cmocka_unit_test(
		    test_lease_start_other_file_in_the_way_is_left_alone),
		cmocka_unit_test(
		    test_lease_start_replaces_the_socket_of_a_killed_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
