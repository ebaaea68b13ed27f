/*
 * Puts of the s3 backend as they go over the wire: what is held and repeated,
 * what is streamed, that a streamed body is one our own verifier accepts, and
 * that nothing whole arrives of what is aborted.
 */
#include "auth/auth.h"
#include "base/log.h"
#include "tests/unit/s3_script.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e1\"\r\n\r\n"
#define BUSY "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
#define SIZE ((3u << 20) + 7)

static struct store *store;
static char *data;

static const struct auth_signer signer = {
	.access_key = { "KEY", 3 },
	.secret_key = { "secret-of-the-key", 17 },
	.region = { "us-east-1", 9 },
	.service = "s3",
};

static int
lookup(void *ctx, struct slice access_key, struct auth_key *out)
{
	(void)ctx;
	(void)access_key;
	snprintf(out->secret, sizeof(out->secret), "secret-of-the-key");
	return 0;
}

static void
begin(const char *const *answers, size_t n)
{
	store = script_open(
	    (struct store_s3_conf){ .signer = auth_signer_as(&signer) },
	    answers, n);
}

static void
end(void)
{
	store_close(store);
	http_script_stop(&script);
}

static struct slice
header(size_t i, const char *name)
{
	struct slice rest = buf_slice(&script.request[i]), line;

	while (slice_cut(&rest, '\n', &line) && line.n > 1) {
		ptrdiff_t colon = slice_chr(line, ':');

		if (colon > 0 &&
		    slice_ieq_str(slice_head(line, (size_t)colon), name))
			return slice_trim(
			    slice_mem(line.p + colon + 1, line.n - colon - 2));
	}
	return SLICE_EMPTY;
}

/* The request's signature, verified as the gateway does. */
static void
verify(size_t i, struct arena *a, struct auth_identity *id)
{
	struct auth_header headers[32];
	struct auth_request req = { .headers = headers };
	const struct auth_policy policy = { .service = "s3",
					    .now_us = time(NULL) * 1000000ll };
	const struct auth_keys keys = { lookup, NULL };
	struct slice rest = buf_slice(&script.request[i]), line, target;

	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(slice_cut(&line, ' ', &req.method));
	assert_true(slice_cut(&line, ' ', &target));
	assert_true(slice_cut(&target, '?', &req.raw_path));
	req.raw_query = target.p ? target : SLICE_EMPTY;
	while (slice_cut(&rest, '\n', &line) && line.n > 1) {
		ptrdiff_t colon = slice_chr(line, ':');

		headers[req.n_headers].name = slice_head(line, (size_t)colon);
		headers[req.n_headers++].value = slice_trim(
		    slice_mem(line.p + colon + 1, line.n - colon - 2));
	}
	assert_int_equal(auth_verify(&req, &keys, &policy, a, id, NULL), S3_OK);
}

static enum s3_error
into_buf(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return S3_OK;
}

/* The payload of request i, its chunk signatures and trailer verified. */
static void
expect_payload(size_t i, const char *trailer)
{
	struct slice all = buf_slice(&script.request[i]);
	struct auth_chunked_conf conf = { .decoded_length = SIZE,
					  .trailer =
					      header(i, "x-amz-trailer") };
	struct auth_chunked *c;
	struct auth_identity id;
	struct buf got = BUF_INIT;
	struct arena a;

	arena_init(&a, 1u << 20);
	verify(i, &a, &id);
	conf.id = &id;
	c = auth_chunked_new(&conf);
	all = slice_from(all, (size_t)slice_find(all, SLICE("\r\n\r\n")) + 4);
	assert_int_equal(
	    auth_chunked_feed(c, all.p, all.n, into_buf, &got, NULL, &a),
	    S3_OK);
	assert_int_equal(auth_chunked_finish(c), S3_OK);
	assert_true(slice_eq_str(auth_chunked_trailer(c), trailer));
	assert_int_equal(got.n, SIZE);
	assert_memory_equal(got.p, data, SIZE);
	auth_chunked_free(c);
	buf_release(&got);
	arena_release(&a);
}

