/*
 * Whole reads and writes, small files.
 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/test-io-XXXXXX";

static const char *
in_dir(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", dir, name);
	return out;
}

static void
test_write_file_replaces_and_leaves_no_temp(void **state)
{
	char path[128], temp[128];
	struct buf b = BUF_INIT;
	struct stat st;

	(void)state;
	in_dir("f", path);
	assert_int_equal(io_write_file(path, SLICE("one"), 0600), 0);
	assert_int_equal(io_write_file(path, SLICE(""), 0600), 0);
	assert_int_equal(io_write_file(path, SLICE("two"), 0640), 0);
	assert_int_equal(io_read_file(path, &b), 0);
	assert_string_equal(b.p, "two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(access(in_dir("f.new", temp), F_OK), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(io_write_file("/nonexistent/f", SLICE("x"), 0600), -1);
	assert_int_equal(errno, ENOENT);
	buf_release(&b);
}

static void
test_read_file_bound_is_exact(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 10000 };
	char path[128], *data = calloc(1, 10001);

	(void)state;
	assert_non_null(data);
	in_dir("f", path);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf fits = BUF_MAX(sizes[i] ? sizes[i] : 1);
		struct buf small = BUF_MAX(sizes[i] ? sizes[i] : 1);

		assert_int_equal(
		    io_write_file(path, slice_mem(data, sizes[i]), 0600), 0);
		assert_int_equal(io_read_file(path, &fits), 0);
		assert_int_equal(fits.n, sizes[i]);
		assert_int_equal(
		    io_write_file(path, slice_mem(data, small.max + 1), 0600),
		    0);
		assert_int_equal(io_read_file(path, &small), -1);
		assert_int_equal(errno, EFBIG);
		buf_release(&fits);
		buf_release(&small);
	}
	free(data);
	assert_int_equal(unlink(path), 0);
}

static void
test_read_file_of_what_is_no_file_fails(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(io_read_file(dir, &b), -1);
	assert_int_equal(io_read_file("/nonexistent", &b), -1);
	assert_int_equal(errno, ENOENT);
	buf_release(&b);
}

static void
test_pread_all_early_end_is_eio(void **state)
{
	char path[128], text[5] = "";
	int fd = open(in_dir("f", path), O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_pwrite_all(fd, "abc", 3, 2), 0);
	assert_int_equal(io_pread_all(fd, text, 5, 0), 0);
	assert_memory_equal(text, "\0\0abc", 5);
	assert_int_equal(io_pread_all(fd, text, 5, 1), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(io_write_all(fd, "xy", 2), 0);
	assert_int_equal(io_pread_all(fd, text, 5, 0), 0);
	assert_memory_equal(text, "xyabc", 5);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void
test_mkdirs_makes_all_levels_once_more_is_fine(void **state)
{
	char path[128], file[128];

	(void)state;
	assert_int_equal(io_mkdirs(in_dir("a/b//c", path), 0700), 0);
	assert_int_equal(io_mkdirs(path, 0700), 0);
	assert_int_equal(access(path, X_OK), 0);
	in_dir("a/file", file);
	assert_int_equal(io_write_file(file, SLICE(""), 0600), 0);
	assert_int_equal(io_mkdirs(file, 0700), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(io_mkdirs(in_dir("a/file/x", path), 0700), -1);
	assert_int_equal(io_mkdirs("", 0700), -1);
	unlink(file);
	rmdir(in_dir("a/b/c", path));
	rmdir(in_dir("a/b", path));
	rmdir(in_dir("a", path));
}

static int
setup(void **state)
{
	(void)state;
	umask(022);
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void
test_io_free_bytes_knows_a_disk_and_nothing_of_no_file(void **state)
{
	int fd = open("/tmp", O_RDONLY);

	(void)state;
	assert_true(fd >= 0);
	assert_true(io_free_bytes(fd) > 0);
	assert_true(io_total_bytes(fd) > io_free_bytes(fd));
	close(fd);
	assert_true(io_free_bytes(-1) == 0);
	assert_true(io_total_bytes(-1) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_file_replaces_and_leaves_no_temp),
		cmocka_unit_test(test_read_file_bound_is_exact),
		cmocka_unit_test(test_read_file_of_what_is_no_file_fails),
		cmocka_unit_test(test_pread_all_early_end_is_eio),
		cmocka_unit_test(
		    test_mkdirs_makes_all_levels_once_more_is_fine),
		cmocka_unit_test(
		    test_io_free_bytes_knows_a_disk_and_nothing_of_no_file),
	};

	return cmocka_run_group_tests_name("base_io", tests, setup, teardown);
}
