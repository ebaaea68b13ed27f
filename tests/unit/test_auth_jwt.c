/*
 * User tokens: what is signed verifies; the confusion corpus does not.
 */
#include "auth/auth.h"
#include "base/encode.h"
#include "base/timeval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW_S 1700000000LL
#define NOW_US (NOW_S * US_PER_S)
#define SUB "8a2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f80"
#define SECRET "0123456789abcdef0123456789abcdef"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS \
	"{\"sub\":\"" SUB "\",\"aud\":\"authenticated\",\"exp\":1700003600}"

static const struct auth_jwt_conf conf = {
	.secret = { SECRET, sizeof(SECRET) - 1 },
	.audience = "authenticated",
	.issuer = "",
};

/* A token of these texts, rightly signed by @secret. */
static struct buf
make_token(const char *header, const char *claims, const char *secret)
{
	struct buf b = BUF_INIT;
	uint8_t mac[SHA256_BYTES];

	base64url_encode(&b, header, strlen(header));
	buf_putc(&b, '.');
	base64url_encode(&b, claims, strlen(claims));
	hmac_sha256(secret, strlen(secret), b.p, b.n, mac);
	buf_putc(&b, '.');
	base64url_encode(&b, mac, sizeof(mac));
	assert_true(buf_ok(&b));
	return b;
}

static void
assert_refused(struct slice token, const char *reason)
{
	struct auth_claims claims = { .exp_s = 7 };
	const char *why = NULL;

	assert_int_equal(auth_jwt_verify(&conf, token, NOW_US, &claims, &why),
			 -1);
	assert_string_equal(why, reason);
	assert_int_equal(claims.exp_s, 7);
	assert_string_equal(claims.sub, "");
}

static void
test_verify_signed_token_gives_its_claims(void **state)
{
	struct auth_claims claims;
	struct buf token = BUF_INIT;
	const char *why;

	(void)state;
	assert_int_equal(auth_jwt_sign(&conf, SLICE(SUB), NOW_US, 3600, &token),
			 0);
	assert_int_equal(
	    auth_jwt_verify(&conf, buf_slice(&token), NOW_US, &claims, &why),
	    0);
	assert_string_equal(claims.sub, SUB);
	assert_int_equal(claims.exp_s, NOW_S + 3600);
	buf_release(&token);
	assert_int_equal(
	    auth_jwt_sign(&conf, SLICE("nobody"), NOW_US, 3600, &token), -1);
	buf_release(&token);
}

static void
test_verify_token_of_rfc_7515_fails_on_claims_only(void **state)
{
	/* RFC 7515 A.1: the signature is right, sub is missing, long ago. */
	static const char key64[] =
	    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
	    "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
	static const char token[] =
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
	    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	struct auth_jwt_conf rfc = { .audience = "", .issuer = "joe" };
	struct auth_claims claims;
	struct buf key = BUF_INIT;
	const char *why;

	(void)state;
	assert_int_equal(base64url_decode(&key, SLICE(key64)), 0);
	rfc.secret = buf_slice(&key);
	assert_int_equal(
	    auth_jwt_verify(&rfc, SLICE(token), NOW_US, &claims, &why), -1);
	assert_string_equal(why, "expired");
	assert_int_equal(auth_jwt_verify(&rfc, SLICE(token),
					 1300819300 * US_PER_S, &claims, &why),
			 -1);
	assert_string_equal(why, "subject");
	buf_release(&key);
}

