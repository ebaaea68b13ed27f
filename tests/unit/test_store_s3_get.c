/*
 * Gets of the s3 backend against a scripted endpoint: what is read out of its
 * answers, what is asked for bytes, and that bytes which broke off, were
 * exchanged or damaged on their way never pass for the object's.
 */
#include "base/hash.h"
#include "base/log.h"
#include "tests/unit/s3_script.h"

#define HEAD                                        \
	"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n" \
	"ETag: \"e7\"\r\nx-amz-version-id: v1\r\n"  \
	"Last-Modified: Fri, 24 May 2013 00:00:00 GMT\r\n"
#define WHOLE "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
#define RANGE(first, length)                               \
	"HTTP/1.1 206 X\r\nContent-Length: " length "\r\n" \
	"Content-Range: bytes " first "-9/10\r\n\r\n"
/* CRC-32C of 0123456789 */
#define SUM "x-amz-checksum-crc32c: KAwGng==\r\n"

static struct store *store;
static struct arena arena;
static const struct store_ref ref = { { "bucket", 6 }, { "k", 1 }, { "", 0 } };

static void
begin(const char *const *answers, size_t n)
{
	store = script_open((struct store_s3_conf){ 0 }, answers, n);
	arena_init(&arena, 1 << 20);
}

static void
end(size_t requests)
{
	store_close(store);
	script_end(requests);
	arena_release(&arena);
}

static struct store_read *
open_read(void)
{
	struct store_object o;
	struct store_read *r = NULL;

	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, &r), S3_OK);
	return r;
}

static void
test_get_reads_all_that_an_answer_tells(void **state)
{
	static const char *const answers[] = {
		HEAD "Content-Type: video/mp4\r\nX-Amz-Meta-User-Id: u\r\n"
		     "x-amz-meta-b: =?UTF-8?B?w6k=?=\r\nServer: x\r\n"
		     "x-amz-meta-c: =?UTF-8?B?aGVsbG8=?=\r\n"
		     "x-amz-meta-d: =?UTF-8?B?w6kNClgtWTogeg==?=\r\n"
		     "x-amz-storage-class: STANDARD_IA\r\n"
		     "x-amz-tagging-count: 1\r\n" SUM "\r\n",
		"!HTTP/1.1 200 OK\r\n\r\n<Tagging><TagSet><Tag><Key>a</Key>"
		"<Value>b</Value></Tag></TagSet></Tagging>",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
		"ETag: \"0123-3\"\r\nx-amz-checksum-type: COMPOSITE\r\n"
		"x-amz-checksum-crc32c: KAwGng==-3\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
		"ETag: \"0123-3\"\r\n"
		"x-amz-checksum-crc32c: KAwGng==\r\n\r\n",
		HEAD "x-amz-checksum-sha256: nonsense\r\n\r\n",
	};
	struct store_object o;

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL), S3_OK);
	assert_int_equal(o.size, 10);
	assert_string_equal(o.etag, "e7");
	assert_string_equal(o.version_id, "v1");
	assert_true(o.is_latest);
	assert_true(o.mtime_us == 1369353600ll * 1000000);
	assert_int_equal(o.headers.n, 5);
	assert_true(slice_eq_str(
	    store_headers_get(&o.headers, "x-amz-meta-user-id"), "u"));
	assert_true(slice_eq_str(store_headers_get(&o.headers, "x-amz-meta-b"),
				 "\xc3\xa9"));
	/* somebody's own words, not ours; "\r\n" would be no value */
	assert_true(slice_eq_str(store_headers_get(&o.headers, "x-amz-meta-c"),
				 "=?UTF-8?B?aGVsbG8=?="));
	assert_true(slice_eq_str(store_headers_get(&o.headers, "x-amz-meta-d"),
				 "=?UTF-8?B?w6kNClgtWTogeg==?="));
	assert_true(slice_eq_str(o.storage_class, "STANDARD_IA"));
	assert_int_equal(o.tags.n, 1);
	assert_true(slice_eq_str(store_headers_get(&o.tags, "a"), "b"));
	assert_int_equal(o.checksum_alg, HASH_CRC32C);
	assert_true(asked(0, "\r\nx-amz-checksum-mode: ENABLED\r\n"));
	assert_true(asked(1, "GET /bucket/k?tagging= HTTP/1.1\r\n"));
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL), S3_OK);
	assert_int_equal(o.n_parts, 3);
	assert_true(o.checksum_composite);
	/* of parts, and nobody says that it is of the whole */
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL), S3_OK);
	assert_true(o.checksum_composite);
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL),
			 S3_ERR_INTERNAL_ERROR);
	end(5);
}

/* Not every endpoint knows "null" where there were never versions. */
static void
test_null_is_named_only_where_there_are_versions(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"!HTTP/1.1 200 OK\r\n\r\n<VersioningConfiguration/>",
		HEAD "\r\n",
	};
	const struct store_ref null_ref = { ref.bucket, ref.key,
					    SLICE("null") };
	struct store_object o;

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	assert_int_equal(store_get(store, &null_ref, NULL, &arena, &o, NULL),
			 S3_OK);
	assert_true(asked(2, "HEAD /bucket/k HTTP/1.1\r\n"));
	end(3);
}

