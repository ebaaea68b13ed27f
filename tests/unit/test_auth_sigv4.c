/*
 * The examples of AWS's documentation ("Signature Calculations for the
 * Authorization Header", "Authenticating Requests: Using Query Parameters"):
 * bucket examplebucket, 2013-05-24, us-east-1. What we sign must have their
 * signature, and what has it must verify.
 */
#include "tests/unit/auth_fixture.h"

#include <pthread.h>

/* A request whose text lives in the test. */
struct example {
	const char *method;
	const char *path;
	const char *query;
	const char *headers[HEADERS_MAX][2]; /* up to the first NULL */
	const char *payload_hash;
	const char *signature;
};

static const struct example examples[] = {
	{ "GET",
	  "/test.txt",
	  "",
	  { { "Host", "examplebucket.s3.amazonaws.com" },
	    { "Range", "bytes=0-9" } },
	  EMPTY_SHA256,
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "PUT",
	  "/test$file.text",
	  "",
	  { { "Host", "examplebucket.s3.amazonaws.com" },
	    { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
	    { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
	  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "GET",
	  "/",
	  "lifecycle",
	  { { "Host", "examplebucket.s3.amazonaws.com" } },
	  EMPTY_SHA256,
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "PUT",
	  "/examplebucket/chunkObject.txt",
	  "",
	  { { "Host", "s3.amazonaws.com" },
	    { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
	    { "Content-Encoding", "aws-chunked" },
	    { "x-amz-decoded-content-length", "66560" },
	    { "Content-Length", "66824" } },
	  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
	  "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9" },
	{ "PUT",
	  "/examplebucket/chunkObject.txt",
	  "",
	  { { "Host", "s3.amazonaws.com" },
	    { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
	    { "Content-Encoding", "aws-chunked" },
	    { "x-amz-decoded-content-length", "66560" },
	    { "x-amz-trailer", "x-amz-checksum-crc32c" } },
	  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
	  "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e" },
};

static size_t
fill_request(const struct example *e, struct auth_header *headers,
	     struct auth_request *req)
{
	size_t n = 0;

	for (; n < HEADERS_MAX && e->headers[n][0]; n++)
		headers[n] =
		    (struct auth_header){ slice_str(e->headers[n][0]),
					  slice_str(e->headers[n][1]) };
	*req = (struct auth_request){ .method = slice_str(e->method),
				      .raw_path = slice_str(e->path),
				      .raw_query = slice_str(e->query),
				      .headers = headers,
				      .n_headers = n };
	return n;
}

/* The lines "Name: value\r\n" of @text as headers. */
static size_t
add_header_lines(struct slice text, struct auth_header *headers, size_t n)
{
	struct slice line, name;

	while (slice_cut(&text, '\n', &line) && line.n) {
		slice_cut(&line, ':', &name);
		line.n--; /* CR */
		headers[n++] = (struct auth_header){ name, slice_trim(line) };
	}
	return n;
}

static enum s3_error
verify_at(const struct auth_request *req, int64_t now_us,
	  struct auth_identity *id)
{
	const struct auth_policy policy = { .service = "s3", .now_us = now_us };
	struct s3_detail detail = { 0 };
	struct arena a;
	enum s3_error err;

	arena_init(&a, 1 << 20);
	err = auth_verify(req, &keys, &policy, &a, id, &detail);
	arena_release(&a);
	return err;
}

static void
test_sign_documented_requests_gives_documented_signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct auth_header headers[HEADERS_MAX];
		struct auth_request req;
		struct buf out = BUF_INIT;

		fill_request(&examples[i], headers, &req);
		assert_int_equal(auth_sign(&req, &signer,
					   slice_str(examples[i].payload_hash),
					   NOW_US, &out),
				 0);
		assert_non_null(strstr(out.p, examples[i].signature));
		buf_release(&out);
	}
}

static void
test_verify_signed_requests_accepts_and_names_the_sender(void **state)
{
	static const enum auth_payload payloads[] = {
		AUTH_PAYLOAD_SHA256, AUTH_PAYLOAD_SHA256, AUTH_PAYLOAD_SHA256,
		AUTH_PAYLOAD_CHUNKS, AUTH_PAYLOAD_CHUNKS_TRAILER
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct auth_header headers[HEADERS_MAX];
		struct auth_identity id = { 0 };
		struct auth_request req;
		struct buf out = BUF_INIT;
		size_t n = fill_request(&examples[i], headers, &req);

		assert_int_equal(auth_sign(&req, &signer,
					   slice_str(examples[i].payload_hash),
					   NOW_US, &out),
				 0);
		req.n_headers = add_header_lines(buf_slice(&out), headers, n);
		assert_int_equal(verify_at(&req, NOW_US, &id), S3_OK);
		assert_int_equal(id.kind, AUTH_HEADER);
		assert_string_equal(id.access_key, AKID);
		assert_string_equal(id.account_id, "111122223333");
		assert_string_equal(id.seed_signature, examples[i].signature);
		assert_string_equal(id.amz_date, "20130524T000000Z");
		assert_string_equal(id.scope,
				    "20130524/us-east-1/s3/aws4_request");
		assert_int_equal(id.payload, payloads[i]);
		buf_release(&out);
	}
}

static void
test_presign_documented_request_gives_documented_signature(void **state)
{
	const struct auth_header host = {
		SLICE("Host"), SLICE("examplebucket.s3.amazonaws.com")
	};
	struct auth_request req = { .method = SLICE("GET"),
				    .raw_path = SLICE("/test.txt"),
				    .headers = &host,
				    .n_headers = 1 };
	struct auth_identity id;
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(auth_presign(&req, &signer, 86400, NOW_US, &out), 0);
	assert_string_equal(
	    out.p,
	    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" AKID
	    "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="
	    "20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&"
	    "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957"
	    "d157751f604d404");
	req.raw_query = buf_slice(&out);
	assert_int_equal(verify_at(&req, NOW_US + 86399 * US_PER_S, &id),
			 S3_OK);
	assert_int_equal(id.kind, AUTH_PRESIGNED);
	assert_int_equal(id.payload, AUTH_PAYLOAD_UNSIGNED);
	buf_release(&out);
}

/* The same request by keys that expire; signatures as botocore makes them. */
static void
test_sign_with_a_session_token_signs_it_too(void **state)
{
	const struct auth_header host = {
		SLICE("Host"), SLICE("examplebucket.s3.amazonaws.com")
	};
	const struct auth_request req = { .method = SLICE("GET"),
					  .raw_path = SLICE("/test.txt"),
					  .headers = &host,
					  .n_headers = 1 };
	struct auth_signer expiring = signer;
	struct buf out = BUF_INIT;

	(void)state;
	expiring.session_token =
	    SLICE("AQoEXAMPLEH4aoAH0gNCAPyJxz4BlCFFxWNE1OPTgk5TthT+FvwqnKwRcOI"
		  "frRh3c/==");
	assert_int_equal(
	    auth_sign(&req, &expiring, SLICE(EMPTY_SHA256), NOW_US, &out), 0);
	assert_string_equal(
	    out.p,
	    "Authorization: AWS4-HMAC-SHA256 Credential=" AKID
	    "/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;"
	    "x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="
	    "2b71d918217e1d809745b756ca5faedec5a79cc2690c06224ff871bcd5c8013d"
	    "\r\nx-amz-date: 20130524T000000Z\r\n"
	    "x-amz-content-sha256: " EMPTY_SHA256 "\r\n"
	    "x-amz-security-token: AQoEXAMPLEH4aoAH0gNCAPyJxz4BlCFFxWNE1OPTgk5"
	    "TthT+FvwqnKwRcOIfrRh3c/==\r\n");
	buf_clear(&out);
	assert_int_equal(auth_presign(&req, &expiring, 86400, NOW_US, &out), 0);
	assert_string_equal(
	    out.p,
	    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" AKID
	    "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="
	    "20130524T000000Z&X-Amz-Expires=86400&X-Amz-Security-Token="
	    "AQoEXAMPLEH4aoAH0gNCAPyJxz4BlCFFxWNE1OPTgk5TthT%2BFvwqnKwRcOIfrRh"
	    "3c%2F%3D%3D&X-Amz-SignedHeaders=host&X-Amz-Signature=72a84a937316"
	    "8e636791788919b93db85c3be73596c3674ecc637a12115f5167");
	buf_release(&out);
}

static void
test_sign_refuses_what_cannot_be_signed(void **state)
{
	const struct auth_header host = { SLICE("Host"), SLICE("h") };
	struct auth_request req = { .method = SLICE("GET"),
				    .raw_path = SLICE("/%zz"),
				    .headers = &host,
				    .n_headers = 1 };
	struct auth_signer bad = signer;
	char long_secret[200];
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(auth_presign(&req, &signer, 60, NOW_US, &out), -1);
	req.raw_path = SLICE("/");
	assert_int_equal(auth_presign(&req, &signer, 0, NOW_US, &out), -1);
	assert_int_equal(
	    auth_presign(&req, &signer, AUTH_EXPIRES_MAX + 1, NOW_US, &out),
	    -1);
	memset(long_secret, 'x', sizeof(long_secret));
	bad.secret_key = slice_mem(long_secret, sizeof(long_secret));
	assert_int_equal(
	    auth_sign(&req, &bad, SLICE(EMPTY_SHA256), NOW_US, &out), -1);
	bad.secret_key = SLICE_EMPTY;
	assert_int_equal(
	    auth_sign(&req, &bad, SLICE(EMPTY_SHA256), NOW_US, &out), -1);
	buf_release(&out);
}

/* More scopes than the key cache holds, from several threads at once. */
static void *
sign_in_many_regions(void *failures)
{
	const struct auth_header host = { SLICE("Host"), SLICE("h") };
	struct auth_request req = { .method = SLICE("GET"),
				    .raw_path = SLICE("/b/k"),
				    .headers = &host,
				    .n_headers = 1 };
	struct auth_signer mine = signer;
	struct auth_identity id;
	char region[16];

	for (int i = 0; i < 200; i++) {
		struct buf query = BUF_INIT;

		snprintf(region, sizeof(region), "region-%d", i % 50);
		mine.region = slice_str(region);
		req.raw_query = SLICE_EMPTY;
		if (auth_presign(&req, &mine, 60, NOW_US, &query) != 0)
			__atomic_add_fetch((int *)failures, 1,
					   __ATOMIC_RELAXED);
		req.raw_query = buf_slice(&query);
		if (verify_at(&req, NOW_US, &id) != S3_OK)
			__atomic_add_fetch((int *)failures, 1,
					   __ATOMIC_RELAXED);
		buf_release(&query);
	}
	return NULL;
}

static void
test_verify_from_many_threads_shares_the_key_cache(void **state)
{
	pthread_t threads[4];
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						sign_in_many_regions,
						&failures),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
}

static void
test_verify_rotated_secret_ends_old_signatures(void **state)
{
	const struct auth_header host = { SLICE("Host"), SLICE("h") };
	struct auth_request req = { .method = SLICE("GET"),
				    .raw_path = SLICE("/b/k"),
				    .headers = &host,
				    .n_headers = 1 };
	struct auth_signer old = signer;
	struct auth_identity id;
	struct buf query = BUF_INIT;

	(void)state;
	old.secret_key = SLICE("the secret before rotation");
	assert_int_equal(auth_presign(&req, &old, 60, NOW_US, &query), 0);
	req.raw_query = buf_slice(&query);
	assert_int_equal(verify_at(&req, NOW_US, &id),
			 S3_ERR_SIGNATURE_DOES_NOT_MATCH);
	buf_release(&query);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_sign_documented_requests_gives_documented_signatures),
		cmocka_unit_test(
		    test_verify_signed_requests_accepts_and_names_the_sender),
		cmocka_unit_test(
		    test_presign_documented_request_gives_documented_signature),
		cmocka_unit_test(test_sign_with_a_session_token_signs_it_too),
		cmocka_unit_test(test_sign_refuses_what_cannot_be_signed),
		cmocka_unit_test(
		    test_verify_from_many_threads_shares_the_key_cache),
		cmocka_unit_test(
		    test_verify_rotated_secret_ends_old_signatures),
	};

	return cmocka_run_group_tests_name("auth_sigv4", tests, auth_setup,
					   NULL);
}
