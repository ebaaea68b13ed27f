/*
 * jwks.h - the public keys that user tokens are verified with: a JWK Set
 * (RFC 7517) in force, replaced as a whole while requests go on.
 *
 * Threads: all functions any, but for jwks_free(). A verification works on the
 * keys that were in force when it began.
 */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "base/buf.h"

#define JWKS_TEXT_MAX (256u << 10)
#define JWKS_KEYS_MAX 32 /* further ones are skipped, with a line */

enum jwk_alg { JWK_RS256, JWK_ES256 };

enum jwks_answer {
	JWKS_GOOD,
	JWKS_BAD,     /* not by the key it names */
	JWKS_UNKNOWN, /* it names no key of ours, or none of that algorithm */
	JWKS_EMPTY    /* no keys were ever loaded */
};

struct jwks;
/* NULL on memory shortage. */
struct jwks *jwks_new(void);
void jwks_free(struct jwks *k); /* NULL is fine */
/* @unknown is called for each JWKS_UNKNOWN, in the request's thread, and must
 * not block. To be set before the first verification. */
void jwks_on_unknown(struct jwks *k, void (*unknown)(void *ctx), void *ctx);

/*
 * jwks_load - puts the keys of a JWK Set in force. Entries that are of no use
 * here (private and symmetric keys, other types, sizes and purposes, anything
 * malformed) are skipped with a line in the log. 0 with their number in
 * *n_keys; -1 when the text is no JWK Set, or on memory shortage, with the
 * keys as they were.
 */
int MUST_CHECK jwks_load(struct jwks *k, struct slice text, size_t *n_keys);

/*
 * jwks_verify - @kid as the token has it: only a key of that name is asked;
 * NULL asks every key of the algorithm.
 */
enum jwks_answer jwks_verify(struct jwks *k, enum jwk_alg alg, const char *kid,
			     struct slice signed_part, struct slice signature);

#endif
