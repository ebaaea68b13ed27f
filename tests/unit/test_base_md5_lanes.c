/* Eight streams at once have the digests that they have one by one. */
#include "base/md5_lanes.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BLOCKS_MAX 40
#define BYTES_MAX (BLOCKS_MAX * MD5_BLOCK_BYTES)

static char data[MD5_LANES][BYTES_MAX + 1];

static int
setup(void **state)
{
	uint32_t x = 99;

	(void)state;
	for (size_t i = 0; i < MD5_LANES; i++)
		for (size_t k = 0; k < sizeof(data[i]); k++)
			data[i][k] =
			    (char)((x = x * 1664525 + 1013904223) >> 24);
	return hash_setup();
}

/* RFC 1321 §3.1 and 3.2, for whole blocks: one more block. */
static void
pad(char block[MD5_BLOCK_BYTES], uint64_t bytes)
{
	memset(block, 0, MD5_BLOCK_BYTES);
	block[0] = (char)0x80;
	for (size_t i = 0; i < 8; i++)
		block[56 + i] = (char)(8 * bytes >> 8 * i);
}

static void
check(size_t blocks, size_t cut, size_t skew)
{
	struct md5_lanes s;
	const char *p[MD5_LANES], *rest[MD5_LANES], *end[MD5_LANES];
	char last[MD5_BLOCK_BYTES];

	pad(last, blocks * MD5_BLOCK_BYTES);
	for (size_t i = 0; i < MD5_LANES; i++) {
		s.word[0][i] = 0x67452301;
		s.word[1][i] = 0xefcdab89;
		s.word[2][i] = 0x98badcfe;
		s.word[3][i] = 0x10325476;
		p[i] = data[i] + skew;
		rest[i] = p[i] + cut * MD5_BLOCK_BYTES;
		end[i] = last;
	}
	md5_lanes_update(&s, p, cut);
	md5_lanes_update(&s, rest, blocks - cut);
	md5_lanes_update(&s, end, 1);
	for (size_t i = 0; i < MD5_LANES; i++) {
		uint8_t want[HASH_BYTES_MAX];
		struct hash h;

		assert_int_equal(hash_init(&h, HASH_MD5), 0);
		hash_update(&h, p[i], blocks * MD5_BLOCK_BYTES);
		hash_final(&h, want);
		hash_release(&h);
		for (size_t k = 0; k < MD5_BYTES; k++)
			assert_int_equal(s.word[k / 4][i] >> 8 * (k % 4) & 0xff,
					 want[k]);
	}
}

static void
test_md5_lanes_update_any_blocks_is_md5(void **state)
{
	(void)state;
	check(0, 0, 0);
	check(1, 0, 0);
	check(1, 1, 1);
	for (size_t blocks = 2; blocks <= BLOCKS_MAX; blocks += 7)
		for (size_t cut = 0; cut <= blocks; cut += 3)
			check(blocks, cut, cut & 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_md5_lanes_update_any_blocks_is_md5),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
