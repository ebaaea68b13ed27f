/*
 * Forms: the example of AWS's documentation, the policy's conditions one by
 * one, and whatever is refused.
 */
#include "auth/post_policy.h"
#include "base/encode.h"
#include "tests/unit/auth_fixture.h"

#define DATE "20130524T000000Z"
#define SCOPE "20130524/us-east-1/s3/aws4_request"
#define FIELDS_MAX 16

struct post {
	struct arena a;
	struct auth_header fields[FIELDS_MAX];
	struct auth_form form;
	struct auth_identity id;
	struct auth_form_range range;
	struct s3_detail detail;
	enum s3_error err;
	int64_t now_us;
};

static void
post_init(struct post *p)
{
	*p = (struct post){ .now_us = NOW_US };
	arena_init(&p->a, 1 << 20);
	p->form = (struct auth_form){ .fields = p->fields,
				      .bucket = SLICE("bucket") };
}

static void
set_field(struct post *p, const char *name, struct slice value)
{
	size_t i = 0;

	while (i < p->form.n && !slice_eq_str(p->fields[i].name, name))
		i++;
	assert_true(i < FIELDS_MAX);
	p->fields[i] = (struct auth_header){ slice_str(name), value };
	if (i == p->form.n)
		p->form.n++;
}

static void
drop_field(struct post *p, const char *name)
{
	for (size_t i = 0; i < p->form.n; i++) {
		if (!slice_eq_str(p->fields[i].name, name))
			continue;
		p->fields[i] = p->fields[--p->form.n];
		return;
	}
	fail_msg("no field %s", name);
}

/* Not by the code under test: HMACs over the scope, then over the policy. */
static struct slice
signature_of(struct post *p, struct slice policy)
{
	static const char *const steps[] = { "20130524", "us-east-1", "s3",
					     "aws4_request" };
	struct slice secret =
	    arena_printf(&p->a, "AWS4%.*s", SLICE_ARG(signer.secret_key));
	uint8_t key[64], mac[SHA256_BYTES];
	char hex[SHA256_HEX_MAX];
	size_t n = secret.n;

	memcpy(key, secret.p, n);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		hmac_sha256(key, n, steps[i], strlen(steps[i]), mac);
		memcpy(key, mac, sizeof(mac));
		n = sizeof(mac);
	}
	hmac_sha256(key, n, policy.p, policy.n, mac);
	hex_encode(mac, sizeof(mac), hex);
	return arena_copy(&p->a, slice_str(hex));
}

static void
sign_policy(struct post *p, struct slice json)
{
	struct buf b = BUF_INIT;
	struct slice policy;

	base64_encode(&b, json.p, json.n);
	policy = arena_copy(&p->a, buf_slice(&b));
	buf_release(&b);
	set_field(p, "policy", policy);
	set_field(p, "x-amz-algorithm", SLICE("AWS4-HMAC-SHA256"));
	set_field(p, "x-amz-credential", SLICE(AKID "/" SCOPE));
	set_field(p, "x-amz-date", SLICE(DATE));
	set_field(p, "x-amz-signature", signature_of(p, policy));
}

/* A policy that allows the fields of the signature, and @conditions. */
static void
sign_conditions(struct post *p, const char *conditions)
{
	sign_policy(p, arena_printf(&p->a,
				    "{\"expiration\": \"2013-05-24T01:00:00Z\""
				    ", \"conditions\": [{\"bucket\": "
				    "\"bucket\"}, [\"starts-with\", "
				    "\"$x-amz-algorithm\", \"\"], "
				    "[\"starts-with\", \"$x-amz-credential\", "
				    "\"\"], [\"starts-with\", \"$x-amz-date\", "
				    "\"\"]%s%s]}",
				    *conditions ? ", " : "", conditions));
}

static void
verify_form(struct post *p)
{
	const struct auth_policy policy = { .service = "s3",
					    .now_us = p->now_us };

	p->detail = (struct s3_detail){ 0 };
	p->err = auth_form_verify(&p->form, &keys, &policy, &p->a, &p->id,
				  &p->range, &p->detail);
}

