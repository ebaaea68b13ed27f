/*
 * The asking end of a lease, against a gateway that answers by script.
 */
#include "base/io.h"
#include "base/log.h"
#include "processor/input.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define EXTENTS_MAX 100

static char path[64] = "/tmp/test-lease-XXXXXX";

/* What the gateway answers, and how many descriptors it sends along. */
struct answer {
	const char *line;
	size_t fds;
	size_t split; /* bytes of a first message with descriptors of its own */
	size_t split_fds;
	int listener;
	char asked[256];
};

static void
send_piece(int fd, const char *text, size_t n, size_t fds)
{
	union {
		char space[CMSG_SPACE(200 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { strndup(text, n), n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int zero = open("/dev/zero", O_RDONLY);

	if (fds) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (size_t i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &zero,
			       sizeof(int));
	}
	if (iov.iov_len)
		(void)!sendmsg(fd, &msg, MSG_NOSIGNAL);
	free(iov.iov_base);
	close(zero);
}

static void
send_answer(int fd, const struct answer *a)
{
	if (a->split)
		send_piece(fd, a->line, a->split, a->split_fds);
	send_piece(fd, a->line + a->split, strlen(a->line) - a->split, a->fds);
}

static void *
gateway(void *arg)
{
	struct answer *a = arg;
	int fd = accept(a->listener, NULL, NULL);
	ssize_t n = recv(fd, a->asked, sizeof(a->asked) - 1, 0);

	a->asked[n > 0 ? n : 0] = '\0';
	send_answer(fd, a);
	close(fd);
	return NULL;
}

static int
open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static enum s3_error
ask(struct answer *a, struct input *in)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	enum s3_error err;
	pthread_t thread;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", path);
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(a->listener, (struct sockaddr *)&sa, sizeof(sa)),
			 0);
	assert_int_equal(listen(a->listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, gateway, a), 0);
	input_init(in);
	err =
	    input_lease(in, sa.sun_path, "bucket", "k\"\xc3\xa9", EXTENTS_MAX);
	pthread_join(thread, NULL);
	close(a->listener);
	unlink(sa.sun_path);
	return err;
}

static void
test_lease_takes_extents_in_order(void **state)
{
	struct answer a = {
		.line = "{\"size\":12,\"etag\":\"e\",\"version_id\":\"null\","
			"\"extents\":[{\"offset\":4096,\"size\":8},"
			"{\"offset\":0,\"size\":4}]}\n",
		.fds = 2,
	};
	struct input in;
	char byte = 1;

	(void)state;
	assert_int_equal(ask(&a, &in), S3_OK);
	assert_string_equal(a.asked, "{\"bucket\":\"bucket\","
				     "\"key\":\"k\\\"\xc3\xa9\","
				     "\"extents_max\":100}\n");
	assert_int_equal(in.size, 12);
	assert_int_equal(in.n, 2);
	assert_int_equal(in.extents[0].offset, 4096);
	assert_int_equal(in.extents[1].size, 4);
	assert_string_equal(in.etag, "e");
	assert_int_equal(read(in.extents[1].fd, &byte, 1), 1);
	assert_int_equal(byte, 0);
	assert_true(fcntl(in.extents[0].fd, F_GETFD) & FD_CLOEXEC);
	input_release(&in);
}

/* More descriptors than one message carries. */
static void
test_lease_takes_extents_from_several_messages(void **state)
{
	struct answer a = {
		.line = "{\"size\":12,\"etag\":\"e\",\"version_id\":\"null\","
			"\"extents\":[{\"offset\":7,\"size\":5},"
			"{\"offset\":8,\"size\":4},{\"offset\":9,\"size\":3}]}"
			"\n",
		.split = 30,
		.split_fds = 2,
		.fds = 1,
	};
	struct input in;

	(void)state;
	assert_int_equal(ask(&a, &in), S3_OK);
	assert_int_equal(in.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(in.extents[i].offset, 7 + i);
	input_release(&in);
}

static void
test_lease_refusals_leave_no_descriptor_behind(void **state)
{
	static const struct {
		const char *line;
		size_t fds;
		enum s3_error err;
	} bad[] = {
		{ "{\"error\":\"NoSuchKey\"}\n", 0, S3_ERR_NO_SUCH_KEY },
		{ "{\"error\":\"NoSuchKey\"}\n", 3, S3_ERR_NO_SUCH_KEY },
		{ "{\"error\":\"EntityTooLarge\"}\n", 0,
		  S3_ERR_ENTITY_TOO_LARGE },
		{ "", 0, S3_ERR_SERVICE_UNAVAILABLE },
		{ "{\"size\":1", 1, S3_ERR_SERVICE_UNAVAILABLE },
		{ "not json\n", 1, S3_ERR_SERVICE_UNAVAILABLE },
		/* extents and descriptors differ in number */
		{ "{\"size\":8,\"etag\":\"e\",\"extents\":[{\"offset\":0,"
		  "\"size\":8}]}\n",
		  2, S3_ERR_SERVICE_UNAVAILABLE },
		{ "{\"size\":8,\"etag\":\"e\",\"extents\":[{\"offset\":0,"
		  "\"size\":8}]}\n",
		  0, S3_ERR_SERVICE_UNAVAILABLE },
		/* sizes that do not add up, or are none */
		{ "{\"size\":9,\"etag\":\"e\",\"extents\":[{\"offset\":0,"
		  "\"size\":8}]}\n",
		  1, S3_ERR_SERVICE_UNAVAILABLE },
		{ "{\"size\":-8,\"etag\":\"e\",\"extents\":[{\"offset\":0,"
		  "\"size\":-8}]}\n",
		  1, S3_ERR_SERVICE_UNAVAILABLE },
		{ "{\"size\":8,\"etag\":\"e\",\"extents\":[{\"offset\":-1,"
		  "\"size\":8}]}\n",
		  1, S3_ERR_SERVICE_UNAVAILABLE },
		{ "{\"size\":8,\"extents\":[{\"offset\":0,\"size\":8}]}\n", 1,
		  S3_ERR_SERVICE_UNAVAILABLE },
		/* more descriptors than anybody may send */
		{ "{\"size\":8,\"etag\":\"e\",\"extents\":[]}\n", 150,
		  S3_ERR_SERVICE_UNAVAILABLE },
	};
	int before = open_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct answer a = { .line = bad[i].line, .fds = bad[i].fds };
		struct input in;

		assert_int_equal(ask(&a, &in), bad[i].err);
		assert_int_equal(in.n, 0);
		assert_int_equal(open_fds(), before);
	}
}

static void
test_lease_without_gateway_is_unavailable(void **state)
{
	struct input in;
	char too_long[200];

	(void)state;
	input_init(&in);
	assert_int_equal(input_lease(&in, "/tmp/no-such-socket", "b", "k", 1),
			 S3_ERR_SERVICE_UNAVAILABLE);
	memset(too_long, 'a', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(input_lease(&in, too_long, "b", "k", 1),
			 S3_ERR_SERVICE_UNAVAILABLE);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(path) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease_takes_extents_in_order),
		cmocka_unit_test(
		    test_lease_takes_extents_from_several_messages),
		cmocka_unit_test(
		    test_lease_refusals_leave_no_descriptor_behind),
		cmocka_unit_test(test_lease_without_gateway_is_unavailable),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
