/*
 * seal.h - private to auth/: secrets at rest, by AES-256-GCM (NIST SP
 * 800-38D). A sealed text is nonce, ciphertext, tag; each sealing takes a
 * fresh random nonce, and @bound is authenticated with it, so that a sealed
 * text cannot be moved to another place. Threads: any.
 */
#ifndef AUTH_SEAL_H
#define AUTH_SEAL_H

#include "base/hash.h"

#define SEAL_KEY_BYTES 32
#define SEAL_EXTRA_BYTES 28 /* what sealing adds: nonce and tag */

/* out takes plain.n + SEAL_EXTRA_BYTES. 0, or -1 on memory shortage. */
int MUST_CHECK seal(const uint8_t key[SEAL_KEY_BYTES], struct slice bound,
		    struct slice plain, uint8_t *out);
/* out takes sealed.n - SEAL_EXTRA_BYTES. -1, and out wiped, unless these very
 * bytes were sealed under this key for this @bound. */
int MUST_CHECK seal_open(const uint8_t key[SEAL_KEY_BYTES], struct slice bound,
			 struct slice sealed, void *out);

#endif
