/*
 * Streaming exchanges against a scripted server: bodies in both directions in
 * pieces, answers that come early, and peers that cut, reset, stall or lie.
 */
#include "base/http_client.h"
#include "base/timeval.h"
#include "tests/unit/http_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define DENIED "HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nno"

static struct http_script script;
static struct http_client *client;
static struct http_client_answer answer;
static struct http_client_body body;
static char url[64];

static void
start(const char *const *answers, size_t n)
{
	assert_int_equal(http_script_start(&script, answers, n), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", script.port);
	client = http_client_new();
	assert_non_null(client);
}

static void
stop(void)
{
	http_client_free(client);
	http_script_stop(&script);
}

static void
begin(const char *method, uint64_t size)
{
	const struct http_client_call call = {
		.method = method,
		.url = url,
		.body = strcmp(method, "PUT") == 0 ? &body : NULL,
		.timeout_ms = 5000,
	};

	body = (struct http_client_body){ .size = size };
	assert_int_equal(http_client_begin(client, &call, &answer),
			 HTTP_CLIENT_OK);
}

static void
end(void)
{
	http_client_end(client);
	http_client_answer_release(&answer);
}

/* Until all is sent or it fails. */
static enum http_client_error
send_all(const char *p, size_t n, size_t piece)
{
	enum http_client_error rc = HTTP_CLIENT_OK;

	for (size_t at = 0; at < n && rc == HTTP_CLIENT_OK; at += piece)
		rc = http_client_send(client, p + at,
				      n - at < piece ? n - at : piece);
	return rc;
}

static char *
pattern(size_t n)
{
	char *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 31 + (i >> 12));
	return p;
}

static void
test_send_brings_the_body_in_any_pieces(void **state)
{
	static const char *const answers[] = { EMPTY, EMPTY, EMPTY };
	static const size_t pieces[] = { 1 << 20, 777777, 65536 };
	size_t n = (3u << 20) + 5;
	char *p = pattern(n);

	(void)state;
	start(answers, 3);
	for (size_t i = 0; i < 3; i++) {
		begin("PUT", n);
		assert_int_equal(http_client_await(client), HTTP_CLIENT_OK);
		assert_int_equal(send_all(p, n, pieces[i]), HTTP_CLIENT_OK);
		assert_int_equal(http_client_answer(client), HTTP_CLIENT_OK);
		assert_int_equal(answer.status, 200);
		end();
		assert_true(
		    slice_ends(buf_slice(&script.request[i]), slice_mem(p, n)));
	}
	stop();
	assert_int_equal(script.connections, 1);
	free(p);
}

static void
test_await_sees_a_refusal_before_the_body(void **state)
{
	static const char *const answers[] = { "<" DENIED, EMPTY };
	size_t got;
	char text[8];

	(void)state;
	start(answers, 2);
	begin("PUT", 2u << 20);
	assert_int_equal(http_client_await(client), HTTP_CLIENT_ANSWERED);
	assert_int_equal(http_client_answer(client), HTTP_CLIENT_OK);
	assert_int_equal(answer.status, 403);
	assert_int_equal(http_client_read(client, text, 8, &got),
			 HTTP_CLIENT_OK);
	assert_int_equal(got, 2);
	end();
	assert_true(
	    slice_ends(buf_slice(&script.request[0]), SLICE("\r\n\r\n")));
	stop();
}

static void
test_send_ends_with_an_early_answer(void **state)
{
	static const char *const answers[] = { "#100000;=" DENIED };
	size_t n = 64u << 20;
	char *p = pattern(n);

	(void)state;
	start(answers, 1);
	begin("PUT", n);
	assert_int_equal(send_all(p, n, 1 << 20), HTTP_CLIENT_ANSWERED);
	assert_int_equal(http_client_answer(client), HTTP_CLIENT_OK);
	assert_int_equal(answer.status, 403);
	end();
	stop();
	free(p);
}

static void
test_send_to_a_peer_that_goes_is_broken(void **state)
{
	static const char *const answers[] = { "#65536;^", "#0;!" };
	size_t n = 16u << 20;
	char *p = pattern(n);

	(void)state;
	start(answers, 2);
	for (int i = 0; i < 2; i++) {
		begin("PUT", n);
		assert_int_equal(send_all(p, n, 1 << 20), HTTP_CLIENT_BROKEN);
		assert_true(answer.error[0] != '\0');
		assert_int_equal(answer.status, 0);
		end();
	}
	stop();
	free(p);
}

