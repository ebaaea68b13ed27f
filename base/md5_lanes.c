/*
 * RFC 1321 on vectors of eight words. The compiler makes three versions of one
 * text, for AVX-512, AVX2 and what every x86-64 has; the processor chooses.
 * A step waits for the one before, so what counts is how many instructions lie
 * between them: AVX-512 has one for each of the four functions and one that
 * rotates.
 */
#include "base/md5_lanes.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

typedef uint32_t lanes __attribute__((vector_size(4 * MD5_LANES)));

/* RFC 1321 §3.4: 2^32 * |sin(i + 1)|. */
static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
	0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
	0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
	0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
	0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
	0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391
};

/* clang-format off */
/* A step; @f of the three words that the step before has changed or kept. */
#define STEP(a, b, c, d, f, rotate, ready, word, sine, by)                    \
	do {                                                                  \
		lanes t = a + (word) + (sine);                                \
		ready(t);                                                     \
		t += f(b, c, d);                                              \
		a = b + rotate(t, by);                                        \
	} while (0)

/* Sixteen of them; @at: which word of the block. */
#define ROUND(r, f, rotate, ready, at, s0, s1, s2, s3)                        \
	_Pragma("GCC unroll 4")                                               \
	for (size_t i = 0; i < 16; i += 4) {                                  \
		const uint32_t *k = sines + 16 * (r) + i;                     \
		STEP(a, b, c, d, f, rotate, ready, x[at(i)], k[0], s0);       \
		STEP(d, a, b, c, f, rotate, ready, x[at(i + 1)], k[1], s1);   \
		STEP(c, d, a, b, f, rotate, ready, x[at(i + 2)], k[2], s2);   \
		STEP(b, c, d, a, f, rotate, ready, x[at(i + 3)], k[3], s3);   \
	}
#define WORD0(i) (i)
#define WORD1(i) (5 * (i) + 1) % 16
#define WORD2(i) (3 * (i) + 5) % 16
#define WORD3(i) 7 * (i) % 16

/* RFC 1321 §3.4; I is taken by the C library. */
#define F(b, c, d) (d ^ (b & (c ^ d)))
#define G(b, c, d) (c ^ (d & (b ^ c)))
#define H(b, c, d) (b ^ c ^ d)
#define O(b, c, d) (c ^ (b | ~d))
#define ROTATE(t, by) (t << by | t >> (32 - by))
#define READY(t) (void)0

/* The same with AVX-512: any function of three bits, by its truth table. */
#define OF_BITS(b, c, d, table)                                               \
	(lanes)_mm256_ternarylogic_epi32((__m256i)b, (__m256i)c, (__m256i)d,  \
					 table)
#define F512(b, c, d) OF_BITS(b, c, d, 0xca)
#define G512(b, c, d) OF_BITS(b, c, d, 0xe4)
#define H512(b, c, d) OF_BITS(b, c, d, 0x96)
#define O512(b, c, d) OF_BITS(b, c, d, 0x39)
#define ROTATE512(t, by) (lanes)_mm256_rol_epi32((__m256i)t, by)
/* Or the compiler would turn the sums around and have them wait for f. */
#define READY512(t) __asm__("" : "+v"(t))

/* Eight words of each of eight streams, turned: x[w] has word w of all. */
#define TURN(x, from)                                                         \
	do {                                                                  \
		lanes r[8], u[8], v[8];                                       \
		_Pragma("GCC unroll 8")                                       \
		for (size_t i = 0; i < 8; i++)                                \
			memcpy(&r[i], p[i] + (from), sizeof(lanes));          \
		_Pragma("GCC unroll 8")                                       \
		for (size_t i = 0; i < 8; i += 2) {                           \
			u[i] = PICK(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);\
			u[i + 1] = PICK(r[i], r[i + 1], 2, 10, 3, 11, 6, 14,  \
					7, 15);                               \
		}                                                             \
		_Pragma("GCC unroll 8")                                       \
		for (size_t i = 0; i < 8; i++) {                              \
			size_t k = (i & 4) + (i >> 1 & 1);                    \
			v[i] = i & 1 ? PICK(u[k], u[k + 2], 2, 3, 10, 11, 6,\
					    7, 14, 15)                        \
				     : PICK(u[k], u[k + 2], 0, 1, 8, 9, 4,  \
					    5, 12, 13);                       \
		}                                                             \
		_Pragma("GCC unroll 8")                                       \
		for (size_t i = 0; i < 4; i++) {                              \
			(x)[i] = PICK(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10,   \
				      11);                                    \
			(x)[i + 4] = PICK(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, \
					  14, 15);                            \
		}                                                             \
	} while (0)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

#define UPDATE(name, attribute, f, g, h, o, rotate, ready)                    \
	attribute static void                                                 \
	name(struct md5_lanes *s, const char *const p[MD5_LANES], size_t n)   \
	{                                                                     \
		lanes a, b, c, d, x[16];                                      \
                                                                              \
		memcpy(&a, s->word[0], sizeof(a));                            \
		memcpy(&b, s->word[1], sizeof(b));                            \
		memcpy(&c, s->word[2], sizeof(c));                            \
		memcpy(&d, s->word[3], sizeof(d));                            \
		for (size_t at = 0; at < n; at += MD5_BLOCK_BYTES) {          \
			lanes a0 = a, b0 = b, c0 = c, d0 = d;                 \
                                                                              \
			TURN(x, at);                                          \
			TURN(x + 8, at + sizeof(lanes));                      \
			ROUND(0, f, rotate, ready, WORD0, 7, 12, 17, 22)      \
			ROUND(1, g, rotate, ready, WORD1, 5, 9, 14, 20)       \
			ROUND(2, h, rotate, ready, WORD2, 4, 11, 16, 23)      \
			ROUND(3, o, rotate, ready, WORD3, 6, 10, 15, 21)      \
			a += a0;                                              \
			b += b0;                                              \
			c += c0;                                              \
			d += d0;                                              \
		}                                                             \
		memcpy(s->word[0], &a, sizeof(a));                            \
		memcpy(s->word[1], &b, sizeof(b));                            \
		memcpy(s->word[2], &c, sizeof(c));                            \
		memcpy(s->word[3], &d, sizeof(d));                            \
	}

#ifdef __x86_64__
UPDATE(update_avx512, __attribute__((target("avx512f,avx512vl"))),
       F512, G512, H512, O512, ROTATE512, READY512)
UPDATE(update_avx2, __attribute__((target("avx2"))),
       F, G, H, O, ROTATE, READY)
#endif
UPDATE(update_plain, , F, G, H, O, ROTATE, READY)
/* clang-format on */

void
md5_lanes_update(struct md5_lanes *s, const char *const p[MD5_LANES],
		 size_t blocks)
{
	size_t n = blocks * MD5_BLOCK_BYTES;

#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512vl"))
		update_avx512(s, p, n);
	else if (__builtin_cpu_supports("avx2"))
		update_avx2(s, p, n);
	else
#endif
		update_plain(s, p, n);
}
