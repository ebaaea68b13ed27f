/*
 * hash.h - digests, checksums, HMAC, constant-time comparison.
 * The only user of OpenSSL's digests, beside hash_lane.h, and of isa-l.
 *
 * hash_setup() fetches the algorithms once; call it first in main().
 * Digest bytes are in AWS's order: CRCs big-endian, as S3 base64-encodes them.
 * Threads: hash_setup() before any; a struct hash by one thread at a time;
 * all else any.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/buf.h"

enum hash_alg {
	HASH_NONE,
	HASH_MD5,
	HASH_SHA1,
	HASH_SHA256,
	HASH_CRC32,
	HASH_CRC32C,
	HASH_CRC64NVME,
	HASH_ALG_COUNT
};

#define HASH_BYTES_MAX 32
#define MD5_BYTES 16
#define SHA256_BYTES 32
#define SHA256_HEX_MAX 65

struct evp_md_ctx_st;
struct hash {
	enum hash_alg alg;
	struct evp_md_ctx_st *evp; /* MD5, SHA */
	uint64_t crc;
};

/* 0, or -1 when a digest is missing (MD5 under FIPS): logged. */
int MUST_CHECK hash_setup(void);
size_t hash_size(enum hash_alg alg);

/* 0, or -1 on memory shortage. End with hash_release(), also after final. */
int MUST_CHECK hash_init(struct hash *h, enum hash_alg alg);
void hash_update(struct hash *h, const void *p, size_t n);
/* Writes hash_size(h->alg) bytes. */
void hash_final(struct hash *h, uint8_t out[HASH_BYTES_MAX]);
/* A zeroed struct hash is fine too. */
void hash_release(struct hash *h);

/* CRC32, CRC32C, CRC64NVME: those that combine. */
bool hash_is_crc(enum hash_alg alg);
/*
 * hash_crc_combine - makes *crc, the CRC of some data, that of the data
 * followed by next_n bytes whose CRC is next: the full-object checksum of a
 * multipart upload from those of its parts. hash_size(alg) bytes each, as
 * hash_final() writes them; the CRC of nothing is all zeroes. O(log next_n).
 */
void hash_crc_combine(enum hash_alg alg, uint8_t *crc, const uint8_t *next,
		      uint64_t next_n);

void sha256(const void *p, size_t n, uint8_t out[SHA256_BYTES]);
void sha256_hex(const void *p, size_t n, char out[SHA256_HEX_MAX]);
void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
		 uint8_t out[SHA256_BYTES]);
/* Continues a CRC-32C: start with 0 (isa-l, iSCSI polynomial). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* Constant time in the contents; the lengths are not secret. */
bool bytes_equal(const void *a, const void *b, size_t n);
bool slice_equal_secret(struct slice a, struct slice b);
void secret_wipe(void *p, size_t n);
/* Wipes what a buffer holds, and frees it. */
void secret_release(struct buf *b);

#endif
