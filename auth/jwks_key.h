/*
 * jwks_key.h - one public key of a JWK Set (RFC 7517, RFC 7518 §6): private
 * to auth/jwks*.c.
 *
 * A key is pinned to one algorithm by what it is: RSA of 2048 to 8192 bits to
 * RS256, P-256 to ES256. What the key says about itself (alg, use, key_ops)
 * may forbid that, never widen it.
 */
#ifndef AUTH_JWKS_KEY_H
#define AUTH_JWKS_KEY_H

#include "auth/jwks.h"
#include "base/json.h"

#define JWK_KID_MAX 256 /* with NUL */

struct evp_pkey_st;
struct jwk {
	enum jwk_alg alg;
	char kid[JWK_KID_MAX]; /* "": it has none */
	struct evp_pkey_st *pkey;
};

/* 0, or -1 and in *why what is wrong, in words fit for a log. End a read key
 * with jwk_release(). */
int MUST_CHECK jwk_read(struct jwk *out, const cJSON *json, const char **why);
void jwk_release(struct jwk *k);
/* RS256 is PKCS #1 v1.5; an ES256 signature is r and s, 32 bytes each. */
bool jwk_verify(const struct jwk *k, struct slice signed_part,
		struct slice signature);

#endif
