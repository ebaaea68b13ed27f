/*
 * bytes.h - big-endian integers in memory: the one byte order of all that the
 * local store writes. Threads: any.
 */
#ifndef STORE_BYTES_H
#define STORE_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void
be_put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static inline uint64_t
be_get(const void *from, size_t n)
{
	const uint8_t *p = from;
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

#endif