static void
assert_refused(struct post *p, enum s3_error err, const char *text)
{
	verify_form(p);
	assert_string_equal(s3_error_info(p->err)->code,
			    s3_error_info(err)->code);
	assert_string_equal(p->detail.message ? p->detail.message
					      : s3_error_info(p->err)->message,
			    text);
	assert_int_equal(p->id.kind, AUTH_ANONYMOUS); /* nothing written */
}

static void
assert_element(const struct post *p, const char *name, const char *value)
{
	for (size_t i = 0; i < p->detail.n; i++) {
		if (strcmp(p->detail.extra[i].name, name) != 0)
			continue;
		assert_true(slice_eq_str(p->detail.extra[i].value, value));
		return;
	}
	fail_msg("no element %s", name);
}

/* ---- AWS's example ------------------------------------------------------- */

#define NL "\r\n"
static const char example[] =
    "{ \"expiration\": \"2015-12-30T12:00:00.000Z\"," NL
    "  \"conditions\": [" NL "    {\"bucket\": \"sigv4examplebucket\"}," NL
    "    [\"starts-with\", \"$key\", \"user/user1/\"]," NL
    "    {\"acl\": \"public-read\"}," NL "    {\"success_action_redirect\": "
    "\"http://sigv4examplebucket.s3.amazonaws.com/"
    "successful_upload.html\"}," NL
    "    [\"starts-with\", \"$Content-Type\", \"image/\"]," NL
    "    {\"x-amz-meta-uuid\": \"14365123651274\"}," NL
    "    {\"x-amz-server-side-encryption\": \"AES256\"}," NL
    "    [\"starts-with\", \"$x-amz-meta-tag\", \"\"]," NL NL
    "    {\"x-amz-credential\": \"AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/"
    "aws4_request\"}," NL "    {\"x-amz-algorithm\": \"AWS4-HMAC-SHA256\"}," NL
    "    {\"x-amz-date\": \"20151229T000000Z\" }" NL "  ]" NL "}";

static void
test_form_of_the_documentation_is_accepted(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	p.now_us = 1451347200000000LL; /* 20151229T000000Z */
	p.form.bucket = SLICE("sigv4examplebucket");
	sign_policy(&p, slice_str(example));
	set_field(&p, "key", SLICE("user/user1/a.jpg"));
	set_field(&p, "acl", SLICE("public-read"));
	set_field(&p, "success_action_redirect",
		  SLICE("http://sigv4examplebucket.s3.amazonaws.com/"
			"successful_upload.html"));
	set_field(&p, "Content-Type", SLICE("image/jpeg"));
	set_field(&p, "x-amz-meta-uuid", SLICE("14365123651274"));
	set_field(&p, "x-amz-server-side-encryption", SLICE("AES256"));
	set_field(&p, "X-Amz-Meta-Tag", SLICE(""));
	set_field(
	    &p, "x-amz-credential",
	    SLICE("AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"));
	set_field(&p, "x-amz-date", SLICE("20151229T000000Z"));
	set_field(&p, "x-amz-signature",
		  SLICE("8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a6"
			"6d7f09699e"));
	verify_form(&p);
	assert_int_equal(p.err, S3_OK);
	assert_int_equal(p.id.kind, AUTH_FORM);
	assert_string_equal(p.id.access_key, AKID);
	assert_string_equal(p.id.account_id, "111122223333");
	assert_true(p.range.min == 0 && p.range.max == UINT64_MAX);
	arena_release(&p.a);
}

/* ---- signature ----------------------------------------------------------- */

static void
test_form_without_policy_is_anonymous(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	set_field(&p, "key", SLICE("a"));
	verify_form(&p);
	assert_int_equal(p.err, S3_OK);
	assert_int_equal(p.id.kind, AUTH_ANONYMOUS);
	arena_release(&p.a);
}

#define MISSING(name)                                                   \
	"Bucket POST must contain a field named '" name "'.  If it is " \
	"specified, please check the order of the fields."

