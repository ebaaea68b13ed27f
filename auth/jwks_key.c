/*
 * A JWK becomes an OpenSSL key, or is refused with the reason. Every member
 * that is read is checked; all others are passed over (RFC 7517 §4).
 */
#include "auth/jwks_key.h"
#include "base/encode.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* bounds what one verification costs */
#define RSA_E_BITS_MAX 64
#define P256_BYTES 32

/* ---- what it is for ----------------------------------------------------- */

/* Absent, or a text that is @want. */
static bool
absent_or(const cJSON *json, const char *name, const char *want)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return !item ||
	       (cJSON_IsString(item) && strcmp(item->valuestring, want) == 0);
}

static bool
may_verify(const cJSON *json)
{
	const cJSON *ops = cJSON_GetObjectItemCaseSensitive(json, "key_ops");
	const cJSON *op;
	bool found = false;

	if (!ops)
		return true;
	if (!cJSON_IsArray(ops))
		return false;
	cJSON_ArrayForEach(op, ops)
	{
		if (!cJSON_IsString(op))
			return false;
		found |= strcmp(op->valuestring, "verify") == 0;
	}
	return found;
}

static const char *
read_kid(struct jwk *out, const cJSON *json)
{
	const cJSON *kid = cJSON_GetObjectItemCaseSensitive(json, "kid");

	if (!kid)
		return NULL;
	if (!cJSON_IsString(kid) || !*kid->valuestring ||
	    strlen(kid->valuestring) >= sizeof(out->kid))
		return "kid is no text of 1 to 255 bytes";
	snprintf(out->kid, sizeof(out->kid), "%s", kid->valuestring);
	return NULL;
}

/* ---- numbers ------------------------------------------------------------ */

/* base64url of a big-endian number, NULL when it is none. */
static BIGNUM *
read_number(const cJSON *json, const char *name)
{
	const char *text = json_str(json, name);
	struct buf b = BUF_MAX(RSA_BITS_MAX / 8 + 1);
	BIGNUM *bn = NULL;

	if (text && *text && base64url_decode(&b, slice_str(text)) == 0)
		bn = BN_bin2bn((const uint8_t *)b.p, (int)b.n, NULL);
	buf_release(&b);
	return bn;
}

static EVP_PKEY *
make_key(const char *type, OSSL_PARAM_BLD *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *list = OSSL_PARAM_BLD_to_param(params);
	EVP_PKEY *pkey = NULL;

	if (!ctx || !list || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, list) != 1) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_PARAM_free(list);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* ---- RSA ---------------------------------------------------------------- */

static const char *
rsa_problem(const BIGNUM *n, const BIGNUM *e)
{
	if (!n || !e)
		return "n or e is missing or no base64url";
	if (BN_num_bits(n) < RSA_BITS_MIN)
		return "RSA of less than 2048 bits";
	if (BN_num_bits(n) > RSA_BITS_MAX)
		return "RSA of more than 8192 bits";
	if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
	    BN_num_bits(e) > RSA_E_BITS_MAX)
		return "n and e are no RSA key";
	return NULL;
}

