/*
 * CRCs as polynomials over GF(2), modulo P. Reflected: the top bit of a word
 * is the coefficient of x^0. Appending n bytes multiplies by x^(8n), from
 * which both the combination of two CRCs and the folding of long data follow.
 */
#include "base/crc.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define FOLD_MIN 256u /* below, the table is as fast */
#define FOLD_WIDE_MIN 1024u

static uint64_t table[8][256];

/* ---- arithmetic --------------------------------------------------------- */

static uint64_t
multiply(uint64_t poly, unsigned width, uint64_t a, uint64_t b)
{
	uint64_t product = 0;

	for (uint64_t bit = 1ull << (width - 1); bit; bit >>= 1) {
		if (a & bit)
			product ^= b;
		b = b & 1 ? b >> 1 ^ poly : b >> 1;
	}
	return product;
}

/* x^exponent, by squaring */
static uint64_t
power(uint64_t poly, unsigned width, uint64_t base, uint64_t exponent)
{
	uint64_t result = 1ull << (width - 1);

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			result = multiply(poly, width, result, base);
		base = multiply(poly, width, base, base);
	}
	return result;
}

uint64_t
crc_combine(uint64_t poly, unsigned width, uint64_t crc_a, uint64_t crc_b,
	    uint64_t n_b)
{
	const uint64_t x8 = 1ull << (width - 9); /* one byte */

	return multiply(poly, width, power(poly, width, x8, n_b), crc_a) ^
	       crc_b;
}

/* ---- CRC-64/NVME by table, eight bytes at a time ------------------------ */

static void
table_setup(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t v = i;

		for (int k = 0; k < 8; k++)
			v = v & 1 ? v >> 1 ^ CRC64NVME_POLY : v >> 1;
		table[0][i] = v;
	}
	for (unsigned i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			table[t][i] = table[0][table[t - 1][i] & 255] ^
				      table[t - 1][i] >> 8;
}

/* Without the inversions. */
static uint64_t
update(uint64_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v = 0;

		for (int k = 7; k >= 0; k--)
			v = v << 8 | p[k];
		v ^= crc;
		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][v >> 8 * k & 255];
	}
	for (; n; n--, p++)
		crc = table[0][(crc ^ *p) & 255] ^ crc >> 8;
	return crc;
}

uint64_t
crc64nvme_by_table(uint64_t crc, const void *p, size_t n)
{
	return ~update(~crc, p, n);
}

/* ---- by carry-less multiplication --------------------------------------- */

#ifdef __x86_64__

/*
 * A 128-bit word W, d bits ahead of the one it is folded into, is worth
 * W x^d = low x^(d+64) + high x^d (its low half has the high powers). The
 * instruction's product of reflected words is one bit short, thus d - 1.
 */
static struct fold {
	uint64_t low, high;
} by_2048, by_512, by_128;

static struct fold
fold_by(unsigned d)
{
	const uint64_t x = 1ull << 62;

	return (struct fold){ power(CRC64NVME_POLY, 64, x, d + 64 - 1),
			      power(CRC64NVME_POLY, 64, x, d - 1) };
}

__attribute__((target("pclmul"))) static __m128i
fold(__m128i w, __m128i k, __m128i into)
{
	return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(w, k, 0x00),
					   _mm_clmulepi64_si128(w, k, 0x11)),
			     into);
}

static __m128i
load(const unsigned char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Folds 64 bytes and more into 16, whose CRC is that of all. */
__attribute__((target("pclmul"))) static uint64_t
update_folding(uint64_t crc, const unsigned char *p, size_t n)
{
	const __m128i k4 =
	    _mm_set_epi64x((int64_t)by_512.high, (int64_t)by_512.low);
	const __m128i k1 =
	    _mm_set_epi64x((int64_t)by_128.high, (int64_t)by_128.low);
	unsigned char rest[16];
	__m128i w[4];

	for (int i = 0; i < 4; i++)
		w[i] = load(p + 16 * i);
	w[0] = _mm_xor_si128(w[0], _mm_set_epi64x(0, (int64_t)crc));
	for (p += 64, n -= 64; n >= 64; p += 64, n -= 64)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			w[i] = fold(w[i], k4, load(p + 16 * i));
	for (int i = 1; i < 4; i++)
		w[i] = fold(w[i - 1], k1, w[i]);
	_mm_storeu_si128((__m128i *)(void *)rest, w[3]);
	return update(update(0, rest, sizeof(rest)), p, n);
}

#define WIDE "pclmul,avx512f,vpclmulqdq"

__attribute__((target(WIDE))) static __m512i
fold_wide(__m512i w, __m512i k, __m512i into)
{
	/* all three together */
	return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(w, k, 0x00),
					 _mm512_clmulepi64_epi128(w, k, 0x11),
					 into, 0x96);
}

__attribute__((target(WIDE))) static __m512i
in_each(struct fold k)
{
	return _mm512_broadcast_i32x4(
	    _mm_set_epi64x((int64_t)k.high, (int64_t)k.low));
}

/* Folds 256 bytes and more into 64, and those as above. */
__attribute__((target(WIDE))) static uint64_t
update_folding_wide(uint64_t crc, const unsigned char *p, size_t n)
{
	const __m512i k16 = in_each(by_2048), k4 = in_each(by_512);
	unsigned char rest[64];
	__m512i w[4];

	for (int i = 0; i < 4; i++)
		w[i] = _mm512_loadu_si512(p + 64 * i);
	w[0] = _mm512_xor_si512(
	    w[0], _mm512_zextsi128_si512(_mm_set_epi64x(0, (int64_t)crc)));
	for (p += 256, n -= 256; n >= 256; p += 256, n -= 256)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			w[i] = fold_wide(w[i], k16,
					 _mm512_loadu_si512(p + 64 * i));
	for (int i = 1; i < 4; i++)
		w[i] = fold_wide(w[i - 1], k4, w[i]);
	_mm512_storeu_si512(rest, w[3]);
	crc = update_folding(0, rest, sizeof(rest));
	return n >= 64 ? update_folding(crc, p, n) : update(crc, p, n);
}

static bool can_fold, can_fold_wide;

static void
fold_setup(void)
{
	by_2048 = fold_by(2048);
	by_512 = fold_by(512);
	by_128 = fold_by(128);
	can_fold = __builtin_cpu_supports("pclmul");
	can_fold_wide = can_fold && __builtin_cpu_supports("avx512f") &&
			__builtin_cpu_supports("vpclmulqdq");
}

#else
static const bool can_fold = false, can_fold_wide = false;

static void
fold_setup(void)
{
}

static uint64_t
update_folding(uint64_t crc, const unsigned char *p, size_t n)
{
	return update(crc, p, n);
}

static uint64_t
update_folding_wide(uint64_t crc, const unsigned char *p, size_t n)
{
	return update(crc, p, n);
}
#endif

void
crc64nvme_setup(void)
{
	table_setup();
	fold_setup();
}

uint64_t
crc64nvme(uint64_t crc, const void *p, size_t n)
{
	if (can_fold_wide && n >= FOLD_WIDE_MIN)
		return ~update_folding_wide(~crc, p, n);
	if (can_fold && n >= FOLD_MIN)
		return ~update_folding(~crc, p, n);
	return crc64nvme_by_table(crc, p, n);
}
