/*
 * Views of bytes: comparing, trimming, cutting. No allocation, no locale.
 */
#include "base/slice.h"

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool
slice_ieq_bytes(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool
slice_ends(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n &&
	       slice_eq(slice_from(s, s.n - suffix.n), suffix);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice
slice_trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

ptrdiff_t
slice_chr(struct slice s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

ptrdiff_t
slice_find(struct slice s, struct slice needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return -1;
	at = memmem(s.p, s.n, needle.p, needle.n);
	return at ? at - s.p : -1;
}

bool
slice_cut(struct slice *rest, char sep, struct slice *item)
{
	ptrdiff_t at;

	if (!rest->p)
		return false;
	at = slice_chr(*rest, sep);
	if (at < 0) {
		*item = *rest;
		*rest = (struct slice){ NULL, 0 };
		return true;
	}
	*item = slice_head(*rest, (size_t)at);
	*rest = (struct slice){ rest->p + at + 1, rest->n - (size_t)at - 1 };
	return true;
}

int
slice_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (unsigned)(s.p[i] - '0'), &v))
			return -1;
	}
	*out = v;
	return 0;
}

size_t
slice_utf8(struct slice s, size_t i)
{
	unsigned char c = (unsigned char)s.p[i];
	size_t n = c < 0x80   ? 1
		   : c < 0xc2 ? 0
		   : c < 0xe0 ? 2
		   : c < 0xf0 ? 3
		   : c < 0xf5 ? 4
			      : 0;

	if (n == 0 || n > s.n - i)
		return 0;
	for (size_t k = 1; k < n; k++)
		if (((unsigned char)s.p[i + k] & 0xc0) != 0x80)
			return 0;
	if (n == 3) {
		unsigned char d = (unsigned char)s.p[i + 1];

		if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f))
			return 0;
	}
	if (n == 4) {
		unsigned char d = (unsigned char)s.p[i + 1];

		if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
			return 0;
	}
	return n;
}

bool
slice_is_text(struct slice s)
{
	size_t n;

	for (size_t i = 0; i < s.n; i += n) {
		/* ASCII is most of what comes. */
		n = (unsigned char)s.p[i] < 0x80 ? 1 : slice_utf8(s, i);
		if (n == 0 || s.p[i] == '\0')
			return false;
	}
	return true;
}

#define COPY_BYTES 1024u /* so few that no string instruction is used */

void
bytes_copy(void *to, const void *from, size_t n)
{
	char *at = to;
	const char *p = from;

	for (; n > COPY_BYTES; n -= COPY_BYTES) {
		memcpy(at, p, COPY_BYTES);
		at += COPY_BYTES;
		p += COPY_BYTES;
	}
	memcpy(at, p, n);
}
