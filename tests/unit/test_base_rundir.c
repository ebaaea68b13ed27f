/*
 * DATA/run: where it is, whose it may be, what is read there.
 */
#include "base/rundir.h"
#include "base/hash.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char data[64];
static char run[80];
static char endpoints[96];

static int
setup(void **state)
{
	(void)state;
	return hash_setup();
}

static int
make_data(void **state)
{
	(void)state;
	snprintf(data, sizeof(data), "/tmp/test-rundir-XXXXXX");
	if (!mkdtemp(data))
		return -1;
	snprintf(run, sizeof(run), "%s/run", data);
	snprintf(endpoints, sizeof(endpoints), "%s/endpoints", run);
	return 0;
}

static int
remove_data(void **state)
{
	(void)state;
	unlink(endpoints);
	if (unlink(run) != 0)
		rmdir(run);
	return rmdir(data);
}

static void
test_rundir_path_fits_a_socket_address(void **state)
{
	char deep[200], path[4096], other[4096];

	(void)state;
	rundir_path("/d", "lease.sock", path, sizeof(path));
	assert_string_equal(path, "/d/run/lease.sock");
	for (size_t n = 80; n < sizeof(deep); n++) {
		memset(deep, 'x', n);
		deep[0] = '/';
		deep[n] = '\0';
		rundir_path(deep, ".s.PGSQL.5432", path, sizeof(path));
		assert_true(strlen(path) <= 107);
	}
	/* Another directory, another place. */
	deep[150] = 'y';
	rundir_path(deep, ".s.PGSQL.5432", other, sizeof(other));
	assert_string_not_equal(path, other);
}

static void
test_rundir_make_makes_a_private_folder_and_takes_it_again(void **state)
{
	char err[512];
	struct stat st;

	(void)state;
	assert_int_equal(rundir_make(data, err), 0);
	assert_int_equal(rundir_make(data, err), 0);
	assert_int_equal(lstat(run, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07, 0);
}

static void
test_rundir_make_refuses_a_link(void **state)
{
	char err[512] = "";

	(void)state;
	assert_int_equal(symlink("/tmp", run), 0);
	assert_int_equal(rundir_make(data, err), -1);
	assert_non_null(strstr(err, run));
}

static void
test_rundir_endpoint_reads_the_line_of_its_name(void **state)
{
	char out[32], err[512];

	(void)state;
	assert_int_equal(rundir_make(data, err), 0);
	assert_int_equal(rundir_endpoint(data, "API_ENDPOINT", out, 32), -1);
	assert_int_equal(
	    io_write_file(
		endpoints,
		SLICE("S3_ENDPOINT=http://a:1\nAPI_ENDPOINT=http://b:2\n"
		      "LONG=0123456789012345678901234567890123\n"),
		0600),
	    0);
	assert_int_equal(rundir_endpoint(data, "API_ENDPOINT", out, 32), 0);
	assert_string_equal(out, "http://b:2");
	assert_int_equal(rundir_endpoint(data, "API", out, 32), -1);
	assert_int_equal(rundir_endpoint(data, "LONG", out, 32), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rundir_path_fits_a_socket_address),
		cmocka_unit_test_setup_teardown(
		    test_rundir_make_makes_a_private_folder_and_takes_it_again,
		    make_data, remove_data),
		cmocka_unit_test_setup_teardown(test_rundir_make_refuses_a_link,
						make_data, remove_data),
		cmocka_unit_test_setup_teardown(
		    test_rundir_endpoint_reads_the_line_of_its_name, make_data,
		    remove_data),
	};

	return cmocka_run_group_tests_name("base_rundir", tests, setup, NULL);
}
