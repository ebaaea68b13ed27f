/*
 * Refusals: each a valid request with one thing wrong, and the exact answer
 * AWS gives for it.
 */
#include "tests/unit/auth_fixture.h"

static void
test_verify_unknown_key_is_named(void **state)
{
	struct auth_signer other = signer;
	struct fixture *f = start();

	(void)state;
	other.access_key = SLICE("AKIAUNKNOWN");
	sign_with(f, &other, EMPTY_SHA256, NOW_US);
	assert_error(f, S3_ERR_INVALID_ACCESS_KEY_ID,
		     "The AWS Access Key Id you provided does not exist in our "
		     "records.");
	assert_int_equal(f->detail.n, 1);
	assert_extra(f, "AWSAccessKeyId", "AKIAUNKNOWN");
	finish(f);
}

static void
test_verify_wrong_signature_shows_what_was_signed(void **state)
{
	struct fixture *f = signed_request();
	static const char *const names[] = {
		"AWSAccessKeyId",    "StringToSign",	 "SignatureProvided",
		"StringToSignBytes", "CanonicalRequest", "CanonicalRequestBytes"
	};
	struct slice sent;

	(void)state;
	f->req.method = SLICE("PUT");
	assert_error(f, S3_ERR_SIGNATURE_DOES_NOT_MATCH,
		     "The request signature we calculated does not match the "
		     "signature you provided. Check your key and signing "
		     "method.");
	assert_int_equal(f->detail.n, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(f->detail.extra[i].name, names[i]);
	assert_extra(f, "AWSAccessKeyId", AKID);
	assert_extra(f, "CanonicalRequest",
		     "PUT\n/bucket/a%20b\n\nhost:localhost:9000\n"
		     "x-amz-content-sha256:" EMPTY_SHA256 "\n"
		     "x-amz-date:20130524T000000Z\n\n"
		     "host;x-amz-content-sha256;x-amz-date\n" EMPTY_SHA256);
	sent = header(f, "authorization")->value;
	assert_true(slice_ends(sent, f->detail.extra[2].value));
	assert_true(
	    slice_starts(f->detail.extra[5].value, SLICE("50 55 54 0a 2f")));
	assert_int_equal(f->detail.extra[5].value.n,
			 3 * f->detail.extra[4].value.n - 1);
	finish(f);
}

static void
test_verify_signature_of_odd_form_does_not_match(void **state)
{
	static const char *const ends[] = { "Signature=", "Signature=zz",
					    "Signature=00" };

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(ends); i++) {
		struct fixture *f = signed_request();

		change(f, "authorization", "Signature=", ends[i]);
		verify(f);
		assert_int_equal(f->err, S3_ERR_SIGNATURE_DOES_NOT_MATCH);
		finish(f);
	}
}

static void
test_verify_skewed_request_is_refused(void **state)
{
	static const int64_t off[] = { -901, 901 };
	struct fixture *f = signed_request();

	(void)state;
	f->policy.now_us = NOW_US + 900 * US_PER_S;
	verify(f);
	assert_int_equal(f->err, S3_OK);
	f->policy.now_us = NOW_US - 900 * US_PER_S;
	verify(f);
	assert_int_equal(f->err, S3_OK);
	f->id = (struct auth_identity){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		f->policy.now_us = NOW_US + off[i] * US_PER_S;
		assert_error(f, S3_ERR_REQUEST_TIME_TOO_SKEWED,
			     "The difference between the request time and the "
			     "current time is too large.");
	}
	assert_extra(f, "RequestTime", "20130524T000000Z");
	assert_extra(f, "ServerTime", "2013-05-24T00:15:01Z");
	assert_extra(f, "MaxAllowedSkewMilliseconds", "900000");
	finish(f);
}

