/*
 * Text encodings, strict both ways. Written by hand because EVP's base64
 * accepts blanks and missing padding, and none of these is longer than a page.
 */
#include "base/encode.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char b64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The value of a hex digit plus one; 0: it is none. */
static const unsigned char hex_values[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static int
hex_value(char c)
{
	return hex_values[(unsigned char)c] - 1;
}

/* Position of c in an alphabet, or -1. */
static int
digit_in(const char *alphabet, char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

void
hex_encode(const void *p, size_t n, char *out)
{
	const unsigned char *in = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_lower[in[i] >> 4];
		out[2 * i + 1] = hex_lower[in[i] & 15];
	}
	out[2 * n] = '\0';
}

int
hex_decode(struct slice s, void *out, size_t n)
{
	unsigned char *to = out;

	if (s.n != 2 * n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(s.p[2 * i]), lo = hex_value(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -1;
		to[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

static void
b64_encode(struct buf *b, const void *p, size_t n, const char *alphabet,
	   bool pad)
{
	const unsigned char *in = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;

		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k <= left)
				buf_putc(b, alphabet[v >> (18 - 6 * k) & 63]);
			else if (pad)
				buf_putc(b, '=');
		}
	}
}

/* s without padding. Unused low bits must be zero: one spelling per value. */
static int
b64_decode(struct buf *b, struct slice s, const char *alphabet)
{
	uint32_t v = 0;
	int bits = 0;

	if (s.n % 4 == 1)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		int d = digit_in(alphabet, s.p[i]);

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_putc(b, (char)(v >> bits & 255));
		}
	}
	return (v & ((1u << bits) - 1)) == 0 && buf_ok(b) ? 0 : -1;
}

void
base64_encode(struct buf *b, const void *p, size_t n)
{
	b64_encode(b, p, n, b64, true);
}

int
base64_decode(struct buf *b, struct slice s)
{
	if (s.n % 4 != 0)
		return -1;
	for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++)
		s.n--;
	return b64_decode(b, s, b64);
}

struct slice
mime_word(struct arena *a, struct slice text)
{
	struct buf b = BUF_INIT;
	size_t ascii = 0;

	while (ascii < text.n && (unsigned char)text.p[ascii] < 0x80)
		ascii++;
	if (ascii == text.n)
		return text;
	buf_puts(&b, "=?UTF-8?B?");
	base64_encode(&b, text.p, text.n);
	buf_puts(&b, "?=");
	return arena_take_buf(a, &b);
}

void
base64url_encode(struct buf *b, const void *p, size_t n)
{
	b64_encode(b, p, n, b64url, false);
}

int
base64url_decode(struct buf *b, struct slice s)
{
	return b64_decode(b, s, b64url);
}

static bool
is_unreserved(char c)
{
	/* Letters and digits are most of what comes. */
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (c >= 'A' && c <= 'Z'))
		return true;
	return c == '-' || c == '.' || c == '_' || c == '~';
}

/* Runs that stay as they are go over in one piece. */
void
uri_encode(struct buf *b, struct slice s, bool keep_slash)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char esc[3] = { '%', hex_upper[c >> 4], hex_upper[c & 15] };

		if (is_unreserved(s.p[i]) || (c == '/' && keep_slash))
			continue;
		buf_add(b, s.p + from, i - from);
		buf_add(b, esc, 3);
		from = i + 1;
	}
	if (s.n > from)
		buf_add(b, s.p + from, s.n - from);
}

int
uri_decode(struct buf *b, struct slice s, bool plus)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = ' ';
		size_t n = 1;

		if (s.p[i] == '%') {
			n = 3;
			if (s.n - i < n ||
			    hex_decode(slice_mem(s.p + i + 1, 2), &c, 1) != 0)
				return -1;
		} else if (s.p[i] != '+' || !plus) {
			continue;
		}
		buf_add(b, s.p + from, i - from);
		buf_putc(b, (char)c);
		from = i + n;
		i = from - 1;
	}
	if (s.n > from)
		buf_add(b, s.p + from, s.n - from);
	return buf_ok(b) ? 0 : -1;
}

int
uri_decode_text(struct arena *a, struct slice s, bool plus, struct slice *out)
{
	struct buf b = BUF_INIT;
	bool plain = slice_chr(s, '%') < 0 && !(plus && slice_chr(s, '+') >= 0);
	int rc = plain ? 0 : uri_decode(&b, s, plus);

	if (!plain)
		s = buf_slice(&b);
	if (rc == 0 && !slice_is_text(s))
		rc = -1;
	if (rc == 0)
		*out = arena_copy(a, s);
	buf_release(&b);
	return rc;
}

void
base32_encode16(const uint8_t in[16], char out[BASE32_TEXT_MAX])
{
	/* 128 bits in 26 digits of 5: the first digit holds the top 3 bits. */
	for (int i = 0; i < 26; i++) {
		int low = 5 * (25 - i), v = 0;

		for (int k = 4; k >= 0; k--) {
			int bit = low + k;

			v <<= 1;
			if (bit < 128)
				v |= in[15 - bit / 8] >> (bit % 8) & 1;
		}
		out[i] = crockford[v];
	}
	out[26] = '\0';
}

int
base32_decode16(struct slice s, uint8_t out[16])
{
	unsigned acc = 0, bits = 0;
	size_t n = 0;

	/* 130 bits for 128: the first digit has three. */
	if (s.n != BASE32_TEXT_MAX - 1 || s.p[0] > '7')
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		const char *at = s.p[i] ? strchr(crockford, s.p[i]) : NULL;

		if (!at)
			return -1;
		acc = acc << 5 | (unsigned)(at - crockford);
		bits += i ? 5 : 3;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(acc >> bits);
		}
	}
	return 0;
}