static void
test_form_each_missing_field_is_named(void **state)
{
	static const struct {
		const char *field;
		const char *message;
	} rows[] = {
		{ "policy", MISSING("policy") },
		{ "x-amz-algorithm", MISSING("X-Amz-Algorithm") },
		{ "x-amz-credential", MISSING("X-Amz-Credential") },
		{ "x-amz-date", MISSING("X-Amz-Date") },
		{ "x-amz-signature", MISSING("X-Amz-Signature") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct post p;

		post_init(&p);
		sign_conditions(&p, "");
		drop_field(&p, rows[i].field);
		assert_refused(&p, S3_ERR_INVALID_ARGUMENT, rows[i].message);
		assert_element(&p, "ArgumentValue", "");
		arena_release(&p.a);
	}
}

static void
test_form_bad_signature_fields_are_refused(void **state)
{
	static const struct {
		const char *field;
		const char *value;
		const char *code;
	} rows[] = {
		{ "x-amz-signature", "", "SignatureDoesNotMatch" },
		{ "x-amz-signature", "zz", "SignatureDoesNotMatch" },
		{ "x-amz-signature",
		  "0000000000000000000000000000000000000000000000000000000000"
		  "000000",
		  "SignatureDoesNotMatch" },
		{ "policy", "e30=", "SignatureDoesNotMatch" },
		{ "x-amz-credential",
		  AKID "/20130524/eu-west-1/s3/aws4_request",
		  "SignatureDoesNotMatch" },
		{ "x-amz-credential", "UNKNOWN/" SCOPE, "InvalidAccessKeyId" },
		{ "x-amz-credential", AKID,
		  "AuthorizationQueryParametersError" },
		{ "x-amz-credential",
		  AKID "/20130525/us-east-1/s3/aws4_request",
		  "AuthorizationQueryParametersError" },
		{ "x-amz-credential",
		  AKID "/20130524/us-east-1/ec2/aws4_request",
		  "AuthorizationQueryParametersError" },
		{ "x-amz-credential",
		  AKID "/20130524/us-east-1/s3/aws5_request",
		  "AuthorizationQueryParametersError" },
		{ "x-amz-date", "20130525T000000Z",
		  "AuthorizationQueryParametersError" },
		{ "x-amz-date", "2013-05-24",
		  "AuthorizationQueryParametersError" },
		{ "x-amz-algorithm", "AWS4-HMAC-SHA1", "InvalidRequest" },
		{ "x-amz-security-token", "token", "InvalidToken" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct post p;

		post_init(&p);
		sign_conditions(&p, "");
		set_field(&p, rows[i].field, slice_str(rows[i].value));
		verify_form(&p);
		assert_string_equal(s3_error_info(p.err)->code, rows[i].code);
		assert_int_equal(p.id.kind, AUTH_ANONYMOUS);
		arena_release(&p.a);
	}
}

static void
test_form_of_version_2_is_refused(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	set_field(&p, "AWSAccessKeyId", SLICE(AKID));
	set_field(&p, "policy", SLICE("e30="));
	set_field(&p, "signature", SLICE("c2lnbmF0dXJl"));
	assert_refused(&p, S3_ERR_INVALID_REQUEST,
		       "The authorization mechanism you have provided is not "
		       "supported. Please use AWS4-HMAC-SHA256.");
	arena_release(&p.a);
}

static void
test_form_mismatch_shows_what_was_signed(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	sign_conditions(&p, "");
	set_field(&p, "policy", SLICE("e30="));
	set_field(&p, "x-amz-signature", SLICE("ab"));
	verify_form(&p);
	assert_int_equal(p.err, S3_ERR_SIGNATURE_DOES_NOT_MATCH);
	assert_element(&p, "AWSAccessKeyId", AKID);
	assert_element(&p, "StringToSign", "e30=");
	assert_element(&p, "StringToSignBytes", "65 33 30 3d");
	assert_element(&p, "SignatureProvided", "ab");
	arena_release(&p.a);
}

/* ---- conditions ---------------------------------------------------------- */

static void
test_form_conditions_follow_the_table(void **state)
{
	static const struct {
		const char *conditions;
		const char *name; /* of one more field, NULL: none */
		const char *value;
		const char *denied; /* NULL: allowed */
	} rows[] = {
		{ "", NULL, NULL, NULL },
		{ "{\"key\": \"a/b\"}", "key", "a/b", NULL },
		{ "{\"KEY\": \"a/b\"}", "Key", "a/b", NULL },
		{ "[\"eq\", \"$key\", \"a/b\"]", "key", "a/b", NULL },
		{ "[\"EQ\", \"$Key\", \"a/b\"]", "key", "a/b", NULL },
		{ "{\"key\": \"a\"}", "key", "a/b",
		  "Policy Condition failed: [\"eq\", \"$key\", \"a\"]" },
		{ "{\"Key\": \"A\"}", "key", "a",
		  "Policy Condition failed: [\"eq\", \"$Key\", \"A\"]" },
		{ "[\"starts-with\",\"$key\",\"a/\"]", "key", "a/b", NULL },
		{ "[\"starts-with\",\"$key\",\"\"]", "key", "", NULL },
		{ "[\"starts-with\",\"$key\",\"b\"]", "key", "a/b",
		  "Policy Condition failed: [\"starts-with\", \"$key\", "
		  "\"b\"]" },
		{ "[\"starts-with\", \"$x\", \"\"]", NULL, NULL,
		  "Policy Condition failed: [\"starts-with\", \"$x\", \"\"]" },
		{ "{\"x\": \"\"}", NULL, NULL,
		  "Policy Condition failed: [\"eq\", \"$x\", \"\"]" },
		{ "{\"x\": \"q\\\"\\\\q\\n\"}", "x", "q\"\\q\n", NULL },
		{ "{\"x\": \"q\\\"\"}", "x", "q",
		  "Policy Condition failed: [\"eq\", \"$x\", \"q\\\"\"]" },
		{ "{\"x\": \"\\u00e9\"}", "x", "\xc3\xa9", NULL },
		{ "{\"x\": \"\\$1\\v\"}", "x", "$1\v", NULL },
		{ "{\"x\": \"a,}\"},", "x", "a,}", NULL },
		/* a list of types: each must begin so */
		{ "[\"starts-with\", \"$Content-Type\", \"image/\"]",
		  "Content-Type", "image/jpeg, image/png", NULL },
		{ "[\"starts-with\", \"$content-type\", \"image/\"]",
		  "Content-Type", "image/jpeg,text/html",
		  "Policy Condition failed: [\"starts-with\", "
		  "\"$content-type\", \"image/\"]" },
		{ "[\"starts-with\", \"$x-amz-meta-a\", \"i\"]", "x-amz-meta-a",
		  "i,x", NULL },
		{ "{\"Content-Type\": \"a/b,c/d\"}", "Content-Type", "a/b,c/d",
		  NULL },
		/* several conditions for a field must all hold */
		{ "[\"starts-with\",\"$key\",\"a\"],[\"eq\",\"$key\",\"b\"]",
		  "key", "ab",
		  "Policy Condition failed: [\"eq\", \"$key\", \"b\"]" },
		/* every field must be named */
		{ "", "key", "a", "Extra input fields: key" },
		{ "", "X-Amz-Meta-A", "a", "Extra input fields: X-Amz-Meta-A" },
		{ "", "x-ignore-me", "a", NULL },
		{ "", "X-Ignore-", "a", NULL },
		{ "", "x-ignore", "a", "Extra input fields: x-ignore" },
		/* the bucket that counts is the one addressed */
		{ "{\"bucket\": \"other\"}", NULL, NULL,
		  "Policy Condition failed: [\"eq\", \"$bucket\", "
		  "\"other\"]" },
		{ "{\"bucket\": \"other\"}", "bucket", "other",
		  "Policy Condition failed: [\"eq\", \"$bucket\", "
		  "\"other\"]" },
		{ "[\"starts-with\", \"$bucket\", \"buck\"]", "bucket",
		  "bucket", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct post p;

		post_init(&p);
		sign_conditions(&p, rows[i].conditions);
		if (rows[i].name)
			set_field(&p, rows[i].name, slice_str(rows[i].value));
		if (rows[i].denied) {
			struct slice text = arena_printf(
			    &p.a, "Invalid according to Policy: %s",
			    rows[i].denied);

			assert_refused(&p, S3_ERR_ACCESS_DENIED, text.p);
		} else {
			verify_form(&p);
			if (p.err != S3_OK)
				fail_msg("row %zu: %s", i, p.detail.message);
		}
		arena_release(&p.a);
	}
}

static void
test_form_policy_must_name_the_bucket(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	sign_policy(&p, SLICE("{\"expiration\": \"2013-05-24T01:00:00Z\", "
			      "\"conditions\": [[\"starts-with\", "
			      "\"$x-amz-algorithm\", \"\"], [\"starts-with\", "
			      "\"$x-amz-credential\", \"\"], "
			      "[\"starts-with\", \"$x-amz-date\", \"\"]]}"));
	assert_refused(&p, S3_ERR_ACCESS_DENIED,
		       "Invalid according to Policy: Extra input fields: "
		       "bucket");
	arena_release(&p.a);
}

static void
test_form_range_is_the_narrowest(void **state)
{
	static const struct {
		const char *conditions;
		uint64_t min, max;
	} rows[] = {
		{ "", 0, UINT64_MAX },
		{ "[\"content-length-range\", 1, 10]", 1, 10 },
		{ "[\"Content-Length-Range\", \"1\", \"10\"]", 1, 10 },
		{ "[\"content-length-range\", 0, 5368709120]", 0, 5368709120 },
		{ "[\"content-length-range\", 10, 1]", 10, 1 },
		{ "[\"content-length-range\", 1, 10], "
		  "[\"content-length-range\", 5, 20]",
		  5, 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct post p;

		post_init(&p);
		sign_conditions(&p, rows[i].conditions);
		verify_form(&p);
		assert_int_equal(p.err, S3_OK);
		assert_true(p.range.min == rows[i].min);
		assert_true(p.range.max == rows[i].max);
		arena_release(&p.a);
	}
}

/* ---- the document -------------------------------------------------------- */

static void
test_form_expiration_is_a_moment(void **state)
{
	static const struct {
		const char *expiration;
		enum s3_error err;
	} rows[] = {
		{ "2013-05-24T00:00:00.001Z", S3_OK },
		{ "2013-05-24T00:00:01Z", S3_OK },
		{ "9999-12-31T23:59:59Z", S3_OK },
		{ "2013-05-24T00:00:00.000Z", S3_ERR_ACCESS_DENIED },
		{ "2013-05-23T23:59:59Z", S3_ERR_ACCESS_DENIED },
		{ "2013-05-24", S3_ERR_INVALID_POLICY_DOCUMENT },
		{ "tomorrow", S3_ERR_INVALID_POLICY_DOCUMENT },
		{ "", S3_ERR_INVALID_POLICY_DOCUMENT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct post p;

		post_init(&p);
		sign_policy(
		    &p, arena_printf(&p.a,
				     "{\"expiration\": \"%s\", \"conditions\": "
				     "[{\"bucket\": \"bucket\"}, {"
				     "\"x-amz-algorithm\": "
				     "\"AWS4-HMAC-SHA256\"}, "
				     "{\"x-amz-credential\": \"" AKID "/" SCOPE
				     "\"}, {\"x-amz-date\": \"" DATE "\"}]}",
				     rows[i].expiration));
		verify_form(&p);
		assert_int_equal(p.err, rows[i].err);
		if (p.err == S3_ERR_ACCESS_DENIED)
			assert_string_equal(p.detail.message,
					    "Invalid according to Policy: "
					    "Policy expired.");
		arena_release(&p.a);
	}
}

#define SIMPLE_ONE                                               \
	"Invalid Simple-Condition: Simple-Conditions must have " \
	"exactly one property specified."
#define SIMPLE_TEXT "Invalid Simple-Condition: value must be a string."
#define RANGE "Invalid content-length-range: numbers of bytes expected."
#define ARGUMENTS "Invalid Condition: an operation and two arguments expected."
#define NAME "Invalid Condition: \"$name\" and a string expected."

static void
test_form_bad_documents_are_refused(void **state)
{
	static const struct {
		const char *document; /* of "{": whole, else one condition */
		const char *why;
	} rows[] = {
		{ "{", "Invalid JSON." },
		{ "{}", "Policy missing expiration." },
		{ "{\"expiration\": 5}", "Policy missing expiration." },
		{ "{\"expiration\": \"2013-05-24T01:00:00Z\"}",
		  "Policy missing conditions." },
		{ "{\"expiration\": \"2013-05-24T01:00:00Z\", \"conditions\": "
		  "{}}",
		  "Policy missing conditions." },
		{ "{\"expiration\": \"x\"}",
		  "Invalid 'expiration' value: 'x'" },
		{ " {}", SIMPLE_ONE },
		{ " {\"a\": \"b\", \"c\": \"d\"}", SIMPLE_ONE },
		{ " {\"a\": 1}", SIMPLE_TEXT },
		{ " {\"a\": null}", SIMPLE_TEXT },
		{ " {\"a\": [\"b\"]}", SIMPLE_TEXT },
		{ "\"eq\"",
		  "Invalid Condition: an object or a list expected." },
		{ "[]", ARGUMENTS },
		{ "[\"eq\", \"$a\"]", ARGUMENTS },
		{ "[\"eq\", \"$a\", \"b\", \"c\"]", ARGUMENTS },
		{ "[1, \"$a\", \"b\"]", ARGUMENTS },
		{ "[\"ends-with\", \"$a\", \"b\"]",
		  "Invalid Condition: unknown operation." },
		{ "[\"eq\", \"a\", \"b\"]", NAME },
		{ "[\"eq\", \"$\", \"b\"]", NAME },
		{ "[\"eq\", 1, \"b\"]", NAME },
		{ "[\"eq\", \"$a\", 1]", NAME },
		{ "[\"content-length-range\", -1, 5]", RANGE },
		{ "[\"content-length-range\", 1.5, 5]", RANGE },
		{ "[\"content-length-range\", 1, \"x\"]", RANGE },
		{ "[\"content-length-range\", 1, 1e300]", RANGE },
		{ "[\"content-length-range\", null, 5]", RANGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice doc = slice_str(rows[i].document), text;
		struct post p;

		post_init(&p);
		if (doc.p[0] == '{')
			sign_policy(&p, doc);
		else
			sign_conditions(&p, doc.p);
		text = arena_printf(&p.a, "Invalid Policy: %s", rows[i].why);
		assert_refused(&p, S3_ERR_INVALID_POLICY_DOCUMENT, text.p);
		arena_release(&p.a);
	}
}

static void
test_form_policy_that_is_no_base64_is_refused(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	sign_conditions(&p, "");
	set_field(&p, "policy", SLICE("{}"));
	set_field(&p, "x-amz-signature", signature_of(&p, SLICE("{}")));
	assert_refused(&p, S3_ERR_INVALID_POLICY_DOCUMENT,
		       "Invalid Policy: Invalid JSON.");
	arena_release(&p.a);
}

/* The comma is in the example of AWS's own documentation. */
static void
test_form_comma_before_a_bracket_is_accepted(void **state)
{
	struct post p;

	(void)state;
	post_init(&p);
	sign_conditions(&p, "{\"key\": \"a\" , },[\"eq\", \"$key\", \"a\",\n]"
			    ",\n  ");
	set_field(&p, "key", SLICE("a"));
	verify_form(&p);
	assert_int_equal(p.err, S3_OK);
	arena_release(&p.a);
}

/* ---- signing one --------------------------------------------------------- */

static void
grant_form(struct post *p, const struct auth_form_grant *grant)
{
	struct auth_form_fields signed_fields;

	post_init(p);
	assert_int_equal(
	    auth_form_sign(grant, &signer, 60, NOW_US, &p->a, &signed_fields),
	    0);
	for (size_t i = 0; i < signed_fields.n; i++)
		set_field(p, signed_fields.fields[i].name.p,
			  signed_fields.fields[i].value);
}

static struct slice
field_value(const struct post *p, const char *name)
{
	for (size_t i = 0; i < p->form.n; i++)
		if (slice_eq_str(p->fields[i].name, name))
			return p->fields[i].value;
	fail_msg("no field %s", name);
	return SLICE_EMPTY;
}

static void
test_form_sign_of_one_key_allows_that_alone(void **state)
{
	const struct auth_form_grant grant = { .bucket = SLICE("bucket"),
					       .key = SLICE("a \"b\"\\") };
	struct post p;

	(void)state;
	grant_form(&p, &grant);
	assert_true(slice_eq(field_value(&p, "x-amz-signature"),
			     signature_of(&p, field_value(&p, "policy"))));
	verify_form(&p);
	assert_int_equal(p.err, S3_OK);
	assert_int_equal(p.range.min, 0);
	assert_true(p.range.max == UINT64_MAX);
	set_field(&p, "Content-Type", SLICE("text/html"));
	verify_form(&p);
	assert_int_equal(p.err, S3_ERR_ACCESS_DENIED);
	drop_field(&p, "Content-Type");
	set_field(&p, "key", SLICE("b"));
	verify_form(&p);
	assert_int_equal(p.err, S3_ERR_ACCESS_DENIED);
	arena_release(&p.a);
}

static void
test_form_sign_of_a_file_name_allows_any_below(void **state)
{
	const struct auth_form_grant grant = {
		.bucket = SLICE("bucket"),
		.key = SLICE("in/${filename}"),
		.content_type = SLICE("video/mp4"),
		.size_max = 5,
	};
	struct post p;

	(void)state;
	grant_form(&p, &grant);
	set_field(&p, "key", SLICE("in/film.mp4")); /* as it is replaced */
	verify_form(&p);
	assert_int_equal(p.err, S3_OK);
	assert_true(p.range.max == 5);
	p.now_us += 61 * US_PER_S;
	verify_form(&p);
	assert_int_equal(p.err, S3_ERR_ACCESS_DENIED);
	p.now_us = NOW_US;
	p.form.bucket = SLICE("other");
	verify_form(&p);
	assert_int_equal(p.err, S3_ERR_ACCESS_DENIED);
	arena_release(&p.a);
}

static void
test_form_sign_refuses_lives_out_of_bounds(void **state)
{
	const struct auth_form_grant grant = { .bucket = SLICE("bucket"),
					       .key = SLICE("k") };
	static const uint32_t bad[] = { 0, AUTH_EXPIRES_MAX + 1 };
	struct auth_form_fields out;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
		    auth_form_sign(&grant, &signer, bad[i], NOW_US, &a, &out),
		    -1);
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form_of_the_documentation_is_accepted),
		cmocka_unit_test(test_form_without_policy_is_anonymous),
		cmocka_unit_test(test_form_each_missing_field_is_named),
		cmocka_unit_test(test_form_bad_signature_fields_are_refused),
		cmocka_unit_test(test_form_of_version_2_is_refused),
		cmocka_unit_test(test_form_mismatch_shows_what_was_signed),
		cmocka_unit_test(test_form_conditions_follow_the_table),
		cmocka_unit_test(test_form_policy_must_name_the_bucket),
		cmocka_unit_test(test_form_range_is_the_narrowest),
		cmocka_unit_test(test_form_expiration_is_a_moment),
		cmocka_unit_test(test_form_bad_documents_are_refused),
		cmocka_unit_test(test_form_policy_that_is_no_base64_is_refused),
		cmocka_unit_test(test_form_comma_before_a_bracket_is_accepted),
		cmocka_unit_test(test_form_sign_of_one_key_allows_that_alone),
		cmocka_unit_test(
		    test_form_sign_of_a_file_name_allows_any_below),
		cmocka_unit_test(test_form_sign_refuses_lives_out_of_bounds),
	};

	return cmocka_run_group_tests_name("auth_post_policy", tests,
					   auth_setup, NULL);
}
