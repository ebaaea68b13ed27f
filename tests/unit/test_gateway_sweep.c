/*
 * The sweeper on real TCP connections, with limits of milliseconds.
 */
#include "gateway/http/sweep.h"
#include "base/timeval.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 5000 /* what must happen */
#define CALM_MS 600  /* what must not: longer than any limit below */

/* Long enough for a thread that waits for its turn on a busy machine. */
static const struct sweep_limits limits = {
	.headers_ms = 100,
	.idle_ms = 400,
	.window_ms = 300,
	.rate = 40000, /* 12,000 bytes a window */
	.tick_ms = 10,
};
#define ENOUGH 16384 /* for a window */

struct fixture {
	struct sweeper *sweeper;
	struct sweep_conn *conn;
	int server, client;
};

static void
connect_pair(int fds[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &n), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&a, n), 0);
	fds[1] = accept(l, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(l);
}

static int
setup(void **state)
{
	static struct fixture f;
	int fds[2];

	connect_pair(fds);
	f.client = fds[0];
	f.server = fds[1];
	f.sweeper = sweeper_new(10, &limits);
	assert_non_null(f.sweeper);
	f.conn = sweep_add(f.sweeper, f.server);
	assert_non_null(f.conn);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	sweep_remove(f->sweeper, f->conn);
	assert_int_equal(sweep_count(f->sweeper), 0);
	sweeper_free(f->sweeper);
	close(f->client);
	close(f->server);
	return 0;
}

/* The server's side was shut, which its own thread sees as an end. */
static bool
was_ended(const struct fixture *f, int timeout_ms)
{
	struct pollfd p = { .fd = f->server, .events = POLLRDHUP };

	return poll(&p, 1, timeout_ms) == 1;
}

static void
test_sweep_ends_who_sends_no_headers(void **state)
{
	assert_true(was_ended(*state, WAIT_MS));
}

static void
test_sweep_ends_a_request_line_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	int64_t start = time_mono_us();

	sweep_enter(f->conn, SWEEP_IDLE);
	assert_true(was_ended(f, WAIT_MS));
	assert_true(time_mono_us() - start > 490 * 1000);
}

static void
test_sweep_leaves_a_working_handler_alone(void **state)
{
	struct fixture *f = *state;

	sweep_enter(f->conn, SWEEP_WORKING);
	assert_false(was_ended(f, CALM_MS));
}

/* When two windows are over, and half of a third. */
static int64_t
windows_end(void)
{
	return time_mono_us() + limits.window_ms * 2500LL;
}

static void
test_sweep_ends_a_slow_body_and_spares_a_fast_one(void **state)
{
	struct fixture *f = *state;
	int64_t end = windows_end();

	sweep_enter(f->conn, SWEEP_BODY);
	while (time_mono_us() < end) {
		sweep_body_begin(f->conn);
		sweep_body_end(f->conn, ENOUGH);
		assert_false(was_ended(f, 5));
	}
	assert_true(was_ended(f, WAIT_MS));
}

static void
test_sweep_counts_our_own_time_not_against_a_body(void **state)
{
	struct fixture *f = *state;
	const struct timespec pause = { .tv_nsec = CALM_MS * 1000000L };

	sweep_enter(f->conn, SWEEP_BODY);
	sweep_body_begin(f->conn);
	nanosleep(&pause, NULL);
	sweep_body_end(f->conn, 1);
	assert_false(was_ended(f, 30));
}

/* Sent, and read by the peer: what nobody reads is acknowledged only as long
 * as there is room for it. */
static void
send_some(const struct fixture *f)
{
	static char block[ENOUGH];

	assert_int_equal(send(f->server, block, ENOUGH, 0), ENOUGH);
	assert_int_equal(recv(f->client, block, ENOUGH, MSG_WAITALL), ENOUGH);
}

static void
test_sweep_ends_a_slow_reader_and_spares_a_fast_one(void **state)
{
	struct fixture *f = *state;
	int64_t end = windows_end();

	sweep_enter(f->conn, SWEEP_SENDING);
	while (time_mono_us() < end) {
		send_some(f);
		assert_false(was_ended(f, 5));
	}
	assert_true(was_ended(f, WAIT_MS));
}

static void
test_sweep_shut_idle_takes_idle_ones_only(void **state)
{
	struct fixture *f = *state;

	sweep_enter(f->conn, SWEEP_WORKING);
	sweep_shut_idle(f->sweeper, 0);
	assert_false(was_ended(f, 0));
	sweep_enter(f->conn, SWEEP_IDLE);
	sweep_shut_idle(f->sweeper, 60000);
	assert_false(was_ended(f, 0));
	sweep_shut_idle(f->sweeper, 0);
	assert_true(was_ended(f, 0));
}

static void
test_sweep_crowded_above_nine_tenths(void **state)
{
	struct fixture *f = *state;
	struct sweep_conn *more[9];

	sweep_enter(f->conn, SWEEP_WORKING);
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		assert_false(sweep_crowded(f->sweeper));
		assert_false(sweep_full(f->sweeper));
		more[i] = sweep_add(f->sweeper, f->server);
		sweep_enter(more[i], SWEEP_WORKING);
	}
	assert_true(sweep_crowded(f->sweeper));
	assert_true(sweep_full(f->sweeper));
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		sweep_remove(f->sweeper, more[i]);
	assert_false(sweep_crowded(f->sweeper));
}

static void
test_sweep_filling_above_three_quarters(void **state)
{
	struct fixture *f = *state;
	struct sweep_conn *more[7];

	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		assert_false(sweep_filling(f->sweeper));
		more[i] = sweep_add(f->sweeper, f->server);
		sweep_enter(more[i], SWEEP_WORKING);
	}
	assert_true(sweep_filling(f->sweeper));
	assert_false(sweep_crowded(f->sweeper));
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		sweep_remove(f->sweeper, more[i]);
	assert_false(sweep_filling(f->sweeper));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sweep_ends_who_sends_no_headers),
		T(test_sweep_ends_a_request_line_byte_by_byte),
		T(test_sweep_leaves_a_working_handler_alone),
		T(test_sweep_ends_a_slow_body_and_spares_a_fast_one),
		T(test_sweep_counts_our_own_time_not_against_a_body),
		T(test_sweep_ends_a_slow_reader_and_spares_a_fast_one),
		T(test_sweep_shut_idle_takes_idle_ones_only),
		T(test_sweep_crowded_above_nine_tenths),
		T(test_sweep_filling_above_three_quarters),
	};

	return cmocka_run_group_tests_name("gateway_sweep", tests, NULL, NULL);
}
