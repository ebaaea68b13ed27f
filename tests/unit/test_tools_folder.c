/*
 * Whole folders. Only root can give: tests/e2e sees `reelgate up` do it.
 */
#include "tools/folder.h"
#include "base/io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[32], path[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-folder-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void
test_is_empty_of_an_empty_folder_or_a_fresh_file_system_is_true(void **state)
{
	(void)state;
	assert_int_equal(folder_is_empty(dir), 1);
	snprintf(path, sizeof(path), "%s/lost+found", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(folder_is_empty(dir), 1);
	assert_int_equal(rmdir(path), 0);
}

static void
test_is_empty_of_a_folder_with_a_hidden_file_is_false(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/.f", dir);
	assert_int_equal(io_write_file(path, SLICE(""), 0600), 0);
	assert_int_equal(folder_is_empty(dir), 0);
	assert_int_equal(folder_is_empty(path), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(unlink(path), 0);
}

static void
test_give_of_ones_own_changes_nothing_and_of_nothing_fails(void **state)
{
	(void)state;
	assert_int_equal(folder_give(dir, geteuid(), getegid()), 0);
	snprintf(path, sizeof(path), "%s/absent", dir);
	assert_int_equal(folder_give(path, geteuid(), getegid()), -1);
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_is_empty_of_an_empty_folder_or_a_fresh_file_system_is_true),
		cmocka_unit_test(
		    test_is_empty_of_a_folder_with_a_hidden_file_is_false),
		cmocka_unit_test(
		    test_give_of_ones_own_changes_nothing_and_of_nothing_fails),
	};

	return cmocka_run_group_tests_name("tools_folder", tests, setup,
					   teardown);
}
