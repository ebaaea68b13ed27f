/*
 * Sockets between our own programs: their place, their peers, their end.
 */
#include "base/unix_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[32], path[64], err[512];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-unix-XXXXXX");
	err[0] = '\0';
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a.sock", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
echo(void *ctx, int fd, int stop)
{
	char c;

	(void)ctx;
	(void)stop;
	if (recv(fd, &c, 1, 0) == 1)
		send(fd, &c, 1, MSG_NOSIGNAL);
	close(fd);
}

static void
wait_for_stop(void *ctx, int fd, int stop)
{
	struct pollfd p = { .fd = stop, .events = POLLIN };

	(void)ctx;
	send(fd, "w", 1, MSG_NOSIGNAL);
	poll(&p, 1, 60000);
	close(fd);
}

static void
test_unix_server_start_path_too_long_says_so(void **state)
{
	char deep[109];

	(void)state;
	memset(deep, 'p', sizeof(deep));
	deep[0] = '/';
	deep[108] = '\0';
	assert_null(unix_server_start(deep, "test", echo, NULL, err));
	assert_non_null(strstr(err, "107 bytes"));
	assert_int_equal(unix_connect(deep, 1), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void
test_unix_server_start_other_file_in_the_way_is_left_alone(void **state)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_null(unix_server_start(path, "test", echo, NULL, err));
	assert_non_null(strstr(err, "File exists"));
	assert_int_equal(access(path, F_OK), 0);
}

static void
test_unix_server_start_replaces_the_socket_of_a_killed_process(void **state)
{
	struct unix_server *first, *second;

	(void)state;
	first = unix_server_start(path, "test", echo, NULL, err);
	assert_non_null(first);
	second = unix_server_start(path, "test", echo, NULL, err);
	assert_non_null(second);
	unix_server_stop(second);
	unix_server_stop(first);
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_unix_server_serves_peers_one_after_another(void **state)
{
	struct unix_server *s;
	struct stat st;

	(void)state;
	s = unix_server_start(path, "test", echo, NULL, err);
	assert_non_null(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (char c = 'a'; c < 'd'; c++) {
		int fd = unix_connect(path, 10);
		char back = 0;

		assert_true(fd >= 0);
		assert_int_equal(send(fd, &c, 1, MSG_NOSIGNAL), 1);
		assert_int_equal(recv(fd, &back, 1, 0), 1);
		assert_int_equal(back, c);
		close(fd);
	}
	unix_server_stop(s);
	assert_int_equal(unix_connect(path, 10), -1);
}

static void
test_unix_server_stop_wakes_a_waiting_peer_function(void **state)
{
	struct unix_server *s;
	char c;
	int fd;

	(void)state;
	s = unix_server_start(path, "test", wait_for_stop, NULL, err);
	assert_non_null(s);
	fd = unix_connect(path, 10);
	assert_true(fd >= 0);
	assert_int_equal(recv(fd, &c, 1, 0), 1); /* it waits now */
	unix_server_stop(s);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
}

static void
test_unix_connect_gives_up_on_a_silent_server(void **state)
{
	struct unix_server *s;
	char c[2];
	int fd;

	(void)state;
	s = unix_server_start(path, "test", wait_for_stop, NULL, err);
	assert_non_null(s);
	fd = unix_connect(path, 1);
	assert_true(fd >= 0);
	assert_int_equal(recv(fd, c, 2, MSG_WAITALL), 1);
	unix_server_stop(s);
	close(fd);
}

static int patience_ms = 5000;

/* Answers a line with the same line. */
static void
echo_line(void *ctx, int fd, int stop)
{
	struct buf line = BUF_MAX(64);

	unix_set_timeout(fd, 5);
	if (unix_read_line(fd, stop, *(int *)ctx, &line) == 0) {
		buf_putc(&line, '\n');
		assert_int_equal(unix_send(fd, buf_slice(&line)), 0);
	}
	buf_release(&line);
	close(fd);
}

static void
test_unix_ask_carries_a_line_each_way(void **state)
{
	struct buf answer = BUF_INIT;
	struct unix_server *s;

	(void)state;
	assert_int_equal(unix_ask(path, SLICE("nobody\n"), 5, &answer), -1);
	assert_int_equal(errno, ENOENT);
	s = unix_server_start(path, "test", echo_line, &patience_ms, err);
	assert_non_null(s);
	assert_int_equal(unix_ask(path, SLICE("a line\n"), 5, &answer), 0);
	assert_string_equal(answer.p, "a line");
	buf_clear(&answer);
	assert_int_equal(unix_ask(path, SLICE("\n"), 5, &answer), 0);
	assert_int_equal(answer.n, 0);
	buf_release(&answer);
	unix_server_stop(s);
}

static void
test_unix_read_line_refuses_long_late_and_unended_lines(void **state)
{
	struct buf answer = BUF_INIT;
	struct unix_server *s;
	char text[64];
	int fd, late_ms = 200;

	(void)state;
	s = unix_server_start(path, "test", echo_line, &late_ms, err);
	assert_non_null(s);
	assert_int_equal(unix_ask(path, SLICE("late"), 5, &answer), -1);
	assert_int_equal(errno, ECONNRESET);
	unix_server_stop(s);
	s = unix_server_start(path, "test", echo_line, &patience_ms, err);
	assert_non_null(s);
	memset(text, 'x', sizeof(text)); /* the bound, and no newline in it */
	assert_int_equal(
	    unix_ask(path, slice_mem(text, sizeof(text)), 5, &answer), -1);
	assert_int_equal(errno, ECONNRESET);
	fd = unix_connect(path, 5);
	assert_int_equal(unix_send(fd, SLICE("two pie")), 0);
	usleep(20000);
	assert_int_equal(unix_send(fd, SLICE("ces\n")), 0);
	assert_int_equal(unix_read_line(fd, -1, 5000, &answer), 0);
	assert_string_equal(answer.p, "two pieces");
	close(fd);
	buf_release(&answer);
	unix_server_stop(s);
}

static void
test_unix_send_fd_passes_a_descriptor_with_the_line(void **state)
{
	struct buf line = BUF_MAX(64);
	int pair[2], pipe_ends[2], got;
	char ch = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(unix_send_fd(pair[0], SLICE("take\n"), pipe_ends[1]),
			 0);
	assert_int_equal(unix_read_line_fd(pair[1], -1, 5000, &line, &got), 0);
	assert_string_equal(line.p, "take");
	assert_true(got >= 0);
	assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(pipe_ends[0], &ch, 1), 1);
	close(got);
	/* without one, and one that nobody asked for */
	buf_clear(&line);
	assert_int_equal(unix_send(pair[0], SLICE("none\n")), 0);
	assert_int_equal(unix_read_line_fd(pair[1], -1, 5000, &line, &got), 0);
	assert_int_equal(got, -1);
	buf_clear(&line);
	assert_int_equal(unix_send_fd(pair[0], SLICE("more\n"), pipe_ends[1]),
			 0);
	assert_int_equal(unix_read_line(pair[1], -1, 5000, &line), 0);
	assert_string_equal(line.p, "more");
	buf_release(&line);
	for (size_t i = 0; i < 2; i++) {
		close(pair[i]);
		close(pipe_ends[i]);
	}
}

/* Both in one message, as no peer of ours does. */
static void
send_two_fds(int fd, const int passed[2])
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	char text[] = "two\n";
	struct iovec iov = { text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), passed, 2 * sizeof(int));
	assert_int_equal(sendmsg(fd, &msg, 0), 4);
}

