/*
 * Standard Webhooks: the published example, both forms of secrets, rotation,
 * the window of time, and what is to be refused.
 */
#include "auth/webhook.h"
#include "base/encode.h"
#include "base/timeval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The example of the specification's reference libraries. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SENT_S 1614265330LL
#define SENT "1614265330"
#define BODY "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

#define OTHER "another-secret-of-the-tests"

static struct webhook_keys
keys_of(const char *text)
{
	struct webhook_keys keys;
	const char *why;

	assert_int_equal(webhook_keys_parse(slice_str(text), &keys, &why), 0);
	return keys;
}

struct message {
	const char *id, *timestamp, *signature, *body;
	int64_t now_s;
};
static const struct message good = { ID, SENT, SIGNATURE, BODY, SENT_S };

/* NULL when it verifies, else the reason. */
static const char *
verify(const char *secrets, struct message m)
{
	struct webhook_keys keys = keys_of(secrets);
	const struct webhook_head head = { slice_str(m.id),
					   slice_str(m.timestamp),
					   slice_str(m.signature) };
	const char *why = NULL;
	int rc = webhook_verify(&keys, &head, slice_str(m.body),
				m.now_s * US_PER_S, &why);

	return rc == 0 ? NULL : why;
}

static void
test_sign_example_gives_its_signature(void **state)
{
	struct webhook_keys keys = keys_of(SECRET);
	struct buf lines = BUF_INIT;

	(void)state;
	assert_int_equal(webhook_sign(&keys, SLICE(ID), SENT_S * US_PER_S,
				      SLICE(BODY), &lines),
			 0);
	assert_string_equal(lines.p, "webhook-id: " ID "\r\n"
				     "webhook-timestamp: " SENT "\r\n"
				     "webhook-signature: " SIGNATURE "\r\n");
	buf_release(&lines);
}

static void
test_verify_example_is_accepted(void **state)
{
	(void)state;
	assert_null(verify(SECRET, good));
}