/* Rightly signed by the right secret, and still refused. */
static const struct {
	const char *header;
	const char *claims;
	const char *why;
} refused[] = {
	{ "{\"alg\":\"none\"}", CLAIMS, "algorithm" },
	{ "{\"alg\":\"hs256\"}", CLAIMS, "algorithm" },
	{ "{\"alg\":\"HS512\"}", CLAIMS, "algorithm" },
	{ "{\"alg\":\"RS256\"}", CLAIMS, "algorithm" },
	{ "{\"alg\":[\"HS256\"]}", CLAIMS, "algorithm" },
	{ "{\"typ\":\"JWT\"}", CLAIMS, "algorithm" },
	{ "{\"alg\":\"HS256\",\"alg\":\"none\"}", CLAIMS, "malformed" },
	{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", CLAIMS, "critical" },
	{ "{\"alg\":\"HS256\",\"typ\":\"JWE\"}", CLAIMS, "type" },
	{ "{\"alg\":\"HS256\",\"typ\":1}", CLAIMS, "type" },
	{ "[\"HS256\"]", CLAIMS, "malformed" },
	{ "{\"alg\":\"HS256\"", CLAIMS, "malformed" },
	{ "", CLAIMS, "malformed" },
#define WITH(exp, rest) \
	"{\"sub\":\"" SUB "\",\"aud\":\"authenticated\"" exp rest "}"
#define EXP ",\"exp\":1700003600"
	{ HS256, WITH("", ""), "expiry" },
	{ HS256, WITH(",\"exp\":\"1700003600\"", ""), "expiry" },
	{ HS256, WITH(",\"exp\":null", ""), "expiry" },
	{ HS256, WITH(",\"exp\":1e300", ""), "expiry" },
	{ HS256, WITH(",\"exp\":-1", ""), "expiry" },
	{ HS256, WITH(",\"exp\":1699999940", ""), "expired" },
	{ HS256, WITH(EXP, ",\"exp\":1800000000"), "malformed" },
	{ HS256, WITH(EXP, ",\"nbf\":1700000061"), "early" },
	{ HS256, WITH(EXP, ",\"nbf\":\"now\""), "early" },
	{ HS256, WITH(EXP, ",\"iat\":1700000061"), "issued" },
	{ HS256, WITH(EXP, ",\"iat\":\"odd\""), "issued" },
	{ HS256, "{\"sub\":\"" SUB "\"" EXP "}", "audience" },
	{ HS256, "{\"sub\":\"" SUB "\",\"aud\":\"anon\"" EXP "}", "audience" },
	{ HS256, "{\"sub\":\"" SUB "\",\"aud\":[]" EXP "}", "audience" },
	{ HS256, "{\"sub\":\"" SUB "\",\"aud\":[1,\"b\"]" EXP "}", "audience" },
	{ HS256, "{\"aud\":\"authenticated\"" EXP "}", "subject" },
	{ HS256, "{\"sub\":\"42\",\"aud\":\"authenticated\"" EXP "}",
	  "subject" },
	{ HS256, "{\"sub\":42,\"aud\":\"authenticated\"" EXP "}", "subject" },
	{ HS256,
	  "{\"sub\":\"" SUB "\\u0000\",\"aud\":\"authenticated\"" EXP "}",
	  "malformed" },
	{ HS256, "null", "malformed" },
	{ HS256, "", "malformed" },
};

static void
test_verify_confusion_corpus_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct buf token =
		    make_token(refused[i].header, refused[i].claims, SECRET);

		assert_refused(buf_slice(&token), refused[i].why);
		buf_release(&token);
	}
}

static const char *const accepted[] = {
	CLAIMS,
	WITH(",\"exp\":1699999941", ""), /* within the leeway */
	WITH(",\"exp\":1700003600.5", ",\"nbf\":1700000060"),
	WITH(EXP, ",\"iat\":1700000060,\"role\":\"service_role\""),
	"{\"sub\":\"8A2F1C9E-0B5D-4F67-9C31-5D2E7A4B6F80\",\"aud\":[\"x\","
	"\"authenticated\"]" EXP "}",
};

static void
test_verify_variants_of_claims_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		struct buf token = make_token("{\"alg\":\"HS256\",\"typ\":"
					      "\"jwt\",\"kid\":\"1\"}",
					      accepted[i], SECRET);
		struct auth_claims claims;
		const char *why;

		assert_int_equal(auth_jwt_verify(&conf, buf_slice(&token),
						 NOW_US, &claims, &why),
				 0);
		assert_string_equal(claims.sub, SUB);
		buf_release(&token);
	}
}

static void
test_verify_issuer_is_checked_when_set(void **state)
{
	static const char *const claims[] = {
		WITH(EXP, ",\"iss\":\"https://issuer\""),
		WITH(EXP, ",\"iss\":\"https://other\""),
		WITH(EXP, ",\"iss\":1"),
		CLAIMS,
	};
	struct auth_jwt_conf strict = conf;

	(void)state;
	strict.issuer = "https://issuer";
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		struct buf token = make_token(HS256, claims[i], SECRET);
		struct auth_claims out;
		const char *why;

		assert_int_equal(auth_jwt_verify(&strict, buf_slice(&token),
						 NOW_US, &out, &why),
				 i == 0 ? 0 : -1);
		buf_release(&token);
	}
}

