/*
 * Bytes to write, the same in every run. Nothing between here and the disk can
 * make less of them, as of zeroes.
 */
#include "tests/bench/stats.h"

uint64_t
bench_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

char *
bench_data(size_t n)
{
	size_t words = n / sizeof(uint64_t) + 1;
	uint64_t x = 88172645463325252ull;
	uint64_t *p = calloc(words, sizeof(*p));

	for (size_t i = 0; p && i < words; i++)
		p[i] = bench_random(&x);
	return (char *)p;
}