static void
test_unix_read_line_fd_takes_one_descriptor_and_leaves_no_other(void **state)
{
	struct buf line = BUF_MAX(64);
	int pair[2], first[2], second[2], got;
	char ch;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(first), 0);
	assert_int_equal(pipe2(second, O_NONBLOCK), 0);
	send_two_fds(pair[0], (int[]){ first[1], second[1] });
	close(first[1]);
	close(second[1]);
	assert_int_equal(unix_read_line_fd(pair[1], -1, 5000, &line, &got), 0);
	assert_string_equal(line.p, "two");
	/* the end of the second pipe is nobody's any more */
	assert_int_equal(read(second[0], &ch, 1), 0);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(first[0], &ch, 1), 1);
	close(got);
	assert_int_equal(read(first[0], &ch, 1), 0);
	buf_release(&line);
	close(first[0]);
	close(second[0]);
	close(pair[0]);
	close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unix_server_start_path_too_long_says_so),
		TEST(
		    test_unix_server_start_other_file_in_the_way_is_left_alone),
		TEST(
		    test_unix_server_start_replaces_the_socket_of_a_killed_process),
		TEST(test_unix_server_serves_peers_one_after_another),
		TEST(test_unix_server_stop_wakes_a_waiting_peer_function),
		TEST(test_unix_connect_gives_up_on_a_silent_server),
		TEST(test_unix_ask_carries_a_line_each_way),
		TEST(test_unix_read_line_refuses_long_late_and_unended_lines),
		TEST(test_unix_send_fd_passes_a_descriptor_with_the_line),
		TEST(
		    test_unix_read_line_fd_takes_one_descriptor_and_leaves_no_other),
	};

	return cmocka_run_group_tests_name("base_unix_socket", tests, NULL,
					   NULL);
}
