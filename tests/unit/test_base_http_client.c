/*
 * The HTTP client against a scripted server: what goes over the wire, what
 * comes back, and how each way of failing is told apart.
 */
#include "base/http_client.h"
#include "tests/unit/http_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char url[128];

static struct http_client_call
call_to(const struct http_script *s, const char *method, const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->port, path);
	return (struct http_client_call){ .method = method,
					  .url = url,
					  .answer_max = 4096,
					  .timeout_ms = 5000 };
}

static int
from_text(void *ctx, uint64_t offset, void *p, size_t n)
{
	memcpy(p, (const char *)ctx + offset, n);
	return 0;
}

static int
from_nowhere(void *ctx, uint64_t offset, void *p, size_t n)
{
	(void)ctx;
	(void)offset;
	(void)p;
	(void)n;
	return -1;
}

static void
test_run_sends_exactly_what_it_was_given(void **state)
{
	static char text[] = "0123456789";
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\nhi"
	};
	struct http_client_body body = { 10, from_text, text };
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;
	struct slice got;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 1), 0);
	call = call_to(&s, "PUT", "/b/../a%2Fb?x=%20");
	call.headers = SLICE("Host: example.org\r\nX-Empty:\r\nX-Blank: \r\n");
	call.body = &body;
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
	assert_int_equal(a.status, 200);
	assert_true(slice_eq(buf_slice(&a.body), SLICE("hi")));
	assert_true(slice_eq(http_client_header(&a, "etag"), SLICE("\"x\"")));
	assert_int_equal(http_client_header(&a, "absent").n, 0);
	got = buf_slice(&s.request[0]);
	assert_true(
	    slice_starts(got, SLICE("PUT /b/../a%2Fb?x=%20 HTTP/1.1\r\n")));
	assert_true(slice_find(got, SLICE("\r\nHost: example.org\r\n")) > 0);
	assert_true(slice_find(got, SLICE("\r\nX-Empty:\r\n")) > 0);
	assert_true(slice_find(got, SLICE("\r\nX-Blank:\r\n")) > 0);
	assert_true(slice_find(got, SLICE("Accept")) < 0);
	assert_true(slice_find(got, SLICE("Expect")) < 0);
	assert_true(slice_find(got, SLICE("Content-Type")) < 0);
	assert_true(slice_ends(got, SLICE("\r\n\r\n0123456789")));
	http_client_answer_release(&a);
	http_client_free(c);
	http_script_stop(&s);
}

static void
test_run_twice_keeps_the_connection(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: /x\r\n"
		"Content-Length: 0\r\n\r\n",
	};
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 2), 0);
	call = call_to(&s, "DELETE", "/a");
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
	assert_int_equal(a.status, 204);
	http_client_answer_release(&a);
	call = call_to(&s, "GET", "/a");
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
	assert_int_equal(a.status, 301); /* not followed */
	http_client_answer_release(&a);
	http_client_free(c);
	http_script_stop(&s);
	assert_int_equal(s.connections, 1);
}

static void
test_run_resends_the_body_when_the_kept_connection_died(void **state)
{
	static char text[] = "again";
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "!",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	};
	struct http_client_body body = { 5, from_text, text };
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 3), 0);
	call = call_to(&s, "PUT", "/a");
	call.body = &body;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
		http_client_answer_release(&a);
	}
	assert_true(
	    slice_ends(buf_slice(&s.request[2]), SLICE("\r\n\r\nagain")));
	http_client_free(c);
	http_script_stop(&s);
	assert_int_equal(s.connections, 2);
}

static int
count(void *ctx, const void *p, size_t n)
{
	(void)p;
	*(size_t *)ctx += n;
	return 0;
}

static int
refuse(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return -1;
}

static void
test_run_tells_failures_apart(void **state)
{
	static const char *const answers[] = {
		"!HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nshort",
		"!",
		"!HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
		"!HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
	};
	static const enum http_client_error want[] = { HTTP_CLIENT_BROKEN,
						       HTTP_CLIENT_BROKEN,
						       HTTP_CLIENT_REFUSED,
						       HTTP_CLIENT_REFUSED };
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 4), 0);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		call = call_to(&s, "GET", "/");
		call.answer_max = i == 2 ? 8 : 10000;
		call.sink = i == 3 ? refuse : NULL;
		assert_int_equal(http_client_run(c, &call, &a), want[i]);
		assert_int_equal(a.status, 0);
		assert_true(a.error[0] != '\0');
		http_client_answer_release(&a);
	}
	http_script_stop(&s);
	call = call_to(&s, "GET", "/"); /* nobody listens there any more */
	assert_int_equal(http_client_run(c, &call, &a),
			 HTTP_CLIENT_UNREACHABLE);
	http_client_answer_release(&a);
	call.url = "file:///etc/passwd";
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_INTERNAL);
	http_client_answer_release(&a);
	http_client_free(c);
}

