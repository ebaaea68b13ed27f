/* A stream's file has the bytes of the stream, whatever their number, their
 * pieces, and what the file system makes of O_DIRECT; a write that fails is
 * told; streams are bounded and given back. */
#include "store/local/stream.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define BUFFER ((size_t)STREAM_BUFFER_BYTES)
#define BYTES_MAX (7 * BUFFER)

static char *bytes;

/* ---- the disk ------------------------------------------------------------ */

/* Of this many calls with O_DIRECT one fails, or writes half: 0 none. */
static atomic_int fails_at, direct_writes;
static int fails_with; /* errno; 0: an odd part is written */

ssize_t test_pwrite(int fd, const void *p, size_t n,
		    off_t at) __asm__("pwrite");

ssize_t
test_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (fcntl(fd, F_GETFL) & O_DIRECT) {
		assert_int_equal((uintptr_t)p % 4096 + n % 4096, 0);
		assert_int_equal(at % 4096, 0);
		if (++direct_writes == fails_at && fails_with) {
			errno = fails_with;
			return -1;
		}
		if (direct_writes == fails_at)
			n = n / 2;
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

static int
new_file(void)
{
	char name[] = "/tmp/reelgate-stream-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	return fd;
}

static int
setup(void **state)
{
	uint32_t x = 4711;

	(void)state;
	bytes = malloc(BYTES_MAX);
	for (size_t i = 0; bytes && i < BYTES_MAX; i++)
		bytes[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
	return bytes ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(bytes);
	return 0;
}

static void
well(int at, int error)
{
	fails_at = at;
	fails_with = error;
	direct_writes = 0;
}

static int
write_stream(int fd, size_t n, size_t piece)
{
	struct blob_stream *s = blob_stream_open(fd);

	assert_non_null(s);
	for (size_t at = 0; at < n; at += piece)
		if (blob_stream_add(s, bytes + at,
				    n - at < piece ? n - at : piece) != 0) {
			int error = errno;

			blob_stream_drop(s);
			errno = error;
			return -1;
		}
	return blob_stream_end(s);
}

static void
expect_bytes(int fd, size_t n)
{
	char *got = malloc(n + 1);
	struct stat st;

	assert_non_null(got);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, n);
	assert_int_equal(fcntl(fd, F_GETFL) & O_DIRECT, 0);
	assert_int_equal(io_pread_all(fd, got, n, 0), 0);
	assert_memory_equal(got, bytes, n);
	free(got);
}

/* ---- tests --------------------------------------------------------------- */

static void
test_blob_stream_any_size_and_pieces_is_in_the_file(void **state)
{
	static const size_t sizes[] = {
		0,
		1,
		4095,
		4096,
		4097,
		BUFFER - 1,
		BUFFER,
		BUFFER + 1,
		4 * BUFFER,
		BYTES_MAX,
		BYTES_MAX - 4095,
	};
	static const size_t pieces[] = { 16301, 4096, BUFFER + 7, BYTES_MAX };

	(void)state;
	well(0, 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			int fd = new_file();

			well(0, 0);
			assert_int_equal(write_stream(fd, sizes[i], pieces[k]),
					 0);
			assert_int_equal(direct_writes, sizes[i] / BUFFER);
			expect_bytes(fd, sizes[i]);
			close(fd);
		}
}

static void
test_blob_stream_disk_of_other_alignment_is_written_buffered(void **state)
{
	(void)state;
	for (int at = 1; at <= 5; at += 2) {
		int fd = new_file();

		well(at, EINVAL);
		assert_int_equal(write_stream(fd, BYTES_MAX - 9, 16384), 0);
		assert_int_equal(direct_writes, at);
		expect_bytes(fd, BYTES_MAX - 9);
		close(fd);
	}
}

static void
test_blob_stream_short_write_goes_on(void **state)
{
	int fd = new_file();

	(void)state;
	well(2, 0);
	assert_int_equal(write_stream(fd, BYTES_MAX - 9, 16384), 0);
	assert_int_equal(direct_writes, BYTES_MAX / BUFFER - 1 + 1);
	expect_bytes(fd, BYTES_MAX - 9);
	close(fd);
}

static void
test_blob_stream_failed_write_is_told(void **state)
{
	static const int errors[] = { EIO, ENOSPC };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		for (int at = 1; at <= 7; at += 3) {
			int fd = new_file();

			well(at, errors[i]);
			errno = 0;
			assert_int_equal(write_stream(fd, BYTES_MAX, 16384),
					 -1);
			assert_int_equal(errno, errors[i]);
			assert_int_equal(direct_writes, at);
			close(fd);
		}
}

static void
test_blob_stream_without_o_direct_there_is_none(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_null(blob_stream_open(fd[0]));
	assert_int_equal(fcntl(fd[0], F_GETFL), O_RDWR);
	close(fd[0]);
	close(fd[1]);
}

static void
test_blob_stream_streams_are_bounded_and_given_back(void **state)
{
	struct blob_stream *s[STREAMS_MAX];
	int fd = new_file();

	(void)state;
	well(0, 0);
	for (int round = 0; round < 3; round++) {
		int last = new_file();

		for (size_t i = 0; i < STREAMS_MAX; i++) {
			s[i] = blob_stream_open(fd);
			assert_non_null(s[i]);
			assert_int_equal(blob_stream_add(s[i], bytes, i), 0);
		}
		assert_null(blob_stream_open(last));
		assert_int_equal(fcntl(last, F_GETFL) & O_DIRECT, 0);
		assert_int_equal(blob_stream_end(s[0]), 0);
		for (size_t i = 1; i < STREAMS_MAX; i++)
			blob_stream_drop(s[i]);
		close(last);
	}
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_blob_stream_any_size_and_pieces_is_in_the_file),
		cmocka_unit_test(
		    test_blob_stream_disk_of_other_alignment_is_written_buffered),
		cmocka_unit_test(test_blob_stream_short_write_goes_on),
		cmocka_unit_test(test_blob_stream_failed_write_is_told),
		cmocka_unit_test(
		    test_blob_stream_without_o_direct_there_is_none),
		cmocka_unit_test(
		    test_blob_stream_streams_are_bounded_and_given_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