static void
test_verify_presigned_lifetime(void **state)
{
	struct fixture *f = presigned_request();

	(void)state;
	f->policy.now_us = NOW_US + 3600 * US_PER_S;
	assert_error(f, S3_ERR_ACCESS_DENIED, "Request has expired");
	assert_int_equal(f->detail.n, 3);
	assert_extra(f, "X-Amz-Expires", "3600");
	assert_extra(f, "Expires", "2013-05-24T01:00:00Z");
	assert_extra(f, "ServerTime", "2013-05-24T01:00:00Z");
	f->policy.now_us = NOW_US - 901 * US_PER_S;
	assert_error(f, S3_ERR_ACCESS_DENIED, "Request is not yet valid");
	assert_extra(f, "X-Amz-Date", "1369353600000");
	assert_extra(f, "Expires", "2013-05-24T01:00:00Z");
	assert_extra(f, "ServerTime", "2013-05-23T23:44:59Z");
	f->policy.now_us = NOW_US - 900 * US_PER_S;
	verify(f);
	assert_int_equal(f->err, S3_OK);
	finish(f);
}

static void
test_verify_unsigned_amz_headers_are_named(void **state)
{
	struct fixture *f = signed_request();

	(void)state;
	add(f, "X-Amz-Meta-B", SLICE("1"));
	add(f, "x-amz-acl", SLICE("public-read"));
	add(f, "Range", SLICE("bytes=0-1"));
	assert_error(f, S3_ERR_ACCESS_DENIED,
		     "There were headers present in the request which were not "
		     "signed");
	assert_extra(f, "HeadersNotSigned", "X-Amz-Meta-B, x-amz-acl");
	finish(f);

	f = presigned_request();
	add(f, "x-amz-content-sha256", SLICE("UNSIGNED-PAYLOAD"));
	verify(f);
	assert_int_equal(f->err, S3_OK);
	add(f, "x-amz-meta-b", SLICE("1"));
	verify(f);
	assert_int_equal(f->err, S3_ERR_ACCESS_DENIED);
	finish(f);
}

static void
test_verify_host_must_be_signed(void **state)
{
	struct fixture *f = signed_request();

	(void)state;
	change(f, "authorization", "host;", "");
	assert_error(f, S3_ERR_ACCESS_DENIED,
		     "There were headers present in the request which were not "
		     "signed");
	assert_extra(f, "HeadersNotSigned", "Host");
	drop(f, "host");
	verify(f);
	assert_int_equal(f->err, S3_ERR_ACCESS_DENIED);
	assert_extra(f, "HeadersNotSigned", "host");
	finish(f);
}

static void
test_verify_hoisted_header_may_be_sent_with_its_value(void **state)
{
	struct fixture *f = start();

	(void)state;
	f->req.raw_query = SLICE("x-amz-meta-title=My%20film");
	presign(f, NOW_US);
	add(f, "X-Amz-Meta-Title", SLICE("My film"));
	verify(f);
	assert_int_equal(f->err, S3_OK);
	header(f, "x-amz-meta-title")->value = SLICE("Another");
	verify(f);
	assert_int_equal(f->err, S3_ERR_ACCESS_DENIED);
	assert_extra(f, "HeadersNotSigned", "X-Amz-Meta-Title");
	finish(f);
}

static void
test_verify_missing_or_bad_date_is_refused(void **state)
{
	static const char *const bad[] = { "", "2013-05-24T00:00:00Z",
					   "20130524T000000",
					   "20131324T000000Z",
					   "20130524T006000Z" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fixture *f = signed_request();

		header(f, "x-amz-date")->value = slice_str(bad[i]);
		assert_error(f, S3_ERR_ACCESS_DENIED,
			     "AWS authentication requires a valid Date or "
			     "x-amz-date header");
		drop(f, "x-amz-date");
		verify(f);
		assert_int_equal(f->err, S3_ERR_ACCESS_DENIED);
		finish(f);
	}
}

