/*
 * Digests by OpenSSL EVP, CRC-32 and CRC-32C by isa-l. CRC-64/NVME is ours
 * (crc.c), since isa-l 2.30 does not have it.
 */
#include "base/hash.h"
#include "base/crc.h"
#include "base/encode.h"
#include "base/log.h"

#include <isa-l/crc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#define SHA256_BLOCK 64

static EVP_MD *md[HASH_ALG_COUNT];

/* Each thread's context for short digests, freed with the thread. */
static pthread_key_t scratch;
static bool has_scratch;

static const struct {
	const char *evp_name;
	size_t size;
	uint64_t crc_poly;
} algs[HASH_ALG_COUNT] = {
	[HASH_MD5] = { "MD5", 16, 0 },
	[HASH_SHA1] = { "SHA1", 20, 0 },
	[HASH_SHA256] = { "SHA256", 32, 0 },
	[HASH_CRC32] = { NULL, 4, CRC32_POLY },
	[HASH_CRC32C] = { NULL, 4, CRC32C_POLY },
	[HASH_CRC64NVME] = { NULL, 8, CRC64NVME_POLY },
};

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	/* isa-l counts in int and leaves the inversions to the caller. */
	unsigned char *at = (unsigned char *)(uintptr_t)p;

	crc = ~crc;
	while (n) {
		int step = n > 1 << 30 ? 1 << 30 : (int)n;

		crc = crc32_iscsi(at, step, crc);
		at += step;
		n -= (size_t)step;
	}
	return ~crc;
}

static void
free_scratch(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

int
hash_setup(void)
{
	crc64nvme_setup();
	if (!has_scratch && pthread_key_create(&scratch, free_scratch) != 0) {
		log_error("hash_setup", "out of thread-specific keys");
		return -1;
	}
	has_scratch = true;
	for (int i = 0; i < HASH_ALG_COUNT; i++) {
		if (!algs[i].evp_name || md[i])
			continue;
		md[i] = EVP_MD_fetch(NULL, algs[i].evp_name, NULL);
		if (!md[i]) {
			log_error("hash_setup",
				  "OpenSSL offers no %s (FIPS "
				  "mode?): S3 cannot work without it",
				  algs[i].evp_name);
			return -1;
		}
	}
	return 0;
}

size_t
hash_size(enum hash_alg alg)
{
	return algs[alg].size;
}

int
hash_init(struct hash *h, enum hash_alg alg)
{
	*h = (struct hash){ .alg = alg };
	if (!algs[alg].evp_name)
		return 0;
	h->evp = EVP_MD_CTX_new();
	if (!h->evp || EVP_DigestInit_ex(h->evp, md[alg], NULL) != 1) {
		hash_release(h);
		return -1;
	}
	return 0;
}

void
hash_update(struct hash *h, const void *p, size_t n)
{
	switch (h->alg) {
	case HASH_CRC32:
		h->crc = crc32_gzip_refl((uint32_t)h->crc, p, n);
		break;
	case HASH_CRC32C:
		h->crc = crc32c((uint32_t)h->crc, p, n);
		break;
	case HASH_CRC64NVME:
		h->crc = crc64nvme(h->crc, p, n);
		break;
	default:
		if (h->evp)
			EVP_DigestUpdate(h->evp, p, n);
	}
}

static void
put_crc(uint64_t crc, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(crc >> 8 * (n - 1 - i));
}

static uint64_t
get_crc(const uint8_t *p, size_t n)
{
	uint64_t crc = 0;

	for (size_t i = 0; i < n; i++)
		crc = crc << 8 | p[i];
	return crc;
}

void
hash_crc_combine(enum hash_alg alg, uint8_t *crc, const uint8_t *next,
		 uint64_t next_n)
{
	size_t n = hash_size(alg);

	put_crc(crc_combine(algs[alg].crc_poly, 8 * (unsigned)n,
			    get_crc(crc, n), get_crc(next, n), next_n),
		n, crc);
}

bool
hash_is_crc(enum hash_alg alg)
{
	return algs[alg].crc_poly != 0;
}

void
hash_final(struct hash *h, uint8_t out[HASH_BYTES_MAX])
{
	if (h->evp)
		EVP_DigestFinal_ex(h->evp, out, NULL);
	else
		put_crc(h->crc, hash_size(h->alg), out);
}

void
hash_release(struct hash *h)
{
	EVP_MD_CTX_free(h->evp);
	*h = (struct hash){ 0 };
}

/* A digest begun; never NULL. */
static EVP_MD_CTX *
begin_sha256(void)
{
	EVP_MD_CTX *ctx = pthread_getspecific(scratch);

	if (!ctx) {
		ctx = EVP_MD_CTX_new();
		if (!ctx || pthread_setspecific(scratch, ctx) != 0)
			abort();
	}
	if (EVP_DigestInit_ex(ctx, md[HASH_SHA256], NULL) != 1)
		abort();
	return ctx;
}

static void
end_sha256(EVP_MD_CTX *ctx, const void *p, size_t n, uint8_t out[SHA256_BYTES])
{
	if (EVP_DigestUpdate(ctx, p, n) != 1 ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		abort();
}

void
sha256(const void *p, size_t n, uint8_t out[SHA256_BYTES])
{
	end_sha256(begin_sha256(), p, n, out);
}

void
sha256_hex(const void *p, size_t n, char out[SHA256_HEX_MAX])
{
	uint8_t d[SHA256_BYTES];

	sha256(p, n, d);
	hex_encode(d, sizeof(d), out);
}

/* RFC 2104, one digest around another: OpenSSL's own MAC makes and frees its
 * objects each time, which costs more than the digests. */
void
hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
	    uint8_t out[SHA256_BYTES])
{
	uint8_t pad[SHA256_BLOCK] = { 0 }, inner[SHA256_BYTES];
	EVP_MD_CTX *ctx;

	if (key_n > sizeof(pad))
		sha256(key, key_n, pad);
	else if (key_n)
		memcpy(pad, key, key_n);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	ctx = begin_sha256();
	if (EVP_DigestUpdate(ctx, pad, sizeof(pad)) != 1)
		abort();
	end_sha256(ctx, p, n, inner);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	ctx = begin_sha256();
	if (EVP_DigestUpdate(ctx, pad, sizeof(pad)) != 1)
		abort();
	end_sha256(ctx, inner, sizeof(inner), out);
	secret_wipe(pad, sizeof(pad));
	secret_wipe(inner, sizeof(inner));
}

bool
bytes_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

bool
slice_equal_secret(struct slice a, struct slice b)
{
	return a.n == b.n && bytes_equal(a.p, b.p, a.n);
}

void
secret_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

void
secret_release(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->n);
	buf_release(b);
}