static void
test_run_refuses_endless_headers(void **state)
{
	struct buf flood = BUF_INIT;
	const char *answer;
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;

	(void)state;
	buf_puts(&flood, "!HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 4000; i++)
		buf_printf(&flood, "X-Header-%d: some value\r\n", i);
	buf_puts(&flood, "\r\n");
	answer = flood.p;
	assert_int_equal(http_script_start(&s, &answer, 1), 0);
	call = call_to(&s, "GET", "/");
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_REFUSED);
	http_client_answer_release(&a);
	http_client_free(c);
	http_script_stop(&s);
	buf_release(&flood);
}

static void
test_run_error_body_never_reaches_the_sink(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nyes!"
	};
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;
	size_t sunk = 0;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 2), 0);
	call = call_to(&s, "GET", "/");
	call.sink = count;
	call.sink_ctx = &sunk;
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
	assert_int_equal(sunk, 0);
	assert_true(slice_eq(buf_slice(&a.body), SLICE("nope")));
	http_client_answer_release(&a);
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
	assert_int_equal(sunk, 4);
	assert_int_equal(a.body.n, 0);
	http_client_answer_release(&a);
	http_client_free(c);
	http_script_stop(&s);
}

/* The connection was kept, and dies without a word when the second request has
 * arrived: it may have been done, so it is not sent again. */
static void
test_run_once_is_never_sent_again(void **state)
{
	static char text[] = "0123456789";
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"!",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};
	struct http_client_body empty = { 0, from_text, text };
	struct http_client_body some = { 10, from_text, text };
	const struct http_client_body *bodies[] = { NULL, &empty, &some };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(bodies); i++) {
		struct http_client *c = http_client_new();
		bool once = i < ARRAY_LEN(bodies);
		struct http_client_answer a;
		struct http_client_call call;
		struct http_script s;

		assert_int_equal(http_script_start(&s, answers, 3), 0);
		call = call_to(&s, "PUT", "/");
		assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_OK);
		http_client_answer_release(&a);
		call.body = bodies[i % ARRAY_LEN(bodies)];
		call.once = once;
		assert_int_equal(http_client_run(c, &call, &a),
				 once ? HTTP_CLIENT_BROKEN : HTTP_CLIENT_OK);
		assert_int_equal(s.served, once ? 2 : 3);
		http_client_answer_release(&a);
		http_client_free(c);
		http_script_stop(&s);
	}
}

static void
test_run_unreadable_body_ends_the_call(void **state)
{
	static const char *const answers[] = { "!" };
	struct http_client_body body = { 5, from_nowhere, NULL };
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 1), 0);
	call = call_to(&s, "PUT", "/");
	call.body = &body;
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_REFUSED);
	http_client_answer_release(&a);
	http_client_free(c);
	http_script_stop(&s);
}

static void
test_run_silent_server_meets_the_deadline(void **state)
{
	/* The second answer is never asked for: it keeps the connection open.
	 */
	static const char *const answers[] = { "HTTP/1.1 200 OK\r\n", "!" };
	struct http_client *c = http_client_new();
	struct http_client_answer a;
	struct http_client_call call;
	struct http_script s;

	(void)state;
	assert_int_equal(http_script_start(&s, answers, 2), 0);
	call = call_to(&s, "GET", "/");
	call.timeout_ms = 200;
	assert_int_equal(http_client_run(c, &call, &a), HTTP_CLIENT_BROKEN);
	http_client_answer_release(&a);
	http_client_free(c);
	http_script_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_sends_exactly_what_it_was_given),
		cmocka_unit_test(test_run_twice_keeps_the_connection),
		cmocka_unit_test(
		    test_run_resends_the_body_when_the_kept_connection_died),
		cmocka_unit_test(test_run_tells_failures_apart),
		cmocka_unit_test(test_run_refuses_endless_headers),
		cmocka_unit_test(test_run_error_body_never_reaches_the_sink),
		cmocka_unit_test(test_run_once_is_never_sent_again),
		cmocka_unit_test(test_run_unreadable_body_ends_the_call),
		cmocka_unit_test(test_run_silent_server_meets_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