static void
test_verify_two_mechanisms_are_refused(void **state)
{
	struct fixture *f = presigned_request();

	(void)state;
	add(f, "Authorization", SLICE("AWS4-HMAC-SHA256 x"));
	assert_error(
	    f, S3_ERR_INVALID_ARGUMENT,
	    "Only one auth mechanism allowed; only the X-Amz-Algorithm "
	    "query parameter, Signature query string parameter or the "
	    "Authorization header should be specified");
	assert_extra(f, "ArgumentName", "Authorization");
	assert_extra(f, "ArgumentValue", "AWS4-HMAC-SHA256 x");
	finish(f);
}

static const struct {
	const char *authorization;
	enum s3_error err;
	const char *message;
} schemes[] = {
	{ "AWS " AKID ":c2lnbmF0dXJl", S3_ERR_INVALID_REQUEST,
	  "The authorization mechanism you have provided is not supported. "
	  "Please use AWS4-HMAC-SHA256." },
	{ "Bearer abc", S3_ERR_INVALID_ARGUMENT,
	  "Unsupported Authorization Type" },
	{ "AWS abc", S3_ERR_INVALID_ARGUMENT,
	  "AWS authorization header is invalid.  Expected "
	  "AwsAccessKeyId:signature" },
	{ "AWS4-ECDSA-P256-SHA256 Credential=x", S3_ERR_NOT_IMPLEMENTED,
	  "A header you provided implies functionality that is not "
	  "implemented" },
};

static void
test_verify_other_schemes_are_refused(void **state)
{
	struct fixture *f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		f = signed_request();
		header(f, "authorization")->value =
		    slice_str(schemes[i].authorization);
		assert_error(f, schemes[i].err, schemes[i].message);
		finish(f);
	}
	f = start();
	f->req.raw_query =
	    SLICE("AWSAccessKeyId=" AKID "&Expires=1&Signature=x");
	assert_error(f, S3_ERR_INVALID_REQUEST, schemes[0].message);
	finish(f);
}

/* One change to "AWS4-HMAC-SHA256 Credential=.../20130524/us-east-1/..." */
static const struct {
	const char *from;
	const char *to;
	const char *message;
} headers_malformed[] = {
#define P "The authorization header is malformed; "
#define THREE                                                    \
	P "the authorization header requires three components: " \
	  "Credential, SignedHeaders, and Signature."
#define CREDENTIAL                                   \
	P "the Credential is mal-formed; expecting " \
	  "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
	{ "SignedHeaders=", "Signed=", THREE },
	{ ", Signature=", ", SignedHeaders=a, Signature=", THREE },
	{ ", Signature=", ", Signature=a, Signature=", THREE },
	{ " Credential=", " Nothing, Credential=", THREE },
	{ ", SignedHeaders", " SignedHeaders", THREE },
	{ "/us-east-1/", "/", CREDENTIAL },
	{ "/us-east-1/", "//", CREDENTIAL },
	{ "/us-east-1/", "/us east/", CREDENTIAL },
	{ AKID, "",
	  P "a non-empty Access Key (AKID) must be provided in the "
	    "credential." },
	{ "/20130524/", "/2013-05-24/",
	  P "incorrect date format \"2013-05-24\". This date in the credential "
	    "must be in the format \"yyyyMMdd\"." },
	{ "/s3/", "/ec2/",
	  P "incorrect service \"ec2\". This endpoint belongs to \"s3\"." },
	{ "/aws4_request", "/aws5",
	  P "incorrect terminal \"aws5\". This endpoint uses "
	    "\"aws4_request\"." },
	{ "/20130524/", "/20130523/",
	  P "Invalid credential date \"20130523\". This date is not the same "
	    "as X-Amz-Date: \"20130524\"." },
	{ "=host;", "=Host;",
	  "SignedHeaders must be lower case, sorted and separated by "
	  "semicolons." },
	{ "=host;", "=host;host;",
	  "SignedHeaders must be lower case, sorted and separated by "
	  "semicolons." },
	{ "=host;", "=host;;",
	  "SignedHeaders must be lower case, sorted and separated by "
	  "semicolons." },
#undef P
};