static const char *
read_rsa(struct jwk *out, const cJSON *json)
{
	BIGNUM *n = read_number(json, "n"), *e = read_number(json, "e");
	const char *why = rsa_problem(n, e);
	OSSL_PARAM_BLD *params = OSSL_PARAM_BLD_new();

	if (!why && params &&
	    OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		out->pkey = make_key("RSA", params);
	if (!why && !out->pkey)
		why = "n and e are no RSA key";
	OSSL_PARAM_BLD_free(params);
	BN_free(n);
	BN_free(e);
	return why;
}

/* ---- P-256 -------------------------------------------------------------- */

/* Exactly 32 bytes (RFC 7518 §6.2.1.2), into out. */
static bool
read_coordinate(const cJSON *json, const char *name, uint8_t out[P256_BYTES])
{
	const char *text = json_str(json, name);
	struct buf b = BUF_MAX(P256_BYTES + 1);
	bool good = text && base64url_decode(&b, slice_str(text)) == 0 &&
		    b.n == P256_BYTES;

	if (good)
		memcpy(out, b.p, P256_BYTES);
	buf_release(&b);
	return good;
}

static bool
on_curve(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool good = ctx && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static const char *
read_ec(struct jwk *out, const cJSON *json)
{
	const char *crv = json_str(json, "crv");
	uint8_t point[1 + 2 * P256_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
	OSSL_PARAM_BLD *params;

	if (!crv || strcmp(crv, "P-256") != 0)
		return "another curve than P-256";
	if (!read_coordinate(json, "x", point + 1) ||
	    !read_coordinate(json, "y", point + 1 + P256_BYTES))
		return "x or y is not 32 bytes of base64url";
	params = OSSL_PARAM_BLD_new();
	if (params &&
	    OSSL_PARAM_BLD_push_utf8_string(params, OSSL_PKEY_PARAM_GROUP_NAME,
					    "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(params, OSSL_PKEY_PARAM_PUB_KEY,
					     point, sizeof(point)) == 1)
		out->pkey = make_key("EC", params);
	OSSL_PARAM_BLD_free(params);
	if (out->pkey && on_curve(out->pkey))
		return NULL;
	return "x and y are no point of the curve";
}

/* ---- reading ------------------------------------------------------------ */

static const struct {
	const char *kty;
	const char *alg;
	enum jwk_alg id;
	const char *(*read)(struct jwk *out, const cJSON *json);
} kinds[] = {
	{ "RSA", "RS256", JWK_RS256, read_rsa },
	{ "EC", "ES256", JWK_ES256, read_ec },
};

static const char *
read_kind(struct jwk *out, const cJSON *json, size_t i)
{
	const char *why;

	if (cJSON_GetObjectItemCaseSensitive(json, "d"))
		return "a private key, which nobody else may know";
	if (!absent_or(json, "alg", kinds[i].alg))
		return "for another algorithm";
	if (!absent_or(json, "use", "sig") || !may_verify(json))
		return "not for verifying signatures";
	why = read_kid(out, json);
	if (why)
		return why;
	out->alg = kinds[i].id;
	return kinds[i].read(out, json);
}

int
jwk_read(struct jwk *out, const cJSON *json, const char **why)
{
	const char *kty = json_str(json, "kty");

	*out = (struct jwk){ 0 };
	*why = "neither RSA nor EC";
	if (!cJSON_IsObject(json) || !kty)
		*why = "no object with a kty";
	else if (!json_names_unique(json))
		*why = "a member stands twice";
	else
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (strcmp(kty, kinds[i].kty) == 0)
				*why = read_kind(out, json, i);
	if (!*why)
		return 0;
	ERR_clear_error();
	jwk_release(out);
	return -1;
}

void
jwk_release(struct jwk *k)
{
	EVP_PKEY_free(k->pkey);
	*k = (struct jwk){ 0 };
}

/* ---- verifying ---------------------------------------------------------- */

/* r and s as the DER that OpenSSL reads; malloc'd by OpenSSL, or NULL. */
static uint8_t *
ecdsa_der(struct slice raw, int *n)
{
	const uint8_t *p = (const uint8_t *)raw.p;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(p, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(p + P256_BYTES, P256_BYTES, NULL);
	uint8_t *der = NULL;

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* sig has them */
		*n = i2d_ECDSA_SIG(sig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return der;
}

static bool
verify(EVP_PKEY *pkey, struct slice data, const uint8_t *sig, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good =
	    ctx &&
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, sig, n, (const uint8_t *)data.p, data.n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good;
}

bool
jwk_verify(const struct jwk *k, struct slice signed_part,
	   struct slice signature)
{
	uint8_t *der;
	bool good;
	int n = 0;

	if (k->alg == JWK_RS256)
		return verify(k->pkey, signed_part,
			      (const uint8_t *)signature.p, signature.n);
	if (signature.n != 2 * P256_BYTES)
		return false;
	der = ecdsa_der(signature, &n);
	good = der && n > 0 && verify(k->pkey, signed_part, der, (size_t)n);
	OPENSSL_free(der);
	return good;
}
