/*
 * Requests to another S3 endpoint, against a scripted one: what is repeated
 * and what is not, what is learnt from a refusal, whose fault is whose, and
 * in which region a bucket is looked for.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "store/s3/remote.h"
#include "tests/unit/s3_script.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define BROKEN "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
#define BUSY "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
#define ERROR(head, xml) "HTTP/1.1 " head "\r\nConnection: close\r\n\r\n" xml

static struct s3_remote *remote;
static struct http_client_answer answer;
static int64_t signed_at_us;

static int
sign(const void *ctx, const struct signer_request *req,
     struct signer_chain *chain, struct buf *out)
{
	(void)ctx;
	(void)chain;
	signed_at_us = req->now_us;
	buf_printf(out, "x-region: %.*s\r\n", SLICE_ARG(req->region));
	return 0;
}

static void
begin(const char *const *answers, size_t n)
{
	struct store_s3_conf conf = { .signer = { .sign = sign } };
	char endpoint[64], err[512];

	script_begin(&conf, endpoint, answers, n);
	remote = s3_remote_open(&conf, err);
	assert_non_null(remote);
}

static void
end(size_t requests)
{
	s3_remote_close(remote);
	script_end(requests);
}

static struct s3_call
call(const char *method)
{
	return (struct s3_call){ .method = method,
				 .bucket = SLICE("bucket"),
				 .key = SLICE("k"),
				 .payload_hash = S3_EMPTY_SHA256 };
}

static enum s3_error
run(const struct s3_call *c)
{
	enum s3_error err = s3_request_run(remote, c, &answer);

	http_client_answer_release(&answer);
	return err;
}

/* Whose own words for a refusal are no failure, and not worth another try. */
static void
test_run_takes_a_strange_refusal_for_one(void **state)
{
	static const char *const answers[] = {
		"!" ERROR("400 X", "<Error><Code>XMinioInvalidObjectName"
				   "</Code></Error>"),
		"!" ERROR("400 X", "<Error><Code>XAmzContentChecksumMismatch"
				   "</Code></Error>"),
		"!" ERROR("409 X", "<Error><Code>ObjectParentIsFile"
				   "</Code></Error>"),
	};
	struct s3_call c = call("GET");

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	assert_int_equal(run(&c), S3_ERR_INVALID_REQUEST);
	assert_int_equal(run(&c), S3_ERR_BAD_DIGEST);
	assert_int_equal(run(&c), S3_ERR_OPERATION_ABORTED);
	end(3);
}

static void
test_run_follows_a_bucket_to_its_region(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 301 X\r\nContent-Length: 0\r\n"
		"x-amz-bucket-region: eu-west-3\r\n\r\n",
		OK,
		OK,
		"!" ERROR("400 X",
			  "<Error><Code>AuthorizationHeaderMalformed"
			  "</Code><Region>ap-south-2</Region></Error>"),
		OK,
		"HTTP/1.1 301 X\r\nContent-Length: 0\r\n"
		"x-amz-bucket-region: eu-west-3/../x\r\n\r\n",
	};
	struct s3_call c = call("HEAD");

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	assert_int_equal(run(&c), S3_OK);
	assert_true(asked(0, "x-region: us-east-1\r\n"));
	assert_true(asked(1, "x-region: eu-west-3\r\n"));
	assert_int_equal(run(&c), S3_OK);
	assert_true(asked(2, "x-region: eu-west-3\r\n"));
	c.method = "GET";
	assert_int_equal(run(&c), S3_OK);
	assert_true(asked(4, "x-region: ap-south-2\r\n"));
	/* what cannot be a region is not believed */
	assert_int_equal(run(&c), S3_ERR_SERVICE_UNAVAILABLE);
	end(6);
}

static void
test_run_goes_round_in_circles_once(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 301 X\r\nContent-Length: 0\r\n"
		"x-amz-bucket-region: eu-west-3\r\n\r\n",
		"HTTP/1.1 301 X\r\nContent-Length: 0\r\n"
		"x-amz-bucket-region: us-east-1\r\n\r\n",
		OK,
	};
	struct s3_call c = call("HEAD");

	(void)state;
	begin(answers, 3);
	assert_int_equal(run(&c), S3_ERR_SERVICE_UNAVAILABLE);
	end(2);
}

/* The first try had no answer and may have done it: what the second is told
 * is not what became of it. */
