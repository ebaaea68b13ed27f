/*
 * Randomness straight from getrandom(2): no state of our own that a fork
 * could double, but for the time in ordered UUIDs.
 */
#include "base/random.h"
#include "base/encode.h"
#include "base/timeval.h"

#include <ctype.h>
#include <stdatomic.h>
#include <sys/random.h>

void
random_bytes(void *p, size_t n)
{
	unsigned char *at = p;

	while (n) {
		ssize_t got = getrandom(at, n < 256 ? n : 256, 0);

		if (got <= 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}

static void
uuid_format(uint8_t r[16], unsigned version, char out[UUID_TEXT_MAX])
{
	char h[33];

	r[6] = (uint8_t)((r[6] & 0x0f) | version << 4);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	hex_encode(r, 16, h);
	snprintf(out, UUID_TEXT_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8,
		 h + 12, h + 16, h + 20);
}

void
uuid_new(char out[UUID_TEXT_MAX])
{
	uint8_t r[16];

	random_bytes(r, sizeof(r));
	uuid_format(r, 4, out);
}

/* Milliseconds, and twelve bits of their fraction, never the same twice. */
static uint64_t
ordered_time(void)
{
	static _Atomic uint64_t last;
	uint64_t us = (uint64_t)time_now_us();
	uint64_t now = us / 1000 << 12 | us % 1000 * 4096 / 1000;
	uint64_t before = last;
	uint64_t next;

	do {
		next = now > before ? now : before + 1;
	} while (!atomic_compare_exchange_weak(&last, &before, next));
	return next;
}

void
uuid_new_ordered(char out[UUID_TEXT_MAX])
{
	uint64_t time = ordered_time();
	uint8_t r[16];

	random_bytes(r + 8, 8);
	for (int i = 5; i >= 0; i--)
		r[i] = (uint8_t)(time >> (12 + 8 * (5 - i)));
	r[6] = (uint8_t)(time >> 8 & 0x0f);
	r[7] = (uint8_t)time;
	uuid_format(r, 7, out);
}

bool
uuid_valid(struct slice s)
{
	if (s.n != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.p[i] != '-' : !isxdigit((unsigned char)s.p[i]))
			return false;
	}
	return true;
}
