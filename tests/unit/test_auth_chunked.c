/*
 * aws-chunked bodies: the documented examples (66,560 bytes of 'a' in chunks
 * of 64 KiB, 1 KiB and 0), fed in every kind of split, and what must not pass.
 */
#include "auth/auth.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PAYLOAD_BYTES 66560

/* The seeds and signatures of AWS's two examples. */
#define SEED "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
#define CHUNK1 \
	"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
#define CHUNK2 \
	"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
#define CHUNK3 \
	"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
#define T_SEED \
	"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
#define T_CHUNK1 \
	"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
#define T_CHUNK2 \
	"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
#define T_CHUNK3 \
	"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
#define T_TRAILER \
	"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"

static struct auth_identity
identity(enum auth_payload payload, const char *seed)
{
	static const char secret[] =
	    "AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
	static const char *const steps[] = { "20130524", "us-east-1", "s3",
					     "aws4_request" };
	struct auth_identity id = { .kind = AUTH_HEADER,
				    .payload = payload,
				    .amz_date = "20130524T000000Z",
				    .scope =
					"20130524/us-east-1/s3/aws4_request" };
	uint8_t key[SHA256_BYTES];

	hmac_sha256(secret, strlen(secret), steps[0], strlen(steps[0]),
		    id.signing_key);
	for (size_t i = 1; i < ARRAY_LEN(steps); i++) {
		memcpy(key, id.signing_key, sizeof(key));
		hmac_sha256(key, sizeof(key), steps[i], strlen(steps[i]),
			    id.signing_key);
	}
	snprintf(id.seed_signature, sizeof(id.seed_signature), "%s", seed);
	return id;
}

static void
put_repeated(struct buf *b, char c, size_t n)
{
	char *at = buf_reserve(b, n);

	assert_non_null(at);
	memset(at, c, n);
	b->n += n;
}

static struct buf
documented_body(const char *s1, const char *s2, const char *s3,
		const char *tail)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "10000;chunk-signature=%s\r\n", s1);
	put_repeated(&b, 'a', 65536);
	buf_printf(&b, "\r\n400;chunk-signature=%s\r\n", s2);
	put_repeated(&b, 'a', 1024);
	buf_printf(&b, "\r\n0;chunk-signature=%s\r\n%s", s3, tail);
	return b;
}

static enum s3_error
into_buf(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return buf_ok(ctx) ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

struct result {
	enum s3_error err;
	struct buf payload;
	char trailer[64];
	struct s3_detail detail;
	struct arena arena;
};

static void
release(struct result *r)
{
	buf_release(&r->payload);
	arena_release(&r->arena);
}

/* Decodes @body in pieces of at most @step bytes. */
static struct result
decode(const struct auth_identity *id, uint64_t length, const char *trailer,
       struct slice body, size_t step)
{
	const struct auth_chunked_conf conf = { id, length,
						slice_str(trailer) };
	struct auth_chunked *c = auth_chunked_new(&conf);
	struct result r = { .err = S3_OK };
	struct slice value;

	assert_non_null(c);
	arena_init(&r.arena, 65536);
	while (body.n && r.err == S3_OK) {
		struct slice piece = slice_head(body, step);

		r.err = auth_chunked_feed(c, piece.p, piece.n, into_buf,
					  &r.payload, &r.detail, &r.arena);
		body = slice_from(body, piece.n);
	}
	if (r.err == S3_OK)
		r.err = auth_chunked_finish(c);
	value = auth_chunked_trailer(c);
	snprintf(r.trailer, sizeof(r.trailer), "%.*s", SLICE_ARG(value));
	auth_chunked_free(c);
	return r;
}

static void
assert_payload(const struct result *r)
{
	assert_int_equal(r->err, S3_OK);
	assert_int_equal(r->payload.n, PAYLOAD_BYTES);
	for (size_t i = 0; i < r->payload.n; i++)
		assert_int_equal(r->payload.p[i], 'a');
}

static const size_t steps[] = { 1, 2, 3, 7, 85, 4096, 65537, SIZE_MAX };

static void
test_feed_documented_chunks_decodes_at_any_split(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_CHUNKS, SEED);
	struct buf body = documented_body(CHUNK1, CHUNK2, CHUNK3, "\r\n");

	(void)state;
	assert_int_equal(body.n, 66824); /* the example's Content-Length */
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct result r =
		    decode(&id, PAYLOAD_BYTES, "", buf_slice(&body), steps[i]);

		assert_payload(&r);
		release(&r);
	}
	buf_release(&body);
}

