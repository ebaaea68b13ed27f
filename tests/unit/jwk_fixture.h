/*
 * jwk_fixture.h - key pairs of a test, their JWKs, and tokens signed with
 * them.
 */
#ifndef TESTS_UNIT_JWK_FIXTURE_H
#define TESTS_UNIT_JWK_FIXTURE_H

#include "base/encode.h"
#include "base/hash.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static inline void
jwk_put_number(struct buf *b, const EVP_PKEY *key, const char *param,
	       size_t width)
{
	uint8_t raw[1024];
	BIGNUM *bn = NULL;
	int n;

	if (EVP_PKEY_get_bn_param(key, param, &bn) != 1)
		abort();
	n = width ? (int)width : BN_num_bytes(bn);
	if (BN_bn2binpad(bn, raw, n) != n)
		abort();
	base64url_encode(b, raw, (size_t)n);
	BN_free(bn);
}

/* The members of a public key, without braces: "kty":...; @more follows. */
static inline void
jwk_put(struct buf *b, const EVP_PKEY *key, const char *more)
{
	bool rsa = EVP_PKEY_is_a(key, "RSA");

	buf_puts(b, rsa ? "{\"kty\":\"RSA\",\"n\":\""
			: "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"");
	jwk_put_number(b, key,
		       rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X,
		       rsa ? 0 : 32);
	buf_puts(b, rsa ? "\",\"e\":\"" : "\",\"y\":\"");
	jwk_put_number(b, key,
		       rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y,
		       rsa ? 0 : 32);
	buf_printf(b, "\"%s}", more);
}

/* {"keys":[...]} of one key. */
static inline struct buf
jwk_set(const EVP_PKEY *key, const char *more)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "{\"keys\":[");
	jwk_put(&b, key, more);
	buf_puts(&b, "]}");
	if (!buf_ok(&b))
		abort();
	return b;
}

/* PKCS #1 v1.5 or, for EC, DER: what OpenSSL makes. */
static inline void
jwk_sign(struct buf *out, EVP_PKEY *key, struct slice data, int padding)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	uint8_t sig[1024];
	size_t n = sizeof(sig);

	if (EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, key) != 1 ||
	    (padding && EVP_PKEY_CTX_set_rsa_padding(pctx, padding) != 1) ||
	    EVP_DigestSign(ctx, sig, &n, (const uint8_t *)data.p, data.n) != 1)
		abort();
	buf_add(out, sig, n);
	EVP_MD_CTX_free(ctx);
}

/* An ES256 signature: r and s. */
static inline void
jwk_sign_raw(struct buf *out, EVP_PKEY *key, struct slice data)
{
	struct buf der = BUF_INIT;
	const uint8_t *p;
	uint8_t raw[64];
	ECDSA_SIG *sig;

	jwk_sign(&der, key, data, 0);
	p = (const uint8_t *)der.p;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) != 32 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) != 32)
		abort();
	buf_add(out, raw, sizeof(raw));
	ECDSA_SIG_free(sig);
	buf_release(&der);
}

/* header and claims in base64url with a dot between. */
static inline struct buf
jwk_token_head(const char *header, const char *claims)
{
	struct buf b = BUF_INIT;

	base64url_encode(&b, header, strlen(header));
	buf_putc(&b, '.');
	base64url_encode(&b, claims, strlen(claims));
	return b;
}

static inline void
jwk_token_end(struct buf *token, const struct buf *signature)
{
	buf_putc(token, '.');
	base64url_encode(token, signature->p, signature->n);
	if (!buf_ok(token))
		abort();
}

static inline struct buf
jwk_token(EVP_PKEY *key, const char *header, const char *claims)
{
	struct buf token = jwk_token_head(header, claims), sig = BUF_INIT;

	if (EVP_PKEY_is_a(key, "RSA"))
		jwk_sign(&sig, key, buf_slice(&token), 0);
	else
		jwk_sign_raw(&sig, key, buf_slice(&token));
	jwk_token_end(&token, &sig);
	buf_release(&sig);
	return token;
}

#endif
