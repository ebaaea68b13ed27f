/*
 * Randomness straight from getrandom(2): no state of our own that a fork
 * could double.
 */
#include "base/random.h"
#include "base/encode.h"

#include <ctype.h>
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

void
uuid_new(char out[UUID_TEXT_MAX])
{
	uint8_t r[16];
	char h[33];

	random_bytes(r, sizeof(r));
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	hex_encode(r, sizeof(r), h);
	snprintf(out, UUID_TEXT_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8,
		 h + 12, h + 16, h + 20);
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
