/*
 * encode.h - hexadecimal, base64, percent encoding, Crockford base32, words of
 * mail. Decoders are strict: anything but the canonical alphabet and length is
 * an error, so that one value has one spelling. Threads: any.
 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"
#include "base/buf.h"

/* out holds 2 * n + 1 bytes; lower case. */
void hex_encode(const void *p, size_t n, char *out);
/* Exactly 2 * n digits of either case, else -1. */
int hex_decode(struct slice s, void *out, size_t n);

void base64_encode(struct buf *b, const void *p, size_t n);
/* RFC 4648 §4 with padding; appends to b. -1 on any deviation. */
int base64_decode(struct buf *b, struct slice s);
/* A header's text in @a as mail has it: itself where it is ASCII, else one
 * encoded word of RFC 2047. */
struct slice mime_word(struct arena *a, struct slice text);
/* RFC 4648 §5 without padding (JWT). */
void base64url_encode(struct buf *b, const void *p, size_t n);
int base64url_decode(struct buf *b, struct slice s);

/*
 * uri_encode - percent-encodes all but A-Z a-z 0-9 - . _ ~ (RFC 3986 §2.3),
 * and '/' when @keep_slash. Upper-case hex: AWS's UriEncode of SigV4.
 */
void uri_encode(struct buf *b, struct slice s, bool keep_slash);
/*
 * uri_decode - decodes %XX; '+' is a blank when @plus. A '%' without two hex
 * digits is -1. NUL bytes may result: callers that refuse them check.
 */
int uri_decode(struct buf *b, struct slice s, bool plus);
/* The same into the arena, of slice_is_text() only: else -1, and *out is left
 * alone. An arena that is full shows in its own error. */
int uri_decode_text(struct arena *a, struct slice s, bool plus,
		    struct slice *out);

/* 26 characters of Crockford base32 for 16 bytes, most significant first. */
#define BASE32_TEXT_MAX 27
void base32_encode16(const uint8_t in[16], char out[BASE32_TEXT_MAX]);
/* The 26 upper-case characters back; -1 on any deviation. */
int base32_decode16(struct slice s, uint8_t out[16]);

#endif