static void
test_feed_documented_trailer_decodes_at_any_split(void **state)
{
	static const char *const tails[] = {
		"x-amz-checksum-crc32c:sOO8/Q==\r\n"
		"x-amz-trailer-signature:" T_TRAILER "\r\n\r\n",
		/* lines ended by LF, and an empty line between */
		"x-amz-checksum-crc32c:sOO8/Q==\n\r\n"
		"x-amz-trailer-signature:" T_TRAILER "\r\n\r\n",
		"X-Amz-Checksum-Crc32c: sOO8/Q== \n"
		"x-amz-trailer-signature:" T_TRAILER "\n\n",
	};
	struct auth_identity id = identity(AUTH_PAYLOAD_CHUNKS_TRAILER, T_SEED);

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(tails); k++) {
		struct buf body =
		    documented_body(T_CHUNK1, T_CHUNK2, T_CHUNK3, tails[k]);

		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			struct result r =
			    decode(&id, PAYLOAD_BYTES, "x-amz-checksum-crc32c",
				   buf_slice(&body), steps[i]);

			assert_payload(&r);
			assert_string_equal(r.trailer, "sOO8/Q==");
			release(&r);
		}
		buf_release(&body);
	}
}

static void
test_feed_one_changed_byte_anywhere_is_refused(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_CHUNKS, SEED);
	struct buf body = documented_body(CHUNK1, CHUNK2, CHUNK3, "\r\n");
	/* a size digit, a signature, data of both chunks, the last signature */
	static const size_t at[] = { 1, 30, 100, 65600, 65640, 66000, 66760 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		char kept = body.p[at[i]];
		struct result r;

		body.p[at[i]] = kept == '1' ? '2' : '1';
		r = decode(&id, PAYLOAD_BYTES, "", buf_slice(&body), 4096);
		assert_int_not_equal(r.err, S3_OK);
		body.p[at[i]] = kept;
		release(&r);
	}
	buf_release(&body);
}

static void
test_finish_truncated_anywhere_is_incomplete(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_CHUNKS, SEED);
	struct buf body = documented_body(CHUNK1, CHUNK2, CHUNK3, "\r\n");
	static const size_t at[] = { 1, 87, 88, 65624, 65626, 66738, 66823 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct result r =
		    decode(&id, PAYLOAD_BYTES, "",
			   slice_head(buf_slice(&body), at[i]), SIZE_MAX);

		assert_int_equal(r.err, S3_ERR_INCOMPLETE_BODY);
		release(&r);
	}
	buf_release(&body);
}

static const struct unsigned_case {
	const char *body;
	uint64_t length;
	const char *trailer;
	enum s3_error err;
} unsigned_cases[] = {
	{ "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 5,
	  "x-amz-checksum-crc32", S3_OK },
	{ "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", 0,
	  "x-amz-checksum-crc32", S3_OK },
	{ "5\r\nhello\r\n0\r\n\r\n", 5, "", S3_OK },
	{ "5\nhello\n0\n\n", 5, "", S3_OK },
	{ "00000005\r\nhello\r\n0\r\n\r\n", 5, "", S3_OK },
	/* framing */
	{ "\r\n5\r\nhello\r\n0\r\n\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "5;a=b\r\nhello\r\n0\r\n\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "5 \r\nhello\r\n0\r\n\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "0x5\r\nhello\r\n0\r\n\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "-5\r\nhello\r\n0\r\n\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "5\r\nhelloX\r\n0\r\n\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "5\r\nhello\r\n0\r\n\r\nmore", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "5\r\nhello\r\n", 5, "", S3_ERR_INCOMPLETE_BODY },
	{ "", 0, "", S3_ERR_INCOMPLETE_BODY },
	{ "fffffffffffffffff\r\nx", 5, "", S3_ERR_INCOMPLETE_BODY },
	/* decoded length */
	{ "5\r\nhello\r\n0\r\n\r\n", 6, "", S3_ERR_INCOMPLETE_BODY },
	{ "5\r\nhello\r\n0\r\n\r\n", 4, "", S3_ERR_INCOMPLETE_BODY },
	{ "fffffffffffffff\r\n", UINT64_MAX, "", S3_ERR_INCOMPLETE_BODY },
	/* inner chunks */
	{ "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 5, "",
	  S3_ERR_INVALID_CHUNK_SIZE },
	/* trailers */
	{ "5\r\nhello\r\n0\r\n\r\n", 5, "x-amz-checksum-crc32",
	  S3_ERR_MALFORMED_TRAILER },
	{ "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:NhCmhg==\r\n\r\n", 5,
	  "x-amz-checksum-crc32", S3_ERR_MALFORMED_TRAILER },
	{ "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 5, "",
	  S3_ERR_MALFORMED_TRAILER },
	{ "5\r\nhello\r\n0\r\n:NhCmhg==\r\n\r\n", 5, "",
	  S3_ERR_MALFORMED_TRAILER },
	{ "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:\r\n\r\n", 5,
	  "x-amz-checksum-crc32", S3_ERR_MALFORMED_TRAILER },
	{ "5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", 5,
	  "x-amz-checksum-crc32", S3_ERR_MALFORMED_TRAILER },
	{ "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n"
	  "x-amz-checksum-crc32:b\r\n\r\n",
	  5, "x-amz-checksum-crc32", S3_ERR_MALFORMED_TRAILER },
};