static void
test_get_decides_conditions_on_what_it_answers(void **state)
{
	static const char *const answers[] = { HEAD "\r\n", HEAD "\r\n",
					       HEAD "\r\n" };
	struct store_cond cond = STORE_COND_NONE;
	struct store_object o;
	struct store_read *r = NULL;

	(void)state;
	begin(answers, 3);
	cond.if_none_match = SLICE("\"e7\"");
	assert_int_equal(store_get(store, &ref, &cond, &arena, &o, &r),
			 S3_ERR_NOT_MODIFIED);
	assert_null(r);
	assert_string_equal(o.etag, "e7");
	cond.if_none_match = SLICE_EMPTY;
	cond.if_modified_since_us = 1369353600ll * 1000000;
	assert_int_equal(store_get(store, &ref, &cond, &arena, &o, NULL),
			 S3_ERR_NOT_MODIFIED);
	cond.if_match = SLICE("\"e8\"");
	assert_int_equal(store_get(store, &ref, &cond, &arena, &o, NULL),
			 S3_ERR_PRECONDITION_FAILED);
	end(3);
}

static void
test_get_of_what_is_not_there_says_what(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 404 X\r\nContent-Length: 0\r\n"
		"x-amz-delete-marker: true\r\nx-amz-version-id: m1\r\n\r\n",
		"HTTP/1.1 405 X\r\nContent-Length: 0\r\n"
		"x-amz-delete-marker: true\r\nx-amz-version-id: m1\r\n"
		"Last-Modified: Fri, 24 May 2013 00:00:00 GMT\r\n\r\n",
		"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", /* the bucket */
	};
	struct store_ref marker = ref;
	struct store_object o;

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	marker.version_id = SLICE("m1");
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL),
			 S3_ERR_NO_SUCH_KEY);
	assert_true(o.is_delete_marker);
	assert_string_equal(o.version_id, "m1");
	assert_int_equal(store_get(store, &marker, NULL, &arena, &o, NULL),
			 S3_ERR_METHOD_NOT_ALLOWED);
	assert_true(o.is_delete_marker && o.mtime_us > 0);
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL),
			 S3_ERR_NO_SUCH_BUCKET);
	assert_false(o.is_delete_marker);
	end(ARRAY_LEN(answers));
}

static void
test_read_streams_what_is_wanted_in_one_request(void **state)
{
	static const char *const answers[] = {
		HEAD SUM "\r\n",     WHOLE "0123456789",
		HEAD "\r\n",	     RANGE("2", "8") "23456789",
		RANGE("0", "1") "0", RANGE("1", "9") "123456789",
	};
	struct store_read *r;
	char p[16] = "";

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	r = open_read();
	store_read_want(r, 0, 10);
	assert_int_equal(store_read_verify(r, 0, 1), S3_OK);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(store_read_at(r, i, p + i, 1), S3_OK);
	assert_memory_equal(p, "0123456789", 10);
	assert_true(asked(1, "GET /bucket/k?versionId=v1 HTTP/1.1\r\n"));
	assert_true(asked(1, "\r\nif-match: \"e7\"\r\n"));
	assert_false(asked(1, "\r\nrange:"));
	store_read_close(r);
	r = open_read();
	store_read_want(r, 2, 8);
	assert_int_equal(store_read_at(r, 2, p, 3), S3_OK);
	assert_int_equal(store_read_at(r, 5, p + 3, 5), S3_OK);
	assert_memory_equal(p, "23456789", 8);
	assert_true(asked(3, "\r\nrange: bytes=2-9\r\n"));
	/* what nobody announced: the second in a row reads ahead */
	assert_int_equal(store_read_at(r, 0, p, 1), S3_OK);
	assert_int_equal(store_read_at(r, 1, p + 1, 4), S3_OK);
	assert_int_equal(store_read_at(r, 5, p + 5, 5), S3_OK);
	assert_memory_equal(p, "0123456789", 10);
	assert_int_equal(store_read_at(r, 6, p, 5), S3_ERR_INTERNAL_ERROR);
	store_read_close(r);
	end(6);
}

static void
test_read_goes_on_where_it_broke_off(void **state)
{
	static const char *const answers[] = {
		HEAD SUM "\r\n",
		"!" WHOLE "0123",
		"!" RANGE("4", "6") "45",
		"^" RANGE("6", "4") "",
		RANGE("6", "4") "6789",
		HEAD "\r\n",
		"!" WHOLE "0123",
		"HTTP/1.1 412 X\r\nContent-Length: 0\r\n\r\n",
	};
	struct store_read *r;
	char p[16] = "";

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	r = open_read();
	assert_int_equal(store_read_at(r, 0, p, 10), S3_OK);
	assert_memory_equal(p, "0123456789", 10);
	assert_true(asked(4, "\r\nrange: bytes=6-9\r\n"));
	store_read_close(r);
	/* but never with another object's bytes */
	r = open_read();
	assert_int_equal(store_read_at(r, 0, p, 10), S3_ERR_OPERATION_ABORTED);
	store_read_close(r);
	end(8);
}

