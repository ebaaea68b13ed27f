/*
 * Digests and checksums against their published check values, in any split.
 */
#include "base/crc.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	enum hash_alg alg;
	const char *of_digits; /* of "123456789" */
	const char *of_nothing;
} checks[] = {
	{ HASH_CRC32, "cbf43926", "00000000" },
	{ HASH_CRC32C, "e3069283", "00000000" },
	{ HASH_CRC64NVME, "ae8b14860a799888", "0000000000000000" },
	{ HASH_MD5, "25f9e794323b453885f5181f1b624d0b",
	  "d41d8cd98f00b204e9800998ecf8427e" },
	{ HASH_SHA1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
	  "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
	{ HASH_SHA256,
	  "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
};

/* Hex of the digest of s, fed in pieces of @step. */
static void
digest(enum hash_alg alg, struct slice s, size_t step, char hex[65])
{
	uint8_t out[HASH_BYTES_MAX];
	struct hash h;

	assert_int_equal(hash_init(&h, alg), 0);
	while (s.n) {
		struct slice piece = slice_head(s, step);

		hash_update(&h, piece.p, piece.n);
		s = slice_from(s, piece.n);
	}
	hash_final(&h, out);
	hash_release(&h);
	hash_release(&h); /* once more is fine */
	hex_encode(out, hash_size(alg), hex);
}

static void
test_hash_check_values_in_any_split(void **state)
{
	char hex[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		for (size_t step = 1; step <= 9; step++) {
			digest(checks[i].alg, SLICE("123456789"), step, hex);
			assert_string_equal(hex, checks[i].of_digits);
		}
		digest(checks[i].alg, SLICE_EMPTY, 1, hex);
		assert_string_equal(hex, checks[i].of_nothing);
	}
}

/* The table-driven CRC-64 against its definition, bit by bit. */
static void
test_hash_crc64nvme_equals_its_definition(void **state)
{
	unsigned char data[100];
	char hex[65], want[65];

	(void)state;
	random_bytes(data, sizeof(data));
	for (size_t n = 0; n <= sizeof(data); n++) {
		uint64_t crc = ~0ull;

		for (size_t i = 0; i < 8 * n; i++) {
			uint64_t bit = (crc ^ data[i / 8] >> i % 8) & 1;

			crc = crc >> 1 ^ (bit ? 0x9a6c9329ac4bc9b5u : 0);
		}
		snprintf(want, sizeof(want), "%016llx",
			 (unsigned long long)~crc);
		digest(HASH_CRC64NVME, slice_mem(data, n), 33, hex);
		assert_string_equal(hex, want);
	}
}

/* Folding begins at some length and ends within some word. */
static void
test_hash_crc64nvme_of_long_data_equals_the_table(void **state)
{
	static unsigned char data[5000];

	(void)state;
	random_bytes(data, sizeof(data));
	for (size_t n = 0; n <= 2000; n++) {
		size_t at = n % 17;
		uint64_t start = crc64nvme_by_table(0, data, at);

		assert_int_equal(crc64nvme(start, data + at, n),
				 crc64nvme_by_table(start, data + at, n));
	}
	assert_int_equal(crc64nvme(0, data, sizeof(data)),
			 crc64nvme_by_table(0, data, sizeof(data)));
}

static const enum hash_alg crcs[] = { HASH_CRC32, HASH_CRC32C, HASH_CRC64NVME };

static void
crc_of(enum hash_alg alg, const void *p, size_t n, uint8_t *out)
{
	struct hash h;

	assert_int_equal(hash_init(&h, alg), 0);
	hash_update(&h, p, n);
	hash_final(&h, out);
	hash_release(&h);
}

static void
test_hash_crc_combine_of_random_parts_equals_the_whole(void **state)
{
	static unsigned char data[40000];
	uint8_t want[HASH_BYTES_MAX], got[HASH_BYTES_MAX];
	uint8_t part[HASH_BYTES_MAX];

	(void)state;
	random_bytes(data, sizeof(data));
	for (size_t round = 0; round < 300; round++) {
		enum hash_alg alg = crcs[round % ARRAY_LEN(crcs)];
		uint32_t cut[4], at = 0;

		assert_true(hash_is_crc(alg));
		random_bytes(cut, sizeof(cut));
		memset(got, 0, sizeof(got));
		for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
			uint32_t n = cut[i] % (round % 4 ? 10000 : 3);

			crc_of(alg, data + at, n, part);
			hash_crc_combine(alg, got, part, n);
			at += n;
		}
		crc_of(alg, data, at, want);
		assert_memory_equal(got, want, hash_size(alg));
	}
}

/* 2^40 equal bytes, longer than can be fed: by doubling, and as the sum of
 * one piece of each size. */
static void
test_hash_crc_combine_of_huge_lengths(void **state)
{
	enum { DOUBLINGS = 40 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(crcs); i++) {
		uint8_t piece[DOUBLINGS + 1][HASH_BYTES_MAX], sum[8];
		size_t n = hash_size(crcs[i]);

		crc_of(crcs[i], "a", 1, piece[0]);
		memcpy(sum, piece[0], sizeof(sum));
		for (unsigned k = 0; k < DOUBLINGS; k++) {
			memcpy(piece[k + 1], piece[k], HASH_BYTES_MAX);
			hash_crc_combine(crcs[i], piece[k + 1], piece[k],
					 1ull << k);
			hash_crc_combine(crcs[i], sum, piece[k], 1ull << k);
		}
		assert_memory_equal(sum, piece[DOUBLINGS], n);
		/* Nothing changes nothing. */
		memset(piece[0], 0, HASH_BYTES_MAX);
		hash_crc_combine(crcs[i], sum, piece[0], 0);
		assert_memory_equal(sum, piece[DOUBLINGS], n);
	}
	assert_false(hash_is_crc(HASH_SHA1));
	assert_false(hash_is_crc(HASH_MD5));
	assert_false(hash_is_crc(HASH_NONE));
}

static void
test_crc32c_continues(void **state)
{
	uint32_t crc = crc32c(0, "1234", 4);

	(void)state;
	assert_int_equal(crc32c(crc, "56789", 5), 0xe3069283u);
	assert_int_equal(crc32c(crc, "", 0), crc);
}

/* RFC 4231 test cases 1, 2 and 6 */
static void
test_hmac_sha256_rfc_examples(void **state)
{
	uint8_t key[131], out[SHA256_BYTES];
	char hex[65];

	(void)state;
	memset(key, 0x0b, 20);
	hmac_sha256(key, 20, "Hi There", 8, out);
	hex_encode(out, sizeof(out), hex);
	assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b"
				 "881dc200c9833da726e9376c2e32cff7");
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	hex_encode(out, sizeof(out), hex);
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c7"
				 "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(key, sizeof(key),
		    "Test Using Larger Than Block-Size Key - Hash Key First",
		    54, out);
	hex_encode(out, sizeof(out), hex);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f"
				 "8e0bc6213728c5140546040f0ee37f54");
}

static void
test_slice_equal_secret_compares_all(void **state)
{
	(void)state;
	assert_true(slice_equal_secret(SLICE("abc"), SLICE("abc")));
	assert_true(slice_equal_secret(SLICE(""), SLICE_EMPTY));
	assert_false(slice_equal_secret(SLICE("abc"), SLICE("abd")));
	assert_false(slice_equal_secret(SLICE("abc"), SLICE("abcd")));
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
		cmocka_unit_test(test_hash_check_values_in_any_split),
		cmocka_unit_test(test_hash_crc64nvme_equals_its_definition),
		cmocka_unit_test(
		    test_hash_crc64nvme_of_long_data_equals_the_table),
		cmocka_unit_test(
		    test_hash_crc_combine_of_random_parts_equals_the_whole),
		cmocka_unit_test(test_hash_crc_combine_of_huge_lengths),
		cmocka_unit_test(test_crc32c_continues),
		cmocka_unit_test(test_hmac_sha256_rfc_examples),
		cmocka_unit_test(test_slice_equal_secret_compares_all),
	};

	return cmocka_run_group_tests_name("base_hash", tests, setup, NULL);
}