static struct store_put *
open_put(uint64_t size, enum hash_alg alg)
{
	const struct store_header gzip = { SLICE("content-encoding"),
					   SLICE("gzip") };
	const struct store_put_req req = { .bucket = SLICE("bucket"),
					   .key = SLICE("k"),
					   .size = size,
					   .checksum_alg = alg,
					   .headers = { &gzip, 1 },
					   .cond = STORE_COND_NONE };
	struct store_put *put;

	assert_int_equal(store_put_begin(store, &req, &put), S3_OK);
	return put;
}

static void
write_all(struct store_put *put, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; at += piece)
		assert_int_equal(
		    store_put_write(put, data + at,
				    n - at < piece ? n - at : piece),
		    S3_OK);
}

static void
test_small_put_is_repeated_with_its_whole_body(void **state)
{
	static const char *const answers[] = { "!", BUSY, OK };
	const struct store_put_final fin = { 0 };
	struct store_put *put;
	struct store_object made;

	(void)state;
	begin(answers, 3);
	put = open_put(1u << 20, HASH_NONE);
	write_all(put, 1u << 20, 65536);
	assert_int_equal(script.served, 0);
	assert_int_equal(store_put_commit(put, &fin, &made), S3_OK);
	assert_string_equal(made.etag, "e1");
	assert_int_equal(made.size, 1u << 20);
	assert_true(slice_ends(buf_slice(&script.request[2]),
			       slice_mem(data, 1u << 20)));
	end();
}

static void
test_large_put_is_streamed_signed_and_with_a_trailer(void **state)
{
	static const char *const answers[] = { "<" BUSY, OK, OK };
	struct store_put_final fin = { 0 };
	struct store_put *put;
	struct hash h;

	(void)state;
	begin(answers, 3);
	/* nobody brings a checksum: one is made on the way */
	put = open_put(SIZE, HASH_NONE);
	write_all(put, SIZE, 100000);
	assert_int_equal(store_put_commit(put, &fin, NULL), S3_OK);
	assert_true(
	    slice_eq_str(header(1, "content-encoding"), "aws-chunked,gzip"));
	assert_true(
	    slice_eq_str(header(1, "x-amz-trailer"), "x-amz-checksum-crc32c"));
	assert_true(
	    slice_eq_str(header(1, "x-amz-sdk-checksum-algorithm"), "CRC32C"));
	/* one is announced, and comes with the commit */
	put = open_put(SIZE, HASH_SHA256);
	write_all(put, SIZE, 256u << 10);
	assert_int_equal(hash_init(&h, HASH_SHA256), 0);
	hash_update(&h, "x", 1); /* whether it is true is the other's to say */
	hash_final(&h, fin.checksum);
	hash_release(&h);
	fin.checksum_alg = HASH_SHA256;
	assert_int_equal(store_put_commit(put, &fin, NULL), S3_OK);
	assert_int_equal(script.served, 3);
	expect_payload(2, "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=");
	end();
}

static void
test_part_is_streamed_in_signed_chunks(void **state)
{
	static const char *const answers[] = { OK };
	const struct store_put_final fin = { .checksum_alg = HASH_CRC32 };
	const struct store_part_ref part = { .bucket = SLICE("bucket"),
					     .key = SLICE("k"),
					     .upload_id = SLICE("a/b"),
					     .number = 7 };
	struct store_put *put;

	(void)state;
	begin(answers, 1);
	assert_int_equal(store_part_begin(store, &part, SIZE, 0, &put), S3_OK);
	write_all(put, SIZE, 1u << 20);
	assert_int_equal(store_put_commit(put, &fin, NULL), S3_OK);
	assert_true(slice_starts(
	    buf_slice(&script.request[0]),
	    SLICE("PUT /bucket/k?partNumber=7&uploadId=a%2Fb HTTP/1.1\r\n")));
	assert_int_equal(header(0, "x-amz-trailer").n, 0);
	expect_payload(0, "");
	end();
}

#define SUMMED                                                     \
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e1\"\r\n" \
	"x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n\r\n"

