/*
 * Public keys and the tokens they verify: the examples of RFC 7515 and RFC
 * 7517, sets with every kind of broken entry, and tokens that confuse one
 * kind of key with another.
 */
#include "auth/auth.h"
#include "auth/jwks.h"
#include "base/timeval.h"
#include "tests/unit/jwk_fixture.h"

#include <openssl/pem.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <cmocka.h>

#define NOW_S 1700000000
#define NOW_US (NOW_S * US_PER_S)
#define SUB "8a2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f80"
#define CLAIMS                                            \
	"{\"sub\":\"" SUB "\",\"aud\":\"authenticated\"," \
	"\"exp\":1700003600}"

static EVP_PKEY *rsa, *rsa2, *rsa_small, *ec, *ec2;

static size_t
load(struct jwks *k, struct slice text)
{
	size_t n = 99;

	assert_int_equal(jwks_load(k, text, &n), 0);
	return n;
}

/* A set of the one key. */
static struct jwks *
keys_of(const EVP_PKEY *key, const char *more)
{
	struct jwks *k = jwks_new();
	struct buf set = jwk_set(key, more);

	assert_non_null(k);
	assert_int_equal(load(k, buf_slice(&set)), 1);
	buf_release(&set);
	return k;
}

/* The reason, NULL when it is good. */
static const char *
reason(struct jwks *keys, struct slice secret, struct slice token)
{
	const struct auth_jwt_conf conf = { .secret = secret,
					    .keys = keys,
					    .audience = "authenticated",
					    .issuer = "" };
	struct auth_claims claims = { 0 };
	const char *why = "";
	int rc = auth_jwt_verify(&conf, token, NOW_US, &claims, &why);

	assert_int_equal(rc != 0, why != NULL);
	assert_string_equal(claims.sub, rc == 0 ? SUB : "");
	return why;
}

static void
expect(struct jwks *keys, struct slice secret, struct buf *token,
       const char *want)
{
	const char *why = reason(keys, secret, buf_slice(token));

	if ((why || want) && (!why || !want || strcmp(why, want)))
		fail_msg("%s: %s instead of %s", token->p, why ? why : "good",
			 want ? want : "good");
	buf_release(token);
}

/* ---- the examples of the RFCs ------------------------------------------- */

/* RFC 7515 A.2, A.3; RFC 7517 A.1 */
#define A2_KEY                                                               \
	"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQo" \
	"Tbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2"  \
	"lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpa" \
	"SHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4" \
	"uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8" \
	"q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}"
#define A3_KEY                                                           \
	"{\"kty\":\"EC\",\"crv\":\"P-256\","                             \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"" \
	"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define RFC_CLAIMS                                                         \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt" \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const struct {
	const char *set;
	enum jwk_alg alg;
	const char *signed_part;
	const char *signature;
} examples[] = {
	{ "{\"keys\":[" A2_KEY "]}", JWK_RS256,
	  "eyJhbGciOiJSUzI1NiJ9." RFC_CLAIMS,
	  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	  "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	  "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	  "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	  "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	  "p0igcN_IoypGlUPQGe77Rw" },
	{ "{\"keys\":[" A3_KEY "]}", JWK_ES256,
	  "eyJhbGciOiJFUzI1NiJ9." RFC_CLAIMS,
	  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
	  "pmWQxfKTUJqPP3-Kg6NU1Q" },
};

static void
test_verify_examples_of_rfc_7515_are_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct slice part = slice_str(examples[i].signed_part);
		struct jwks *k = jwks_new();
		struct buf sig = BUF_INIT;

		assert_int_equal(load(k, slice_str(examples[i].set)), 1);
		assert_int_equal(
		    base64url_decode(&sig, slice_str(examples[i].signature)),
		    0);
		assert_int_equal(jwks_verify(k, examples[i].alg, NULL, part,
					     buf_slice(&sig)),
				 JWKS_GOOD);
		assert_int_equal(jwks_verify(k, examples[i].alg, NULL,
					     slice_from(part, 1),
					     buf_slice(&sig)),
				 JWKS_BAD);
		sig.p[i]++;
		assert_int_equal(jwks_verify(k, examples[i].alg, NULL, part,
					     buf_slice(&sig)),
				 JWKS_BAD);
		assert_int_equal(
		    jwks_verify(
			k, examples[i].alg == JWK_RS256 ? JWK_ES256 : JWK_RS256,
			NULL, part, buf_slice(&sig)),
		    JWKS_UNKNOWN);
		buf_release(&sig);
		jwks_free(k);
	}
}

