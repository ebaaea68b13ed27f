/*
 * What differs from the request that was signed, and is still the same request.
 */
#include "tests/unit/auth_fixture.h"

static void
test_verify_untouched_requests_are_accepted(void **state)
{
	struct fixture *f = signed_request();

	(void)state;
	verify(f);
	assert_int_equal(f->err, S3_OK);
	assert_int_equal(f->id.kind, AUTH_HEADER);
	finish(f);
	f = presigned_request();
	verify(f);
	assert_int_equal(f->err, S3_OK);
	assert_int_equal(f->id.kind, AUTH_PRESIGNED);
	finish(f);
	f = start();
	verify(f);
	assert_int_equal(f->err, S3_OK);
	assert_int_equal(f->id.kind, AUTH_ANONYMOUS);
	finish(f);
}

static void
test_verify_any_region_is_accepted(void **state)
{
	struct auth_signer other = signer;
	struct fixture *f = start();

	(void)state;
	other.region = SLICE("eu-central-2");
	sign_with(f, &other, EMPTY_SHA256, NOW_US);
	verify(f);
	assert_int_equal(f->err, S3_OK);
	assert_string_equal(f->id.scope,
			    "20130524/eu-central-2/s3/aws4_request");
	finish(f);
}

static void
test_verify_time_is_taken_from_date_without_amz_date(void **state)
{
	struct fixture *f = signed_request();

	(void)state;
	drop(f, "x-amz-date");
	add(f, "Date", SLICE("Fri, 24 May 2013 00:00:00 GMT"));
	verify(f);
	/* a signed header that is gone is found out, but the time is right */
	assert_int_equal(f->err, S3_ERR_SIGNATURE_DOES_NOT_MATCH);
	assert_true(slice_starts(f->detail.extra[1].value,
				 SLICE("AWS4-HMAC-SHA256\n"
				       "20130524T000000Z\n")));
	finish(f);
}

static void
test_verify_path_is_never_normalised(void **state)
{
	static const char *const same[][2] = { { "/b/a%20b", "/b/a%20b" },
					       { "/b/%7euser", "/b/~user" },
					       { "/b/%61", "/b/a" },
					       { "/b//x/../y/.",
						 "/b//x/../y/." } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct fixture *f = start();

		f->req.raw_path = slice_str(same[i][0]);
		sign_with(f, &signer, EMPTY_SHA256, NOW_US);
		f->req.raw_path = slice_str(same[i][1]);
		verify(f);
		assert_int_equal(f->err, S3_OK);
		f->req.raw_path = SLICE("/b/y");
		verify(f);
		assert_int_equal(f->err, S3_ERR_SIGNATURE_DOES_NOT_MATCH);
		finish(f);
	}
}

static void
test_verify_query_order_and_spelling_do_not_matter(void **state)
{
	struct fixture *f = start();

	(void)state;
	f->req.raw_query = SLICE("prefix=a%20b&acl&b=%2f&b=1&A=");
	sign_with(f, &signer, EMPTY_SHA256, NOW_US);
	f->req.raw_query = SLICE("b=1&b=/&&A&acl=&prefix=a+b");
	verify(f);
	assert_int_equal(f->err, S3_OK);
	finish(f);
}

static void
test_verify_public_hosts_are_tried(void **state)
{
	static const char *const hosts[] = { "other:1", "s3.example.org",
					     NULL };
	struct fixture *f = start();

	(void)state;
	f->headers[0].value = SLICE("s3.example.org");
	presign(f, NOW_US);
	f->headers[0].value = SLICE("10.0.0.1:9000"); /* behind a proxy */
	verify(f);
	assert_int_equal(f->err, S3_ERR_SIGNATURE_DOES_NOT_MATCH);
	f->policy.public_hosts = hosts;
	verify(f);
	assert_int_equal(f->err, S3_OK);
	finish(f);

	f = start();
	f->policy.public_hosts = hosts;
	f->headers[0].value = SLICE("bucket.s3.example.org");
	presign(f, NOW_US);
	f->headers[0].value = SLICE("bucket.localhost");
	verify(f);
	assert_int_equal(f->err, S3_ERR_SIGNATURE_DOES_NOT_MATCH);
	f->policy.host_bucket = SLICE("bucket");
	verify(f);
	assert_int_equal(f->err, S3_OK);
	finish(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_untouched_requests_are_accepted),
		cmocka_unit_test(test_verify_any_region_is_accepted),
		cmocka_unit_test(
		    test_verify_time_is_taken_from_date_without_amz_date),
		cmocka_unit_test(test_verify_path_is_never_normalised),
		cmocka_unit_test(
		    test_verify_query_order_and_spelling_do_not_matter),
		cmocka_unit_test(test_verify_public_hosts_are_tried),
	};

	return cmocka_run_group_tests_name("auth_accept", tests, auth_setup,
					   NULL);
}