static void
test_verify_malformed_headers_say_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers_malformed); i++) {
		struct fixture *f = signed_request();

		change(f, "authorization", headers_malformed[i].from,
		       headers_malformed[i].to);
		assert_error(f, S3_ERR_AUTHORIZATION_HEADER_MALFORMED,
			     headers_malformed[i].message);
		finish(f);
	}
}

static const struct {
	const char *from;
	const char *to;
	const char *message;
} queries_malformed[] = {
#define MISSING                                                                \
	"Query-string authentication version 4 requires the X-Amz-Algorithm, " \
	"X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, " \
	"and X-Amz-Expires parameters."
#define P "Error parsing the X-Amz-Credential parameter; "
	{ "X-Amz-Algorithm=", "x=", MISSING },
	{ "X-Amz-Credential=", "x=", MISSING },
	{ "X-Amz-Signature=", "x=", MISSING },
	{ "X-Amz-Date=", "x=", MISSING },
	{ "X-Amz-SignedHeaders=", "x=", MISSING },
	{ "X-Amz-Expires=", "x=", MISSING },
	{ "X-Amz-Expires=3600", "X-Amz-Expires=3600&X-Amz-Expires=3600",
	  MISSING },
	{ "%2Fus-east-1%2F", "",
	  P "the Credential is mal-formed; expecting "
	    "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"." },
	{ "%2Fs3%2F", "%2Fec2%2F",
	  P "incorrect service \"ec2\". This endpoint belongs to \"s3\"." },
	{ "X-Amz-Expires=3600", "X-Amz-Expires=604801",
	  "X-Amz-Expires must be less than a week (in seconds); that is, the "
	  "given X-Amz-Expires must be less than 604800 seconds" },
	{ "X-Amz-Expires=3600", "X-Amz-Expires=1h",
	  "X-Amz-Expires should be a number" },
	{ "X-Amz-Expires=3600",
	  "X-Amz-Expires=", "X-Amz-Expires should be a number" },
	{ "X-Amz-Expires=3600", "X-Amz-Expires=-1",
	  "X-Amz-Expires must be non-negative" },
	{ "X-Amz-Date=20130524T000000Z", "X-Amz-Date=2013-05-24",
	  "X-Amz-Date must be in the ISO8601 Long Format "
	  "\"yyyyMMdd'T'HHmmss'Z'\"" },
	{ "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=HMAC",
	  "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"" },
#undef P
};

static void
test_verify_malformed_queries_say_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queries_malformed); i++) {
		struct fixture *f = presigned_request();

		f->req.raw_query =
		    replaced(f, f->req.raw_query, queries_malformed[i].from,
			     queries_malformed[i].to);
		assert_error(f, S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR,
			     queries_malformed[i].message);
		finish(f);
	}
}

static void
test_verify_payload_header_is_required_and_checked(void **state)
{
	struct fixture *f = signed_request();

	(void)state;
	drop(f, "x-amz-content-sha256");
	assert_error(f, S3_ERR_INVALID_REQUEST,
		     "Missing required header for this request: "
		     "x-amz-content-sha256");
	add(f, "x-amz-content-sha256", SLICE("abc"));
	verify(f);
	assert_int_equal(f->err, S3_ERR_INVALID_ARGUMENT);
	assert_extra(f, "ArgumentName", "x-amz-content-sha256");
	assert_extra(f, "ArgumentValue", "abc");
	header(f, "x-amz-content-sha256")->value =
	    SLICE("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD");
	verify(f);
	assert_int_equal(f->err, S3_ERR_NOT_IMPLEMENTED);
	assert_extra(f, "Header", "x-amz-content-sha256");
	finish(f);
}

static void
test_verify_session_tokens_are_refused(void **state)
{
	struct fixture *f = start();

	(void)state;
	add(f, "x-amz-security-token", SLICE("token"));
	sign_with(f, &signer, EMPTY_SHA256, NOW_US);
	verify(f);
	assert_int_equal(f->err, S3_ERR_INVALID_TOKEN);
	finish(f);
	f = start();
	f->req.raw_query = SLICE("X-Amz-Security-Token=token");
	presign(f, NOW_US);
	verify(f);
	assert_int_equal(f->err, S3_ERR_INVALID_TOKEN);
	finish(f);
}

