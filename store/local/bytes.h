/*
 * bytes.h - big-endian integers in memory: the one byte order of all that the
 * local store writes. Threads: any.
 */
#ifndef STORE_BYTES_H
#define STORE_BYTES_H

#include <endian.h>
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
	uint32_t half;

	/* The sizes that nearly all fields have, each one load. */
	switch (n) {
	case 8:
		memcpy(&v, p, 8);
		return be64toh(v);
	case 4:
		memcpy(&half, p, 4);
		return be32toh(half);
	case 2:
		return (uint64_t)p[0] << 8 | p[1];
	default:
		for (size_t i = 0; i < n; i++)
			v = v << 8 | p[i];
		return v;
	}
}

#endif