static void
test_load_set_of_rfc_7517_takes_the_signing_key(void **state)
{
	/* A.1: an EC key for encryption, an RSA key for RS256 */
	static const char set[] =
	    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcK"
	    "USDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5v"
	    "fvVHuhp7x8PxltmWWlbbM4IFyM\",\"use\":\"enc\",\"kid\":\"1\"},"
	    "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2"
	    "aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj"
	    "BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Q"
	    "yQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM"
	    "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcR"
	    "wr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\","
	    "\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}]}";
	struct jwks *k = jwks_new();

	(void)state;
	assert_int_equal(load(k, SLICE(set)), 1);
	assert_int_equal(
	    jwks_verify(k, JWK_RS256, "2011-04-29", SLICE("x"), SLICE("y")),
	    JWKS_BAD);
	assert_int_equal(jwks_verify(k, JWK_ES256, "1", SLICE("x"), SLICE("y")),
			 JWKS_UNKNOWN);
	jwks_free(k);
}

/* ---- sets --------------------------------------------------------------- */

static void
test_load_text_that_is_no_set_keeps_the_keys(void **state)
{
	static const char *const texts[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"keys\":{}}",
		"{\"keys\":null}",
		"{\"keys\":[]",
		"{\"keys\":[],\"keys\":[]}",
		"{\"keys\":[{\"kid\":\"a\\u0000b\"}]}",
		"<html>",
		A2_KEY,
	};
	struct jwks *k = keys_of(rsa, "");
	struct buf token = jwk_token(rsa, "{\"alg\":\"RS256\"}", CLAIMS);
	struct buf huge = BUF_INIT;
	size_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(jwks_load(k, slice_str(texts[i]), &n), -1);
	buf_puts(&huge, "{\"keys\":[]}");
	while (huge.n <= JWKS_TEXT_MAX)
		buf_puts(&huge, "                                ");
	assert_int_equal(jwks_load(k, buf_slice(&huge), &n), -1);
	assert_int_equal(n, 7);
	assert_null(reason(k, SLICE_EMPTY, buf_slice(&token)));
	/* a set without keys is one: all have been withdrawn */
	assert_int_equal(load(k, SLICE("{\"keys\":[]}")), 0);
	assert_string_equal(reason(k, SLICE_EMPTY, buf_slice(&token)), "key");
	buf_release(&huge);
	buf_release(&token);
	jwks_free(k);
}

#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_KEY(x, y, more)                                             \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y \
	"\"" more "}"

