/*
 * What may stand in a header field. Asked for both directions: of what a
 * client sends, and of what is to be sent to one.
 */
#include "gateway/http/http.h"

bool
http_is_token(struct slice s)
{
	static const char other[] = "!#$%&'*+.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' ||
		      (c && strchr(other, c))))
			return false;
	}
	return s.n > 0;
}

/* Of eight bytes at once: may one of them be below 0x20, or 0x7f? Then all
 * are looked at. (x - 1) borrows into the top bit where x is zero. */
static bool
may_have_control(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
	const uint64_t low = (x - ones * 0x20) & ~x;
	const uint64_t del = ((x ^ ones * 0x7f) - ones) & ~(x ^ ones * 0x7f);

	return (low | del) & tops;
}

static bool
is_control(char c)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x20 && u != '\t') || u == 0x7f;
}

bool
http_is_value(struct slice v)
{
	size_t i = 0;
	uint64_t x;

	for (; v.n - i >= sizeof(x); i += sizeof(x)) {
		memcpy(&x, v.p + i, sizeof(x));
		if (!may_have_control(x))
			continue;
		for (size_t k = 0; k < sizeof(x); k++)
			if (is_control(v.p[i + k]))
				return false;
	}
	for (; i < v.n; i++)
		if (is_control(v.p[i]))
			return false;
	return true;
}