static void
test_verify_wrong_secret_is_refused(void **state)
{
	struct buf token = make_token(HS256, CLAIMS, "another secret");
	struct auth_jwt_conf empty = conf;
	struct auth_claims claims;
	const char *why;

	(void)state;
	assert_refused(buf_slice(&token), "signature");
	buf_release(&token);
	token = make_token(HS256, CLAIMS, "");
	empty.secret = SLICE_EMPTY;
	assert_int_equal(
	    auth_jwt_verify(&empty, buf_slice(&token), NOW_US, &claims, &why),
	    -1);
	assert_string_equal(why, "secret");
	buf_release(&token);
}

static void
test_verify_changed_tokens_are_refused(void **state)
{
	struct buf token = make_token(HS256, CLAIMS, SECRET);

	(void)state;
	for (size_t i = 0; i < token.n; i++) {
		struct auth_claims claims;
		const char *why;
		char kept = token.p[i];

		token.p[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(auth_jwt_verify(&conf, buf_slice(&token),
						 NOW_US, &claims, &why),
				 -1);
		token.p[i] = kept;
		assert_int_equal(
		    auth_jwt_verify(&conf, slice_head(buf_slice(&token), i),
				    NOW_US, &claims, &why),
		    -1);
	}
	buf_puts(&token, ".");
	assert_refused(buf_slice(&token), "malformed");
	buf_puts(&token, ".");
	assert_refused(buf_slice(&token), "malformed");
	buf_release(&token);
}

static void
test_verify_odd_texts_are_refused(void **state)
{
	struct buf huge = BUF_INIT;

	(void)state;
	assert_refused(SLICE(""), "malformed");
	assert_refused(SLICE("."), "malformed");
	assert_refused(SLICE(".."), "malformed");
	assert_refused(SLICE("..."), "malformed");
	assert_refused(SLICE("e30.e30.e30"), "algorithm");
	assert_refused(SLICE("e30=.e30.e30"), "malformed");
	assert_refused(SLICE("e3 0.e30.e30"), "malformed");
	while (huge.n <= 8192)
		buf_puts(&huge, "eyJhbGciOiJIUzI1NiJ9");
	assert_refused(buf_slice(&huge), "size");
	buf_release(&huge);
}

static void
test_bearer_equal_needs_scheme_and_token(void **state)
{
	(void)state;
	assert_true(auth_bearer_equal(SLICE("Bearer abc"), SLICE("abc")));
	assert_true(auth_bearer_equal(SLICE("bearer  abc "), SLICE("abc")));
	assert_false(auth_bearer_equal(SLICE("Bearer abd"), SLICE("abc")));
	assert_false(auth_bearer_equal(SLICE("Bearer abcd"), SLICE("abc")));
	assert_false(auth_bearer_equal(SLICE("abc"), SLICE("abc")));
	assert_false(auth_bearer_equal(SLICE("Basic abc"), SLICE("abc")));
	assert_false(auth_bearer_equal(SLICE("Bearer "), SLICE("")));
	assert_false(auth_bearer_equal(SLICE("Bearer"), SLICE("")));
	assert_false(auth_bearer_equal(SLICE(""), SLICE("")));
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
		cmocka_unit_test(test_verify_signed_token_gives_its_claims),
		cmocka_unit_test(
		    test_verify_token_of_rfc_7515_fails_on_claims_only),
		cmocka_unit_test(test_verify_confusion_corpus_is_refused),
		cmocka_unit_test(test_verify_variants_of_claims_are_accepted),
		cmocka_unit_test(test_verify_issuer_is_checked_when_set),
		cmocka_unit_test(test_verify_wrong_secret_is_refused),
		cmocka_unit_test(test_verify_changed_tokens_are_refused),
		cmocka_unit_test(test_verify_odd_texts_are_refused),
		cmocka_unit_test(test_bearer_equal_needs_scheme_and_token),
	};

	return cmocka_run_group_tests_name("auth_jwt", tests, setup, NULL);
}