/* Each beside a good key, which is taken all the same. */
static const char *const skipped[] = {
	"1",
	"null",
	"[]",
	"{}",
	"{\"kty\":1}",
	"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}",
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" EC_X "\"}",
	"{\"kty\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
	"{\"kty\":\"RSA\"}",
	"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}",
	"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
	"{\"kty\":\"RSA\",\"n\":[1],\"e\":\"AQAB\"}",
	"{\"kty\":\"EC\"}",
	EC_KEY("", "", ""),
	EC_KEY(EC_X, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aA", ""),
	EC_KEY(EC_X "AA", EC_Y, ""),
	EC_KEY("AAAA", EC_Y, ""),
	EC_KEY("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
	EC_KEY("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVE=", EC_Y, ""),
	"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y
	"\"}",
	EC_KEY(EC_X, EC_Y, ",\"alg\":\"RS256\""),
	EC_KEY(EC_X, EC_Y, ",\"alg\":\"ES384\""),
	EC_KEY(EC_X, EC_Y, ",\"alg\":null"),
	EC_KEY(EC_X, EC_Y, ",\"use\":\"enc\""),
	EC_KEY(EC_X, EC_Y, ",\"use\":1"),
	EC_KEY(EC_X, EC_Y, ",\"key_ops\":[]"),
	EC_KEY(EC_X, EC_Y, ",\"key_ops\":[\"sign\"]"),
	EC_KEY(EC_X, EC_Y, ",\"key_ops\":[\"verify\",1]"),
	EC_KEY(EC_X, EC_Y, ",\"key_ops\":\"verify\""),
	EC_KEY(EC_X, EC_Y, ",\"kid\":1"),
	EC_KEY(EC_X, EC_Y, ",\"kid\":\"\""),
	EC_KEY(EC_X, EC_Y, ",\"kty\":\"EC\""),
	EC_KEY(EC_X, EC_Y, ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6\""),
};

static void
test_load_entries_of_no_use_are_skipped(void **state)
{
	struct buf token = jwk_token(rsa, "{\"alg\":\"RS256\"}", CLAIMS);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(skipped); i++) {
		struct jwks *k = jwks_new();
		struct buf set = BUF_INIT;

		buf_printf(&set, "{\"keys\":[%s,", skipped[i]);
		jwk_put(&set, rsa, "");
		buf_printf(&set, ",%s]}", skipped[i]);
		if (load(k, buf_slice(&set)) != 1)
			fail_msg("%s was taken", skipped[i]);
		assert_null(reason(k, SLICE_EMPTY, buf_slice(&token)));
		buf_release(&set);
		jwks_free(k);
	}
	buf_release(&token);
}

static void
test_load_takes_members_that_fit(void **state)
{
	static const char *const more[] = {
		"",
		",\"use\":\"sig\"",
		",\"alg\":\"ES256\",\"key_ops\":[\"verify\"],\"kid\":\"k\"",
		",\"key_ops\":[\"sign\",\"verify\"],\"x5u\":\"https://x\"",
		",\"x5c\":[\"MII\"],\"ext\":true,\"own\":{\"a\":[1]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		jwks_free(keys_of(ec, more[i]));
}

static void
test_load_rsa_below_2048_bits_is_skipped(void **state)
{
	struct jwks *k = jwks_new();
	struct buf set = jwk_set(rsa_small, "");

	(void)state;
	assert_int_equal(load(k, buf_slice(&set)), 0);
	buf_release(&set);
	jwks_free(k);
}

static void
test_load_takes_a_bounded_number_of_keys(void **state)
{
	struct jwks *k = jwks_new();
	struct buf set = BUF_INIT;

	(void)state;
	buf_puts(&set, "{\"keys\":[");
	for (size_t i = 0; i < JWKS_KEYS_MAX + 50; i++) {
		jwk_put(&set, ec, "");
		buf_putc(&set, ',');
	}
	jwk_put(&set, ec, "");
	buf_puts(&set, "]}");
	assert_int_equal(load(k, buf_slice(&set)), JWKS_KEYS_MAX);
	buf_release(&set);
	jwks_free(k);
}

/* ---- tokens ------------------------------------------------------------- */

static void
test_verify_tokens_of_both_algorithms_are_good(void **state)
{
	static const struct {
		EVP_PKEY **key;
		const char *header, *more;
	} good[] = {
		{ &rsa, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", "" },
		{ &ec, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", "" },
		{ &rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}", ",\"kid\":\"k\"" },
		{ &ec, "{\"alg\":\"ES256\",\"kid\":\"k\"}", ",\"kid\":\"k\"" },
		{ &ec, "{\"alg\":\"ES256\"}", ",\"kid\":\"k\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct jwks *k = keys_of(*good[i].key, good[i].more);
		struct buf token =
		    jwk_token(*good[i].key, good[i].header, CLAIMS);

		expect(k, SLICE_EMPTY, &token, NULL);
		jwks_free(k);
	}
}

/* Signed rightly by somebody, and refused. The set holds rsa as "r" and ec as
 * "e"; there is a secret beside it. */
static const struct {
	EVP_PKEY **key;
	const char *header;
	const char *why;
} refused[] = {
	/* other people's keys, whatever they say about them */
	{ &rsa2, "{\"alg\":\"RS256\"}", "signature" },
	{ &rsa2, "{\"alg\":\"RS256\",\"kid\":\"r\"}", "signature" },
	{ &rsa2, "{\"alg\":\"RS256\",\"kid\":\"own\"}", "key" },
	{ &ec2, "{\"alg\":\"ES256\"}", "signature" },
	{ &ec2, "{\"alg\":\"ES256\",\"kid\":\"e\"}", "signature" },
	{ &rsa2, "{\"alg\":\"RS256\",\"jku\":\"http://127.0.0.1:1/k\"}",
	  "signature" },
	{ &rsa2, "{\"alg\":\"RS256\",\"x5u\":\"http://127.0.0.1:1/k\"}",
	  "signature" },
	{ &rsa2, "{\"alg\":\"RS256\",\"x5c\":[\"MIIB\"]}", "signature" },
	/* our keys under another name */
	{ &rsa, "{\"alg\":\"RS256\",\"kid\":\"e\"}", "key" },
	{ &ec, "{\"alg\":\"ES256\",\"kid\":\"r\"}", "key" },
	{ &rsa, "{\"alg\":\"RS256\",\"kid\":\"\"}", "key" },
	{ &rsa, "{\"alg\":\"RS256\",\"kid\":1}", "key" },
	{ &rsa, "{\"alg\":\"RS256\",\"kid\":null}", "key" },
	{ &rsa, "{\"alg\":\"RS256\",\"kid\":\"R\"}", "key" },
	/* another algorithm than the key's */
	{ &rsa, "{\"alg\":\"ES256\",\"kid\":\"r\"}", "key" },
	{ &rsa, "{\"alg\":\"ES256\"}", "signature" },
	{ &ec, "{\"alg\":\"RS256\"}", "signature" },
	{ &rsa, "{\"alg\":\"HS256\"}", "signature" },
	{ &ec, "{\"alg\":\"HS256\"}", "signature" },
	{ &rsa, "{\"alg\":\"RS384\"}", "algorithm" },
	{ &rsa, "{\"alg\":\"RS512\"}", "algorithm" },
	{ &rsa, "{\"alg\":\"PS256\"}", "algorithm" },
	{ &ec, "{\"alg\":\"ES384\"}", "algorithm" },
	{ &ec, "{\"alg\":\"ES256K\"}", "algorithm" },
	{ &rsa, "{\"alg\":\"none\"}", "algorithm" },
	{ &rsa, "{\"alg\":\"rs256\"}", "algorithm" },
	{ &rsa, "{\"alg\":\"RS256 \"}", "algorithm" },
	{ &rsa, "{\"kid\":\"r\"}", "algorithm" },
	/* headers that are refused */
	{ &rsa, "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}",
	  "critical" },
	{ &rsa, "{\"alg\":\"RS256\",\"crit\":[]}", "critical" },
	{ &rsa, "{\"alg\":\"RS256\",\"alg\":\"HS256\"}", "malformed" },
	{ &rsa, "{\"alg\":\"RS256\",\"kid\":\"r\",\"kid\":\"e\"}",
	  "malformed" },
	{ &rsa, "{\"alg\":\"RS256\",\"typ\":\"logout+jwt\"}", "type" },
};

static void
test_verify_confusion_of_keys_is_refused(void **state)
{
	struct jwks *k = jwks_new();
	struct buf set = BUF_INIT;

	(void)state;
	buf_puts(&set, "{\"keys\":[");
	jwk_put(&set, rsa, ",\"kid\":\"r\"");
	buf_putc(&set, ',');
	jwk_put(&set, ec, ",\"kid\":\"e\"");
	buf_puts(&set, "]}");
	assert_int_equal(load(k, buf_slice(&set)), 2);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct buf token =
		    jwk_token(*refused[i].key, refused[i].header, CLAIMS);

		expect(k, SLICE("a secret beside the keys"), &token,
		       refused[i].why);
	}
	buf_release(&set);
	jwks_free(k);
}

/* The classic: HS256 with what everybody knows, the public key, as secret. */
static void
test_verify_mac_by_a_public_key_is_refused(void **state)
{
	struct jwks *k = keys_of(rsa, "");
	struct buf secrets[5] = { BUF_INIT };
	uint8_t mac[SHA256_BYTES];
	uint8_t *der = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long n;

	(void)state;
	PEM_write_bio_PUBKEY(bio, rsa);
	n = BIO_get_mem_data(bio, &pem);
	buf_add(&secrets[0], pem, (size_t)n);
	buf_add(&secrets[1], pem, (size_t)n - 1); /* without newline */
	n = i2d_PUBKEY(rsa, &der);
	buf_add(&secrets[2], der, (size_t)n);
	jwk_put(&secrets[3], rsa, "");
	jwk_put_number(&secrets[4], rsa, OSSL_PKEY_PARAM_RSA_N, 0);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		struct buf token =
		    jwk_token_head("{\"alg\":\"HS256\"}", CLAIMS);
		struct buf sig = BUF_INIT, same = BUF_INIT;

		hmac_sha256(secrets[i].p, secrets[i].n, token.p, token.n, mac);
		buf_add(&sig, mac, sizeof(mac));
		jwk_token_end(&token, &sig);
		/* the same token is good where that is the secret */
		assert_null(
		    reason(k, buf_slice(&secrets[i]), buf_slice(&token)));
		buf_put(&same, buf_slice(&token));
		expect(k, SLICE("the real secret of it"), &same, "signature");
		expect(k, SLICE_EMPTY, &token, "algorithm");
		buf_release(&sig);
		buf_release(&secrets[i]);
	}
	OPENSSL_free(der);
	BIO_free(bio);
	jwks_free(k);
}

/* The token with another signature. */
static void
expect_signature(struct jwks *k, const char *header, struct slice signature,
		 const char *why)
{
	struct buf token = jwk_token_head(header, CLAIMS), sig = BUF_INIT;

	buf_put(&sig, signature);
	jwk_token_end(&token, &sig);
	expect(k, SLICE_EMPTY, &token, why);
	buf_release(&sig);
}

static void
test_verify_signatures_of_another_form_are_refused(void **state)
{
	static const char rs[] = "{\"alg\":\"RS256\"}";
	static const char es[] = "{\"alg\":\"ES256\"}";
	struct jwks *r = keys_of(rsa, ""), *e = keys_of(ec, "");
	struct buf part = jwk_token_head(rs, CLAIMS), sig = BUF_INIT;
	static const char zeroes[256];

	(void)state;
	jwk_sign(&sig, rsa, buf_slice(&part), RSA_PKCS1_PSS_PADDING);
	expect_signature(r, rs, buf_slice(&sig), "signature");
	buf_clear(&sig);
	jwk_sign(&sig, rsa, buf_slice(&part), 0);
	expect_signature(r, rs, buf_slice(&sig), NULL);
	expect_signature(r, rs, slice_from(buf_slice(&sig), 1), "signature");
	expect_signature(r, rs, slice_head(buf_slice(&sig), 255), "signature");
	buf_putc(&sig, '\0');
	expect_signature(r, rs, buf_slice(&sig), "signature");
	expect_signature(r, rs, slice_mem(zeroes, 256), "signature");
	expect_signature(r, rs, SLICE_EMPTY, "signature");
	buf_release(&part);

	part = jwk_token_head(es, CLAIMS);
	buf_clear(&sig);
	jwk_sign(&sig, ec, buf_slice(&part), 0);
	expect_signature(e, es, buf_slice(&sig), "signature"); /* DER */
	buf_clear(&sig);
	jwk_sign_raw(&sig, ec, buf_slice(&part));
	expect_signature(e, es, buf_slice(&sig), NULL);
	expect_signature(e, es, slice_head(buf_slice(&sig), 63), "signature");
	buf_putc(&sig, '\0');
	expect_signature(e, es, buf_slice(&sig), "signature");
	/* r = s = 0: what broken verifiers take for everything */
	expect_signature(e, es, slice_mem(zeroes, 64), "signature");
	expect_signature(e, es, SLICE_EMPTY, "signature");
	buf_release(&part);
	buf_release(&sig);
	jwks_free(r);
	jwks_free(e);
}

static void
test_verify_token_bringing_its_own_key_is_refused(void **state)
{
	struct jwks *k = keys_of(rsa, "");
	struct buf header = BUF_INIT, token;

	(void)state;
	buf_puts(&header, "{\"alg\":\"RS256\",\"jwk\":");
	jwk_put(&header, rsa2, "");
	buf_puts(&header, "}");
	token = jwk_token(rsa2, header.p, CLAIMS);
	expect(k, SLICE_EMPTY, &token, "signature");
	buf_release(&header);
	jwks_free(k);
}

static void
test_verify_without_keys_cannot_say(void **state)
{
	struct jwks *k = jwks_new();
	const struct auth_jwt_conf conf = { .keys = k,
					    .audience = "",
					    .issuer = "" };
	struct buf token = jwk_token(rsa, "{\"alg\":\"RS256\"}", CLAIMS);
	struct auth_claims claims;
	const char *why;

	(void)state;
	assert_int_equal(
	    auth_jwt_verify(&conf, buf_slice(&token), NOW_US, &claims, &why),
	    AUTH_JWT_NO_KEYS);
	buf_release(&token);
	token = jwk_token(rsa, "{\"alg\":\"HS256\"}", CLAIMS);
	expect(k, SLICE_EMPTY, &token, "algorithm");
	jwks_free(k);
}

static void
count(void *ctx)
{
	++*(unsigned *)ctx;
}

static void
test_verify_unknown_key_is_told(void **state)
{
	struct jwks *k = keys_of(ec, ",\"kid\":\"e\"");
	struct buf token;
	unsigned told = 0;

	(void)state;
	jwks_on_unknown(k, count, &told);
	token = jwk_token(ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS);
	expect(k, SLICE_EMPTY, &token, NULL);
	token = jwk_token(ec2, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS);
	expect(k, SLICE_EMPTY, &token, "signature");
	assert_int_equal(told, 0);
	token = jwk_token(ec2, "{\"alg\":\"ES256\",\"kid\":\"f\"}", CLAIMS);
	expect(k, SLICE_EMPTY, &token, "key");
	assert_int_equal(told, 1);
	jwks_free(k);
}

/* ---- replaced while in use (for ThreadSanitizer) ------------------------ */

struct crowd {
	struct jwks *keys;
	struct slice token;
	atomic_bool stop;
	atomic_uint good, bad;
};

static void *
verify_loop(void *arg)
{
	struct crowd *c = arg;

	while (!c->stop)
		if (reason(c->keys, SLICE_EMPTY, c->token))
			c->bad++;
		else
			c->good++;
	return NULL;
}

static void
test_load_while_others_verify(void **state)
{
	struct buf token = jwk_token(ec, "{\"alg\":\"ES256\"}", CLAIMS);
	struct buf with = jwk_set(ec, ""), without = jwk_set(ec2, "");
	struct crowd c = { .keys = keys_of(ec, ""),
			   .token = buf_slice(&token) };
	pthread_t threads[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, verify_loop, &c), 0);
	for (int i = 0; i < 500 || !c.good || !c.bad; i++)
		load(c.keys, buf_slice(i % 2 ? &with : &without));
	c.stop = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	buf_release(&token);
	buf_release(&with);
	buf_release(&without);
	jwks_free(c.keys);
}

static int
setup(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	rsa2 = EVP_RSA_gen(2048);
	rsa_small = EVP_RSA_gen(1024);
	ec = EVP_EC_gen("P-256");
	ec2 = EVP_EC_gen("P-256");
	return rsa && rsa2 && rsa_small && ec && ec2 ? hash_setup() : -1;
}

static int
teardown(void **state)
{
	EVP_PKEY *const keys[] = { rsa, rsa2, rsa_small, ec, ec2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_examples_of_rfc_7515_are_good),
		cmocka_unit_test(
		    test_load_set_of_rfc_7517_takes_the_signing_key),
		cmocka_unit_test(test_load_text_that_is_no_set_keeps_the_keys),
		cmocka_unit_test(test_load_entries_of_no_use_are_skipped),
		cmocka_unit_test(test_load_takes_members_that_fit),
		cmocka_unit_test(test_load_rsa_below_2048_bits_is_skipped),
		cmocka_unit_test(test_load_takes_a_bounded_number_of_keys),
		cmocka_unit_test(
		    test_verify_tokens_of_both_algorithms_are_good),
		cmocka_unit_test(test_verify_confusion_of_keys_is_refused),
		cmocka_unit_test(test_verify_mac_by_a_public_key_is_refused),
		cmocka_unit_test(
		    test_verify_signatures_of_another_form_are_refused),
		cmocka_unit_test(
		    test_verify_token_bringing_its_own_key_is_refused),
		cmocka_unit_test(test_verify_without_keys_cannot_say),
		cmocka_unit_test(test_verify_unknown_key_is_told),
		cmocka_unit_test(test_load_while_others_verify),
	};

	return cmocka_run_group_tests_name("auth_jwks", tests, setup, teardown);
}