static void
test_verify_broken_escapes_are_refused(void **state)
{
	struct fixture *f = signed_request();

	(void)state;
	f->req.raw_path = SLICE("/bucket/%2");
	verify(f);
	assert_int_equal(f->err, S3_ERR_INVALID_URI);
	f->req.raw_path = SLICE("/bucket/a");
	f->req.raw_query = SLICE("a=%zz");
	verify(f);
	assert_int_equal(f->err, S3_ERR_INVALID_URI);
	finish(f);
}

static void
test_verify_full_arena_is_unavailable_not_accepted(void **state)
{
	struct fixture *f = signed_request();
	size_t needed, tried = 0;

	(void)state;
	needed = f->a.used;
	verify(f);
	assert_int_equal(f->err, S3_OK);
	needed = f->a.used - needed;
	f->id = (struct auth_identity){ 0 };
	for (size_t room = 0; room < needed; room += 16) {
		f->a.err = false;
		f->a.max = f->a.used + room;
		verify(f);
		f->a.used = f->a.max - room;
		if (f->err == S3_OK) { /* sizes are rounded up: the last few */
			assert_string_equal(
			    f->id.scope, "20130524/us-east-1/s3/aws4_request");
			break;
		}
		assert_int_equal(f->err, S3_ERR_SERVICE_UNAVAILABLE);
		assert_int_equal(f->detail.n, 0);
		assert_int_equal(f->id.kind, AUTH_ANONYMOUS);
		tried++;
	}
	assert_true(tried > 20);
	finish(f);
}

static void
test_verify_anonymous_chunk_signatures_are_refused(void **state)
{
	struct fixture *f = start();

	(void)state;
	add(f, "x-amz-content-sha256",
	    SLICE("STREAMING-UNSIGNED-PAYLOAD-TRAILER"));
	verify(f);
	assert_int_equal(f->err, S3_OK);
	assert_int_equal(f->id.payload, AUTH_PAYLOAD_UNSIGNED_TRAILER);
	header(f, "x-amz-content-sha256")->value =
	    SLICE("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
	verify(f);
	assert_int_equal(f->err, S3_ERR_ACCESS_DENIED);
	finish(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_unknown_key_is_named),
		cmocka_unit_test(
		    test_verify_wrong_signature_shows_what_was_signed),
		cmocka_unit_test(
		    test_verify_signature_of_odd_form_does_not_match),
		cmocka_unit_test(test_verify_skewed_request_is_refused),
		cmocka_unit_test(test_verify_presigned_lifetime),
		cmocka_unit_test(test_verify_unsigned_amz_headers_are_named),
		cmocka_unit_test(test_verify_host_must_be_signed),
		cmocka_unit_test(
		    test_verify_hoisted_header_may_be_sent_with_its_value),
		cmocka_unit_test(test_verify_missing_or_bad_date_is_refused),
		cmocka_unit_test(test_verify_two_mechanisms_are_refused),
		cmocka_unit_test(test_verify_other_schemes_are_refused),
		cmocka_unit_test(
		    test_verify_malformed_headers_say_what_is_wrong),
		cmocka_unit_test(
		    test_verify_malformed_queries_say_what_is_wrong),
		cmocka_unit_test(
		    test_verify_payload_header_is_required_and_checked),
		cmocka_unit_test(test_verify_session_tokens_are_refused),
		cmocka_unit_test(test_verify_broken_escapes_are_refused),
		cmocka_unit_test(
		    test_verify_full_arena_is_unavailable_not_accepted),
		cmocka_unit_test(
		    test_verify_anonymous_chunk_signatures_are_refused),
	};

	return cmocka_run_group_tests_name("auth_errors", tests, auth_setup,
					   NULL);
}