static struct store_put *
open_signed(uint64_t size, enum hash_alg alg, const uint8_t *checksum)
{
	static uint8_t sha[SHA256_BYTES];
	const struct store_digests digests = { checksum, sha };
	const struct store_put_req req = { .bucket = SLICE("bucket"),
					   .key = SLICE("k"),
					   .size = size,
					   .checksum_alg = alg,
					   .digests = &digests,
					   .cond = STORE_COND_NONE };
	struct store_put *put;

	sha256(data, size, sha);
	assert_int_equal(store_put_begin(store, &req, &put), S3_OK);
	return put;
}

/* Signed as a whole by that hash, and nothing else around it. */
static void
expect_plain(size_t i)
{
	struct slice all = buf_slice(&script.request[i]);
	struct auth_identity id;
	char hex[SHA256_HEX_MAX];
	struct arena a;

	arena_init(&a, 1u << 20);
	verify(i, &a, &id);
	arena_release(&a);
	sha256_hex(data, SIZE, hex);
	assert_true(slice_eq_str(header(i, "x-amz-content-sha256"), hex));
	assert_int_equal(header(i, "content-encoding").n, 0);
	all = slice_from(all, (size_t)slice_find(all, SLICE("\r\n\r\n")) + 4);
	assert_true(slice_eq(all, slice_mem(data, SIZE)));
}

static void
commit_signed(enum hash_alg alg, const uint8_t *checksum, bool plain, bool md5)
{
	const struct store_put_final fin = { .checksum_alg = (uint16_t)alg };
	struct store_put *put = open_signed(SIZE, alg, checksum);

	assert_true(store_put_compares_sha256(put) == plain);
	assert_true(store_put_needs_md5(put) == md5);
	write_all(put, SIZE, 100000);
	assert_int_equal(store_put_commit(put, &fin, NULL), S3_OK);
}

static void
test_body_signed_as_a_whole_is_sent_as_one(void **state)
{
	static const char *const answers[] = { SUMMED, SUMMED, OK, OK, OK };
	static const uint8_t sum[HASH_BYTES_MAX];

	(void)state;
	begin(answers, 5);
	/* It makes a checksum by itself, and tells it: no MD5 from then on. */
	commit_signed(HASH_CRC64NVME, NULL, true, true);
	expect_plain(0);
	assert_int_equal(header(0, "x-amz-checksum-crc64nvme").n, 0);
	commit_signed(HASH_CRC64NVME, NULL, true, false);
	/* One that is named goes before; this answer is silent about it. */
	commit_signed(HASH_CRC32, sum, true, true);
	expect_plain(2);
	assert_true(
	    slice_eq_str(header(2, "x-amz-checksum-crc32"), "AAAAAA=="));
	/* Now it makes none: the next one is sent behind chunks. */
	commit_signed(HASH_CRC64NVME, NULL, true, false);
	commit_signed(HASH_CRC64NVME, NULL, false, true);
	assert_true(slice_eq_str(header(4, "x-amz-trailer"),
				 "x-amz-checksum-crc64nvme"));
	end();
}

/* What fails there, or here, leaves nothing whole. */
static void
test_body_signed_as_a_whole_is_held_back_too(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 400 X\r\nContent-Length: 60\r\n\r\n"
		"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>       "
	};
	const struct store_put_final fin = { .checksum_alg = HASH_CRC64NVME };
	struct store_put *put;

	(void)state;
	begin(answers, 1);
	put = open_signed(SIZE, HASH_CRC64NVME, NULL);
	write_all(put, SIZE, 1u << 20);
	store_put_abort(put);
	assert_int_equal(script.served, 0);
	put = open_signed(SIZE, HASH_CRC64NVME, NULL);
	write_all(put, SIZE, 1u << 20);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_X_AMZ_CONTENT_SHA256_MISMATCH);
	end();
}

static void
test_put_that_fails_anywhere_is_never_whole(void **state)
{
	static const char *const answers[] = { OK };
	const struct store_put_final fin = { 0 };
	struct store_put *put;

	(void)state;
	begin(answers, 1);
	put = open_put(SIZE, HASH_CRC32C); /* all bytes but no end of it */
	write_all(put, SIZE, 1u << 20);
	store_put_abort(put);
	put = open_put(SIZE, HASH_CRC32C); /* a byte short */
	write_all(put, SIZE - 1, 1u << 20);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_INCOMPLETE_BODY);
	put = open_put(SIZE, HASH_CRC32C); /* another checksum */
	write_all(put, SIZE, 1u << 20);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_INVALID_ARGUMENT);
	put = open_put(5, HASH_NONE);
	store_put_abort(put);
	store_close(store);
	http_script_stop(&script);
	assert_int_equal(script.served, 0);
}