static void
test_feed_unsigned_trailer_table(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_UNSIGNED_TRAILER, SEED);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unsigned_cases); i++) {
		const struct unsigned_case *u = &unsigned_cases[i];

		for (size_t step = 1; step < 9; step += 3) {
			struct result r = decode(&id, u->length, u->trailer,
						 slice_str(u->body), step);

			if (r.err != u->err)
				print_error("case %zu, step %zu\n", i, step);
			assert_int_equal(r.err, u->err);
			release(&r);
		}
	}
}

static void
test_feed_endless_lines_are_refused(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_UNSIGNED_TRAILER, SEED);
	struct buf head = BUF_INIT, trailer = BUF_INIT;
	struct result r;

	(void)state;
	put_repeated(&head, '0', 5000);
	r = decode(&id, 5, "", buf_slice(&head), 100);
	assert_int_equal(r.err, S3_ERR_INCOMPLETE_BODY);
	release(&r);
	buf_puts(&trailer, "0\r\nx-amz-checksum-crc32:");
	put_repeated(&trailer, 'A', 5000);
	r = decode(&id, 0, "x-amz-checksum-crc32", buf_slice(&trailer), 100);
	assert_int_equal(r.err, S3_ERR_MALFORMED_TRAILER);
	release(&r);
	buf_release(&head);
	buf_release(&trailer);
}

static void
assert_extra(const struct s3_detail *d, size_t i, const char *name,
	     const char *value)
{
	assert_true(i < d->n);
	assert_string_equal(d->extra[i].name, name);
	assert_true(slice_eq_str(d->extra[i].value, value));
}

static void
test_feed_errors_say_what_they_are_about(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_UNSIGNED_TRAILER, SEED);
	struct result r =
	    decode(&id, 9, "", SLICE("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), 64);

	(void)state;
	assert_int_equal(r.err, S3_ERR_INVALID_CHUNK_SIZE);
	assert_extra(&r.detail, 0, "Chunk", "2");
	assert_extra(&r.detail, 1, "BadChunkSize", "3");
	release(&r);
	r = decode(&id, 9, "", SLICE("3\r\nhel\r\n0\r\n\r\n"), 64);
	assert_int_equal(r.err, S3_ERR_INCOMPLETE_BODY);
	assert_extra(&r.detail, 0, "NumberBytesExpected", "9");
	assert_extra(&r.detail, 1, "NumberBytesProvided", "3");
	release(&r);
	r = decode(&id, 9, "", SLICE("zz\r\n"), 64);
	assert_string_equal(r.detail.message,
			    "The request body terminated unexpectedly");
	release(&r);
}

static enum s3_error
refuse(void *ctx, const void *p, size_t n)
{
	(void)ctx, (void)p, (void)n;
	return S3_ERR_INSUFFICIENT_STORAGE;
}

static void
test_feed_answers_the_error_of_the_sink(void **state)
{
	struct auth_identity id = identity(AUTH_PAYLOAD_UNSIGNED_TRAILER, SEED);
	const struct auth_chunked_conf conf = { &id, 5, SLICE_EMPTY };
	struct auth_chunked *c = auth_chunked_new(&conf);

	(void)state;
	assert_non_null(c);
	assert_int_equal(
	    auth_chunked_feed(c, "5\r\nhello", 8, refuse, NULL, NULL, NULL),
	    S3_ERR_INSUFFICIENT_STORAGE);
	auth_chunked_free(c);
	auth_chunked_free(NULL);
}

static int
setup(void **state)
{
	(void)state;
	return hash_setup();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_feed_documented_chunks_decodes_at_any_split),
		cmocka_unit_test(
		    test_feed_documented_trailer_decodes_at_any_split),
		cmocka_unit_test(
		    test_feed_one_changed_byte_anywhere_is_refused),
		cmocka_unit_test(test_finish_truncated_anywhere_is_incomplete),
		cmocka_unit_test(test_feed_unsigned_trailer_table),
		cmocka_unit_test(test_feed_endless_lines_are_refused),
		cmocka_unit_test(test_feed_errors_say_what_they_are_about),
		cmocka_unit_test(test_feed_answers_the_error_of_the_sink),
	};

	return cmocka_run_group_tests_name("auth_chunked", tests, setup, NULL);
}