static void
test_send_to_a_peer_that_stalls_meets_the_deadline(void **state)
{
	static const char *const answers[] = { "#65536;=" };
	struct http_client_call call = { .method = "PUT", .timeout_ms = 300 };
	size_t n = 64u << 20;
	char *p = pattern(n);
	int64_t begun = time_mono_us();

	(void)state;
	start(answers, 1);
	body = (struct http_client_body){ .size = n };
	call.url = url;
	call.body = &body;
	assert_int_equal(http_client_begin(client, &call, &answer),
			 HTTP_CLIENT_OK);
	assert_int_equal(send_all(p, n, 1 << 20), HTTP_CLIENT_BROKEN);
	assert_true(time_mono_us() - begun < 3 * US_PER_S);
	assert_string_equal(answer.error, "the deadline passed");
	end();
	stop();
	free(p);
}

static void
test_end_of_an_unfinished_body_is_seen_as_such(void **state)
{
	static const char *const answers[] = { EMPTY };
	size_t n = 2u << 20;
	char *p = pattern(n);

	(void)state;
	start(answers, 1);
	begin("PUT", n);
	assert_int_equal(http_client_send(client, p, n - 1), HTTP_CLIENT_OK);
	end(); /* aborted */
	begin("PUT", n);
	assert_int_equal(http_client_send(client, p, n - 1), HTTP_CLIENT_OK);
	assert_int_equal(http_client_answer(client), HTTP_CLIENT_INTERNAL);
	end();
	stop(); /* the server reads on until then */
	assert_int_equal(script.served, 0);
	free(p);
}

static void
test_read_gives_the_body_in_any_pieces(void **state)
{
	static const char head[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
	char *text = malloc(sizeof(head) + 300008);
	const char *answers[3];
	char *p = malloc(300000);
	size_t got, at;

	(void)state;
	memcpy(text, "~50000;", 7);
	memcpy(text + 7, head, sizeof(head));
	for (at = 0; at < 300000; at++)
		text[6 + sizeof(head) + at] = (char)('a' + at % 23);
	text[6 + sizeof(head) + at] = '\0';
	for (size_t i = 0; i < 3; i++)
		answers[i] = text;
	start(answers, 3);
	for (size_t piece = 1000; piece <= 300001; piece += 100333) {
		begin("GET", 0);
		assert_int_equal(http_client_answer(client), HTTP_CLIENT_OK);
		for (at = 0, got = 1; got && at < 300000; at += got) {
			size_t n = 300000 - at < piece ? 300000 - at : piece;

			assert_int_equal(
			    http_client_read(client, p + at, n, &got),
			    HTTP_CLIENT_OK);
		}
		assert_memory_equal(p, text + 6 + sizeof(head), 300000);
		assert_int_equal(http_client_read(client, p, 9, &got),
				 HTTP_CLIENT_OK);
		assert_int_equal(got, 0);
		end();
	}
	stop();
	assert_int_equal(script.connections, 1);
	free(text);
	free(p);
}

static void
test_read_tells_how_far_a_broken_answer_came(void **state)
{
	static const char *const answers[] = {
		"!HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345",
		"!HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12345",
		"!HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"9\r\n12345",
	};
	static const size_t came[] = { 5, 4, 5 };
	char p[16];
	size_t got;

	(void)state;
	start(answers, 3);
	for (size_t i = 0; i < 3; i++) {
		begin("GET", 0);
		assert_int_equal(http_client_answer(client), HTTP_CLIENT_OK);
		assert_int_equal(http_client_read(client, p, 16, &got),
				 i == 1 ? HTTP_CLIENT_OK : HTTP_CLIENT_BROKEN);
		assert_int_equal(got, came[i]);
		assert_memory_equal(p, "12345", got);
		end();
	}
	stop();
}

static void
test_end_before_the_answer_is_read_drops_the_connection(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345", EMPTY,
		EMPTY
	};

	(void)state;
	start(answers, 3);
	for (size_t i = 0; i < 3; i++) {
		begin("GET", 0);
		assert_int_equal(http_client_answer(client), HTTP_CLIENT_OK);
		end();
	}
	stop();
	assert_int_equal(script.connections, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send_brings_the_body_in_any_pieces),
		cmocka_unit_test(test_await_sees_a_refusal_before_the_body),
		cmocka_unit_test(test_send_ends_with_an_early_answer),
		cmocka_unit_test(test_send_to_a_peer_that_goes_is_broken),
		cmocka_unit_test(
		    test_send_to_a_peer_that_stalls_meets_the_deadline),
		cmocka_unit_test(
		    test_end_of_an_unfinished_body_is_seen_as_such),
		cmocka_unit_test(test_read_gives_the_body_in_any_pieces),
		cmocka_unit_test(test_read_tells_how_far_a_broken_answer_came),
		cmocka_unit_test(
		    test_end_before_the_answer_is_read_drops_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