static void
test_read_breaks_off_a_few_times_only(void **state)
{
	static const char *const answers[] = {
		HEAD "\r\n",
		"!" WHOLE "",
		"!" RANGE("0", "10") "",
		"!" RANGE("0", "10"),
		"!" WHOLE "",
		"!" WHOLE "",
		"!" WHOLE "",
		WHOLE "0123456789",
	};
	struct store_read *r;
	char p[16];

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	r = open_read();
	assert_int_not_equal(store_read_at(r, 0, p, 10), S3_OK);
	store_read_close(r);
	store_close(store);
	assert_true(script.served < 8);
	http_script_stop(&script);
	arena_release(&arena);
}

static void
test_read_compares_the_whole_with_its_checksum(void **state)
{
	static const char *const answers[] = {
		HEAD SUM "\r\n", WHOLE "0123456780",
		HEAD "x-amz-checksum-type: COMPOSITE\r\n" SUM "\r\n",
		WHOLE "0123456780", /* is over checksums, not over bytes */
	};
	struct store_read *r;
	char p[16];

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	r = open_read();
	store_read_want(r, 0, 10);
	assert_int_equal(store_read_at(r, 0, p, 9), S3_OK);
	assert_int_equal(store_read_at(r, 9, p, 1), S3_ERR_INTERNAL_ERROR);
	store_read_close(r);
	r = open_read();
	assert_int_equal(store_read_at(r, 0, p, 10), S3_OK);
	store_read_close(r);
	end(4);
}

static void
test_read_refuses_a_range_that_was_not_asked_for(void **state)
{
	static const char *const answers[] = {
		HEAD "\r\n",
		"!" WHOLE "0123456789",
		"!" RANGE("2", "8") "23456789",
		"!" RANGE("3", "8") "23456789",
		"!HTTP/1.1 206 X\r\nContent-Length: 7\r\n\r\n3456789",
		"HTTP/1.1 412 X\r\nContent-Length: 0\r\n\r\n",
	};
	struct store_read *r;
	char p[16];

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	r = open_read();
	store_read_want(r, 3, 7);
	for (int i = 0; i < 4; i++)
		assert_int_equal(store_read_at(r, 3, p, 4),
				 S3_ERR_INTERNAL_ERROR);
	assert_int_equal(store_read_at(r, 3, p, 4), S3_ERR_OPERATION_ABORTED);
	store_read_close(r);
	end(6);
}

/* A HEAD has no words: whether the version id was wrong, or our own keys. */
static void
test_get_does_not_take_an_expired_token_for_the_clients_fault(void **state)
{
#define REFUSED "HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n"
#define DENIED "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n"
#define ERROR(code) \
	"!HTTP/1.1 400 X\r\n\r\n<Error><Code>" code "</Code></Error>"
	static const char *const answers[] = {
		REFUSED, ERROR("ExpiredToken"),
		REFUSED, ERROR("ExpiredToken"),
		REFUSED, ERROR("InvalidArgument"),
		DENIED,	 ERROR("SignatureDoesNotMatch"),
		DENIED,	 ERROR("AccessDenied"),
	};
	const struct store_ref version = { ref.bucket, ref.key, SLICE("v9") };
	struct store_object o;

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL),
			 S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(store_get(store, &version, NULL, &arena, &o, NULL),
			 S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(store_get(store, &version, NULL, &arena, &o, NULL),
			 S3_ERR_INVALID_ARGUMENT);
	assert_true(asked(5, "GET /bucket/k?versionId=v9 HTTP/1.1\r\n"));
	assert_true(asked(5, "\r\nrange: bytes=0-0\r\n"));
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL),
			 S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(store_get(store, &ref, NULL, &arena, &o, NULL),
			 S3_ERR_ACCESS_DENIED);
	end(ARRAY_LEN(answers));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_get_does_not_take_an_expired_token_for_the_clients_fault),
		cmocka_unit_test(
		    test_null_is_named_only_where_there_are_versions),
		cmocka_unit_test(test_get_reads_all_that_an_answer_tells),
		cmocka_unit_test(
		    test_get_decides_conditions_on_what_it_answers),
		cmocka_unit_test(test_get_of_what_is_not_there_says_what),
		cmocka_unit_test(
		    test_read_streams_what_is_wanted_in_one_request),
		cmocka_unit_test(test_read_goes_on_where_it_broke_off),
		cmocka_unit_test(test_read_breaks_off_a_few_times_only),
		cmocka_unit_test(
		    test_read_compares_the_whole_with_its_checksum),
		cmocka_unit_test(
		    test_read_refuses_a_range_that_was_not_asked_for),
	};

	log_set_level_name("error");
	return hash_setup() == 0 ? cmocka_run_group_tests(tests, NULL, NULL)
				 : 1;
}