static void
test_put_refused_on_its_way_is_refused_for_that(void **state)
{
	static const char *const answers[] = {
		"#100000;!HTTP/1.1 403 X\r\n\r\n"
		"<Error><Code>AccessDenied</Code></Error>",
		"#100000;^"
	};
	static const enum s3_error want[] = { S3_ERR_ACCESS_DENIED,
					      S3_ERR_SERVICE_UNAVAILABLE };
	const struct store_put_final fin = { 0 };

	(void)state;
	begin(answers, 2);
	for (size_t i = 0; i < 2; i++) {
		struct store_put *put = open_put(SIZE * 8ull, HASH_NONE);
		enum s3_error err = S3_OK;

		for (int k = 0; k < 8 && err == S3_OK; k++)
			err = store_put_write(put, data, SIZE);
		if (err == S3_OK)
			err = store_put_commit(put, &fin, NULL);
		else
			store_put_abort(put);
		assert_true(err == want[i] ||
			    err == S3_ERR_SERVICE_UNAVAILABLE);
	}
	end();
}

#define ID                                                       \
	"<InitiateMultipartUploadResult><UploadId>u1</UploadId>" \
	"</InitiateMultipartUploadResult>"
static void
test_put_of_unknown_size_becomes_parts_beyond_eight_mib(void **state)
{
	static const char *const answers[] = {
		OK,
		"!HTTP/1.1 200 OK\r\n\r\n" ID,
		OK,
		"HTTP/1.1 204 X\r\n\r\n",
	};
	const struct store_put_final fin = { 0 };
	struct store_put *put;

	(void)state;
	begin(answers, 4);
	put = open_put(UINT64_MAX, HASH_SHA256);
	write_all(put, SIZE, 1u << 20);
	assert_int_equal(script.served, 0);
	assert_int_equal(store_put_commit(put, &fin, NULL), S3_OK);
	assert_true(slice_starts(buf_slice(&script.request[0]),
				 SLICE("PUT /bucket/k HTTP/1.1\r\n")));
	put = open_put(UINT64_MAX, HASH_SHA256);
	for (int i = 0; i < 3; i++)
		write_all(put, SIZE, 1u << 20);
	assert_int_equal(script.served, 3);
	assert_true(slice_starts(buf_slice(&script.request[1]),
				 SLICE("POST /bucket/k?uploads= HTTP/1.1")));
	assert_true(slice_starts(
	    buf_slice(&script.request[2]),
	    SLICE("PUT /bucket/k?partNumber=1&uploadId=u1 HTTP/1.1")));
	store_put_abort(put);
	assert_true(
	    slice_starts(buf_slice(&script.request[3]),
			 SLICE("DELETE /bucket/k?uploadId=u1 HTTP/1.1")));
	end();
}

static int
setup(void **state)
{
	(void)state;
	data = malloc(SIZE);
	for (size_t i = 0; data && i < SIZE; i++)
		data[i] = (char)(i * 37 + (i >> 11));
	return data && hash_setup() == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(data);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_small_put_is_repeated_with_its_whole_body),
		cmocka_unit_test(
		    test_large_put_is_streamed_signed_and_with_a_trailer),
		cmocka_unit_test(test_part_is_streamed_in_signed_chunks),
		cmocka_unit_test(test_body_signed_as_a_whole_is_sent_as_one),
		cmocka_unit_test(test_body_signed_as_a_whole_is_held_back_too),
		cmocka_unit_test(test_put_that_fails_anywhere_is_never_whole),
		cmocka_unit_test(
		    test_put_refused_on_its_way_is_refused_for_that),
		cmocka_unit_test(
		    test_put_of_unknown_size_becomes_parts_beyond_eight_mib),
	};

	log_set_level_name("error");
	return cmocka_run_group_tests(tests, setup, teardown);
}