static void
test_run_does_not_believe_a_refusal_after_silence(void **state)
{
#define MISSING "!" ERROR("404 X", "<Error><Code>NoSuchKey</Code></Error>")
#define NO_UPLOAD "!" ERROR("404 X", "<Error><Code>NoSuchUpload</Code></Error>")
	static const char *const answers[] = { "!",	MISSING, MISSING,  "!",
					       MISSING, "!",	 NO_UPLOAD };
	struct s3_call c = call("PUT");

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	assert_int_equal(run(&c), S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(run(&c), S3_ERR_NO_SUCH_KEY);
	c.method = "GET";
	assert_int_equal(run(&c), S3_ERR_NO_SUCH_KEY);
	c.method = "POST";
	assert_int_equal(run(&c), S3_ERR_NO_SUCH_UPLOAD);
	end(ARRAY_LEN(answers));
}

/* Once the request has arrived. */
static void *
stop_soon(void *arg)
{
	(void)arg;
	while (!script.served)
		usleep(1000);
	s3_remote_stop(remote);
	return NULL;
}

/* An endpoint that hangs does not keep a gateway from ending. */
static void
test_run_ends_when_the_remote_is_stopped(void **state)
{
	static const char *const answers[] = { "=" };
	struct s3_call c = call("PUT");
	int64_t begun = time_mono_us();
	pthread_t thread;

	(void)state;
	begin(answers, 1);
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
	assert_int_equal(run(&c), S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(run(&c), S3_ERR_SLOW_DOWN);
	assert_true(time_mono_us() - begun < 5 * US_PER_S);
	pthread_join(thread, NULL);
	end(1);
}

static void
test_run_adopts_the_endpoints_clock(void **state)
{
	static const char *const answers[] = {
		"!" ERROR("403 X\r\nDate: Fri, 24 May 2013 00:00:00 GMT",
			  "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
		OK, OK
	};
	struct s3_call c = call("GET");
	const int64_t theirs = 1369353600ll * US_PER_S;

	(void)state;
	begin(answers, 3);
	assert_int_equal(run(&c), S3_OK);
	assert_true(signed_at_us >= theirs &&
		    signed_at_us < theirs + 10 * US_PER_S);
	assert_int_equal(run(&c), S3_OK);
	assert_true(signed_at_us < theirs + 10 * US_PER_S);
	assert_true(s3_remote_ahead(remote) < -US_PER_S);
	end(3);
}

static void
test_run_waits_as_long_as_it_is_told(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
		OK,
		"HTTP/1.1 429 X\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n",
	};
	struct s3_call c = call("GET");
	int64_t begun = time_mono_us();

	(void)state;
	begin(answers, 3);
	assert_int_equal(run(&c), S3_OK);
	assert_true(time_mono_us() - begun >= US_PER_S);
	/* beyond the deadline there is no use in waiting */
	c.timeout_ms = 2000;
	begun = time_mono_us();
	assert_int_equal(run(&c), S3_ERR_SLOW_DOWN);
	assert_true(time_mono_us() - begun < US_PER_S);
	end(3);
}

static void
test_run_takes_an_error_in_a_200_for_one(void **state)
{
	static const char *const answers[] = {
		"!" ERROR("200 OK", "<?xml version=\"1.0\"?>\n<Error><Code>"
				    "InternalError</Code></Error>"),
		"!" ERROR("200 OK", "<CopyObjectResult></CopyObjectResult>"),
		"!" ERROR("200 OK", "<Error><Code>PreconditionFailed</Code>"
				    "</Error>"),
	};
	struct s3_call c = call("PUT");

	(void)state;
	begin(answers, 3);
	c.may_fail_late = true;
	assert_int_equal(run(&c), S3_OK);
	assert_int_equal(run(&c), S3_ERR_PRECONDITION_FAILED);
	end(3);
}

static void
test_run_repeats_a_condition_only_when_it_was_not_met(void **state)
{
	static const char *const answers[] = { "!" BUSY, "!", OK, BROKEN };
	const struct store_header cond = { SLICE("if-none-match"), SLICE("*") };
	struct s3_call c = call("PUT");

	(void)state;
	begin(answers, 4);
	c.headers = (struct store_headers){ &cond, 1 };
	assert_int_equal(run(&c), S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(script.served, 2);
	c.headers.n = 0;
	assert_int_equal(run(&c), S3_OK);
	c.headers.n = 1;
	assert_int_equal(run(&c), S3_ERR_INTERNAL_ERROR);
	end(4);
}

/* The first try may have done it, whatever the second meets. */
static void
test_run_after_a_doubt_is_never_sure(void **state)
{
	static const char *const answers[] = { "!" BROKEN };
	struct s3_call c = call("PUT");

	(void)state;
	begin(answers, 1);
	c.timeout_ms = 2000;
	assert_int_equal(run(&c), S3_ERR_SERVICE_UNAVAILABLE);
	end(1);
}

static void
test_run_tells_what_was_never_sent(void **state)
{
	struct s3_call c = call("PUT");

	(void)state;
	begin(NULL, 0);
	shutdown(script.fd, SHUT_RDWR);
	c.timeout_ms = 300;
	assert_int_equal(run(&c), S3_ERR_SLOW_DOWN);
	end(0);
}

static void
test_tokens_run_out_and_come_back(void **state)
{
	size_t n = 0;

	(void)state;
	begin(NULL, 0);
	while (n < 1000 && s3_token_take(remote))
		n++;
	assert_in_range(n, 100, 110);
	usleep(200000);
	assert_true(s3_token_take(remote));
	s3_remote_stop(remote);
	assert_false(s3_token_take(remote));
	assert_false(s3_remote_sleep(remote, 20 * US_PER_S));
	end(0);
}

static void
test_slots_are_bounded(void **state)
{
	struct http_client *taken[S3_SLOTS];

	(void)state;
	begin(NULL, 0);
	for (size_t i = 0; i < S3_SLOTS; i++) {
		taken[i] = s3_slot_take(remote, 0);
		assert_non_null(taken[i]);
	}
	assert_null(s3_slot_take(remote, 10000));
	s3_slot_give(remote, taken[0]);
	assert_ptr_equal(s3_slot_take(remote, 0), taken[0]);
	for (size_t i = 0; i < S3_SLOTS; i++)
		s3_slot_give(remote, taken[i]);
	end(0);
}

static void
test_region_is_in_the_host_where_that_is_aws(void **state)
{
	static const char *const rows[][2] = {
		{ "", "https://b.s3.eu-west-1.amazonaws.com" },
		{ "https://s3.amazonaws.com",
		  "https://b.s3.eu-west-1.amazonaws.com" },
		{ "https://s3.us-east-2.amazonaws.com/",
		  "https://b.s3.eu-west-1.amazonaws.com" },
		{ "https://v.s3.us-east-2.vpce.amazonaws.com",
		  "https://b.v.s3.us-east-2.vpce.amazonaws.com" },
		{ "https://s3.dualstack.us-east-2.amazonaws.com",
		  "https://b.s3.dualstack.us-east-2.amazonaws.com" },
		{ "http://127.0.0.1:9", "http://127.0.0.1:9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct store_s3_conf conf = { .endpoint = rows[i][0],
						    .region = "us-east-2" };
		struct buf url = BUF_INIT;
		struct s3_address at;
		char err[512];

		remote = s3_remote_open(&conf, err);
		assert_non_null(remote);
		at = (struct s3_address){ remote->endpoint, "eu-west-1",
					  remote->style };
		(void)s3_address_put(&at, SLICE("b"), &url);
		assert_string_equal(url.p, rows[i][1]);
		s3_remote_close(remote);
		buf_release(&url);
	}
}

static void
test_exchange_streams_both_ways(void **state)
{
	static const char *const answers[] = {
		BUSY,
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
		"<" BUSY,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"#70000;=HTTP/1.1 403 X\r\nContent-Length: 40\r\n\r\n"
		"<Error><Code>AccessDenied</Code></Error>",
	};
	static char data[2 << 20];
	struct http_client_body body = { .size = sizeof(data) };
	struct s3_call c = call("GET");
	struct s3_exchange x;
	char p[8];
	size_t got;

	(void)state;
	begin(answers, 5);
	assert_int_equal(s3_exchange_open(remote, &c, &x), S3_OK);
	assert_int_equal(s3_exchange_read(&x, p, 8, &got), S3_OK);
	assert_int_equal(got, 4);
	s3_exchange_close(&x);
	/* what was refused before its first byte is asked again */
	c.method = "PUT";
	c.body = &body;
	assert_int_equal(s3_exchange_open(remote, &c, &x), S3_OK);
	assert_int_equal(s3_exchange_send(&x, data, sizeof(data)), S3_OK);
	assert_int_equal(s3_exchange_finish(&x), S3_OK);
	s3_exchange_close(&x);
	assert_true(script.request[3].n > sizeof(data));
	/* after it, nothing is */
	body.size = 64u << 20;
	assert_int_equal(s3_exchange_open(remote, &c, &x), S3_OK);
	for (int i = 0; i < 32; i++)
		if (s3_exchange_send(&x, data, sizeof(data)) != S3_OK)
			break;
	assert_null(x.client);
	assert_int_equal(s3_exchange_finish(&x), S3_ERR_INTERNAL_ERROR);
	s3_exchange_close(&x);
	end(5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_takes_a_strange_refusal_for_one),
		cmocka_unit_test(test_run_follows_a_bucket_to_its_region),
		cmocka_unit_test(test_run_goes_round_in_circles_once),
		cmocka_unit_test(
		    test_run_does_not_believe_a_refusal_after_silence),
		cmocka_unit_test(test_run_ends_when_the_remote_is_stopped),
		cmocka_unit_test(test_run_adopts_the_endpoints_clock),
		cmocka_unit_test(test_run_waits_as_long_as_it_is_told),
		cmocka_unit_test(test_run_takes_an_error_in_a_200_for_one),
		cmocka_unit_test(
		    test_run_repeats_a_condition_only_when_it_was_not_met),
		cmocka_unit_test(test_run_after_a_doubt_is_never_sure),
		cmocka_unit_test(test_run_tells_what_was_never_sent),
		cmocka_unit_test(test_tokens_run_out_and_come_back),
		cmocka_unit_test(test_slots_are_bounded),
		cmocka_unit_test(test_region_is_in_the_host_where_that_is_aws),
		cmocka_unit_test(test_exchange_streams_both_ways),
	};

	log_set_level_name("error");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
