/* The load generator's own arithmetic and reading: percentiles of known times,
 * answers that come in any pieces, framed in any way. */
#include "tests/bench/load_conn.c"
#include "tests/bench/stats.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_quantiles_of_known_times_are_right_to_two_percent(void **state)
{
	static const struct {
		double q, us;
	} cases[] = { { 0.5, 5000 }, { 0.95, 9500 }, { 0.99, 9900 } };
	struct bench_stats *s = calloc(1, sizeof(*s));

	(void)state;
	for (uint64_t us = 1; us <= 10000; us++)
		bench_stats_add(s, us * 1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double us = bench_stats_quantile_us(s, cases[i].q);

		assert_true(us > cases[i].us * 0.98);
		assert_true(us < cases[i].us * 1.02);
	}
	assert_int_equal(s->requests, 10000);
	assert_int_equal(s->max_ns, 10000000);
	free(s);
}

static void
test_classes_ascend_and_hold_what_falls_into_them(void **state)
{
	unsigned last = 0;

	(void)state;
	for (uint64_t ns = 1; ns < 1ull << 40; ns += 1 + ns / 100) {
		unsigned c = class_of(ns);

		assert_true(c >= last);
		assert_true(c < BENCH_CLASSES);
		assert_true(class_ns(c) > (double)ns * 0.98);
		assert_true(class_ns(c) < (double)ns * 1.02 + 1);
		last = c;
	}
	assert_int_equal(class_of(UINT64_MAX), BENCH_CLASSES - 1);
}

static void
test_merging_adds_everything(void **state)
{
	struct bench_stats *a = calloc(1, sizeof(*a));
	struct bench_stats *b = calloc(1, sizeof(*b));

	(void)state;
	bench_stats_add(a, 1000);
	bench_stats_add(b, 3000);
	b->bytes = 7;
	b->errors = 2;
	bench_stats_merge(a, b);
	assert_int_equal(a->requests, 2);
	assert_int_equal(a->bytes, 7);
	assert_int_equal(a->errors, 2);
	assert_int_equal(a->max_ns, 3000);
	free(a);
	free(b);
}

/* ---- answers ------------------------------------------------------------- */

struct answer {
	const char *text; /* as it comes over the wire */
	const char *body; /* NULL: the answer is not understood */
	int status;
	bool close_after;
	bool is_head;
};

static const struct answer answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200,
	  false, false },
	{ "HTTP/1.1 200 OK\r\ncontent-length:0\r\nConnection: close\r\n\r\n",
	  "", 200, true, false },
	{ "HTTP/1.1 204 No Content\r\n\r\n", "", 204, false, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 200, false,
	  true },
	{ "HTTP/1.1 100 Continue\r\n\r\n"
	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	  "ok", 200, false, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "5\r\nhello\r\nC;x=y\r\n world 12345\r\n0\r\n\r\n",
	  "hello world 12345", 200, false, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "2\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n",
	  "\r\n", 200, false, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", NULL,
	  0, false, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", NULL, 0, false,
	  false },
	{ "SSH-2.0-OpenSSH\r\n\r\n", NULL, 0, false, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", NULL, 0, false,
	  false },
};

/* @piece bytes at a time; the peer closes behind the last. */
static enum load_step
receive_in_pieces(struct load_conn *c, const struct answer *a, size_t piece,
		  struct buf *body)
{
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	struct load_request r = { .head = { request, sizeof(request) - 1 },
				  .op = a->is_head ? LOAD_HEAD : LOAD_GET };
	struct slice rest = slice_str(a->text);
	enum load_step s;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	*c = (struct load_conn){ .fd = pair[0] };
	load_conn_begin(c, &r, body);
	s = load_conn_step(c);
	while (s == STEP_READ && rest.n) {
		struct slice now = slice_head(rest, piece);

		assert_int_equal(write(pair[1], now.p, now.n), now.n);
		rest = slice_from(rest, now.n);
		s = load_conn_step(c);
	}
	close(pair[1]);
	if (s == STEP_READ)
		s = load_conn_step(c);
	load_conn_close(c);
	return s;
}

static void
test_answers_in_pieces_of_any_size_are_understood(void **state)
{
	struct load_conn *c = calloc(1, sizeof(*c));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		for (size_t piece = 1; piece < 200; piece++) {
			const struct answer *a = &answers[i];
			struct buf body = BUF_INIT;
			enum load_step s =
			    receive_in_pieces(c, a, piece, &body);

			if (!a->body) {
				assert_int_equal(s, STEP_FAILED);
			} else {
				assert_int_equal(s, STEP_DONE);
				assert_int_equal(c->status, a->status);
				assert_true(
				    slice_eq_str(buf_slice(&body), a->body));
				assert_int_equal(c->received, body.n);
				assert_int_equal(c->close_after,
						 a->close_after);
			}
			buf_release(&body);
		}
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_quantiles_of_known_times_are_right_to_two_percent),
		cmocka_unit_test(
		    test_classes_ascend_and_hold_what_falls_into_them),
		cmocka_unit_test(test_merging_adds_everything),
		cmocka_unit_test(
		    test_answers_in_pieces_of_any_size_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
