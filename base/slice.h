/*
 * slice.h - a view of bytes owned by somebody else.
 *
 * Invariant: p points to n readable bytes, or n is 0. Never NUL-terminated by
 * promise. All functions are pure and safe from any thread.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *p;
	size_t n;
};

#define SLICE_EMPTY ((struct slice){ "", 0 })
/* Of a string literal, usable in initialisers of automatic variables. */
#define SLICE(lit) ((struct slice){ (lit), sizeof(lit) - 1 })
/* For printf: printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s) (int)(s).n, (s).p

/* A NULL string is the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return s ? (struct slice){ s, strlen(s) } : SLICE_EMPTY;
}
static inline struct slice
slice_mem(const void *p, size_t n)
{
	return n ? (struct slice){ (const char *)p, n } : SLICE_EMPTY;
}
static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool
slice_eq_str(struct slice a, const char *b)
{
	return slice_eq(a, slice_str(b));
}
bool slice_ieq_bytes(const char *a, const char *b, size_t n);
/* ASCII case is ignored: for header names and schemes. */
static inline bool
slice_ieq(struct slice a, struct slice b)
{
	return a.n == b.n && slice_ieq_bytes(a.p, b.p, a.n);
}
static inline bool
slice_ieq_str(struct slice a, const char *b)
{
	return slice_ieq(a, slice_str(b));
}
/* memcmp order, a shorter prefix first (UTF-8 byte order of S3 listings). */
int slice_cmp(struct slice a, struct slice b);
/* s[from..], empty when from is past the end. */
static inline struct slice
slice_from(struct slice s, size_t from)
{
	if (from >= s.n)
		return SLICE_EMPTY;
	return (struct slice){ s.p + from, s.n - from };
}
/* At most the first n bytes. */
static inline struct slice
slice_head(struct slice s, size_t n)
{
	return (struct slice){ s.p, n < s.n ? n : s.n };
}
static inline bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_head(s, prefix.n), prefix);
}
bool slice_ends(struct slice s, struct slice suffix);
/* Without leading and trailing blanks and tabs. */
struct slice slice_trim(struct slice s);
/* Offset of the first occurrence, or -1. */
ptrdiff_t slice_chr(struct slice s, char c);
ptrdiff_t slice_find(struct slice s, struct slice needle);
/*
 * slice_cut - split at the first @sep.
 * @rest is advanced behind the separator. Returns false when @rest was
 * exhausted before the call (p == NULL), so that
 *     while (slice_cut(&rest, ',', &item)) ...
 * visits every item, the empty ones included.
 */
bool slice_cut(struct slice *rest, char sep, struct slice *item);
/*
 * slice_u64 - a whole decimal number: digits only, no sign, no blanks, no
 * overflow. Returns 0, or -1 and leaves *out alone.
 */
int slice_u64(struct slice s, uint64_t *out);
/* Length of the UTF-8 sequence that begins at s[i] (RFC 3629: no surrogates,
 * no overlong forms), 0 when there is none. i < s.n. */
size_t slice_utf8(struct slice s, size_t i);
/*
 * bytes_copy - memcpy() for many bytes at any alignment. The C library's uses
 * one string instruction for thousands of bytes, which takes ten times as long
 * on some processors when the target lies a little further in its page than
 * the source.
 */
void bytes_copy(void *to, const void *from, size_t n);
/* UTF-8 throughout, without NUL. */
bool slice_is_text(struct slice s);

#endif