static void
test_verify_any_change_is_refused(void **state)
{
	static const struct {
		struct message m;
		const char *why;
	} cases[] = {
		{ { "", SENT, SIGNATURE, BODY, SENT_S }, "unsigned" },
		{ { ID, "", SIGNATURE, BODY, SENT_S }, "unsigned" },
		{ { ID, SENT, "", BODY, SENT_S }, "unsigned" },
		{ { ID "x", SENT, SIGNATURE, BODY, SENT_S }, "signature" },
		{ { ID, "1614265331", SIGNATURE, BODY, SENT_S }, "signature" },
		{ { ID, SENT, SIGNATURE, BODY " ", SENT_S }, "signature" },
		{ { ID, SENT, SIGNATURE, "", SENT_S }, "signature" },
		{ { ID, SENT, SIGNATURE "=", BODY, SENT_S }, "signature" },
		{ { ID, SENT, "v1,", BODY, SENT_S }, "signature" },
		{ { ID, SENT, "v1", BODY, SENT_S }, "signature" },
		{ { ID, SENT, SIGNATURE + 3, BODY, SENT_S }, "signature" },
		{ { ID, SENT,
		    "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE"
		    "=",
		    BODY, SENT_S },
		  "signature" },
		{ { "a.b", SENT, SIGNATURE, BODY, SENT_S }, "malformed" },
		{ { "a b", SENT, SIGNATURE, BODY, SENT_S }, "malformed" },
		{ { "\xc3\xa9", SENT, SIGNATURE, BODY, SENT_S }, "malformed" },
		{ { ID, "-1614265330", SIGNATURE, BODY, SENT_S }, "malformed" },
		{ { ID, SENT ".0", SIGNATURE, BODY, SENT_S }, "malformed" },
		{ { ID, "99999999999999999999", SIGNATURE, BODY, SENT_S },
		  "malformed" },
		{ { ID, "18446744073709551615", SIGNATURE, BODY, SENT_S },
		  "early" },
		{ { ID, "0", SIGNATURE, BODY, SENT_S }, "expired" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(verify(SECRET, cases[i].m), cases[i].why);
}

static void
test_verify_window_is_five_minutes_both_ways(void **state)
{
	struct message m = good;

	(void)state;
	m.now_s = SENT_S + WEBHOOK_TOLERANCE_S;
	assert_null(verify(SECRET, m));
	m.now_s++;
	assert_string_equal(verify(SECRET, m), "expired");
	m.now_s = SENT_S - WEBHOOK_TOLERANCE_S;
	assert_null(verify(SECRET, m));
	m.now_s--;
	assert_string_equal(verify(SECRET, m), "early");
}

static void
test_verify_one_of_several_signatures_suffices(void **state)
{
	struct message m = good;

	(void)state;
	m.signature = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v2,x "
		      "rubbish  " SIGNATURE;
	assert_null(verify(SECRET, m));
	m.signature = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v2,x";
	assert_string_equal(verify(SECRET, m), "signature");
}

static void
test_verify_without_a_key_refuses(void **state)
{
	(void)state;
	assert_string_equal(verify("", good), "signature");
}

static void
test_verify_oversized_headers_are_refused(void **state)
{
	struct buf b = BUF_INIT;
	struct message m = good;

	(void)state;
	while (b.n < 4096)
		buf_puts(&b, SIGNATURE " ");
	m.signature = b.p;
	assert_string_equal(verify(SECRET, m), "malformed");
	buf_clear(&b);
	for (size_t i = 0; i <= WEBHOOK_ID_MAX; i++)
		buf_putc(&b, 'x');
	m = good;
	m.id = b.p;
	assert_string_equal(verify(SECRET, m), "malformed");
	buf_release(&b);
}

/* What @by signs, does @with accept? */
static const char *
cross(const char *by, const char *with)
{
	struct webhook_keys keys = keys_of(by);
	struct buf lines = BUF_INIT;
	struct message m = good;
	const char *why;

	assert_int_equal(webhook_sign(&keys, SLICE(ID), SENT_S * US_PER_S,
				      SLICE(BODY), &lines),
			 0);
	lines.p[lines.n - 2] = '\0';
	m.signature =
	    strstr(lines.p, "webhook-signature: ") + strlen("webhook-"
							    "signature: ");
	why = verify(with, m);
	buf_release(&lines);
	return why;
}

static void
test_rotation_both_secrets_sign_and_verify(void **state)
{
	(void)state;
	assert_null(cross(SECRET, OTHER " " SECRET));
	assert_null(cross(OTHER, "  " OTHER "   " SECRET " "));
	assert_null(cross(OTHER " " SECRET, SECRET));
	assert_null(cross(OTHER " " SECRET, OTHER));
	assert_string_equal(cross(OTHER, SECRET), "signature");
	/* whsec_ is a spelling: the bytes behind it are the key */
	assert_string_equal(cross(SECRET, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
			    "signature");
}

static void
test_keys_parse_refuses_what_is_no_secret(void **state)
{
	static const char *const bad[] = {
		"short",
		"whsec_",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",  /* not base64 */
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", /* 22 bytes */
		SECRET " short",
		SECRET " " OTHER " " SECRET " " OTHER " " SECRET,
	};
	char longest[WEBHOOK_KEY_BYTES_MAX + 2] = { 0 };
	struct webhook_keys keys;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    webhook_keys_parse(slice_str(bad[i]), &keys, &why), -1);
		assert_non_null(why);
		assert_int_equal(keys.n, 0);
	}
	memset(longest, 'k', WEBHOOK_KEY_BYTES_MAX);
	assert_int_equal(keys_of(longest).key[0].n, WEBHOOK_KEY_BYTES_MAX);
	longest[WEBHOOK_KEY_BYTES_MAX] = 'k';
	assert_int_equal(webhook_keys_parse(slice_str(longest), &keys, &why),
			 -1);
	assert_int_equal(keys_of("").n, 0);
	assert_int_equal(keys_of("  ").n, 0);
}

static void
test_sign_refuses_what_would_not_verify(void **state)
{
	struct webhook_keys keys = keys_of(SECRET), none = keys_of("");
	struct buf lines = BUF_INIT;

	(void)state;
	assert_int_equal(webhook_sign(&none, SLICE(ID), 0, SLICE(BODY), &lines),
			 -1);
	assert_int_equal(
	    webhook_sign(&keys, SLICE("a.b"), 0, SLICE(BODY), &lines), -1);
	assert_int_equal(
	    webhook_sign(&keys, SLICE("a\r\nx: y"), 0, SLICE(BODY), &lines),
	    -1);
	assert_int_equal(lines.n, 0);
	buf_release(&lines);
}

static void
test_secret_is_knows_each_spelling_alone(void **state)
{
	const struct slice list = SLICE(OTHER " " SECRET);

	(void)state;
	assert_true(webhook_secret_is(list, SLICE(OTHER)));
	assert_true(webhook_secret_is(list, SLICE(SECRET)));
	assert_false(webhook_secret_is(list, SLICE("")));
	assert_false(webhook_secret_is(list, SLICE(OTHER " " SECRET)));
	assert_false(webhook_secret_is(list, SLICE("another-secret")));
	assert_false(webhook_secret_is(SLICE(""), SLICE("")));
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
		cmocka_unit_test(test_sign_example_gives_its_signature),
		cmocka_unit_test(test_verify_example_is_accepted),
		cmocka_unit_test(test_verify_any_change_is_refused),
		cmocka_unit_test(test_verify_window_is_five_minutes_both_ways),
		cmocka_unit_test(
		    test_verify_one_of_several_signatures_suffices),
		cmocka_unit_test(test_verify_without_a_key_refuses),
		cmocka_unit_test(test_verify_oversized_headers_are_refused),
		cmocka_unit_test(test_rotation_both_secrets_sign_and_verify),
		cmocka_unit_test(test_keys_parse_refuses_what_is_no_secret),
		cmocka_unit_test(test_sign_refuses_what_would_not_verify),
		cmocka_unit_test(test_secret_is_knows_each_spelling_alone),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
