/*
 * buf.h - a growing byte buffer with a sticky error.
 *
 * Invariants: after any call p[n] == '\0' when p is not NULL; once an append
 * failed (memory, or the bound max), err stays true and later appends do
 * nothing, so a builder checks buf_ok() once before using the result.
 * Life cycle: struct buf b = BUF_INIT; ... buf_release(&b).
 * Threads: one at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"
#include <stdarg.h>

struct buf {
	char *p;
	size_t n;
	size_t cap;
	size_t max; /* bytes at most; 0: only memory bounds it */
	bool err;
};

#define BUF_INIT  \
	{         \
		0 \
	}
#define BUF_MAX(bytes)         \
	{                      \
		.max = (bytes) \
	}

void buf_release(struct buf *b);
/* Empties, keeps the memory and the bound, clears the error. */
void buf_clear(struct buf *b);
static inline bool MUST_CHECK
buf_ok(const struct buf *b)
{
	return !b->err;
}
/* Room for n more bytes behind p[n]; NULL (and err) when that cannot be. */
char *buf_reserve(struct buf *b, size_t n);
void buf_grow_add(struct buf *b, const void *p, size_t n);
static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
	/* Most appends find room: cap never passes max. */
	if (b->err || n >= b->cap - b->n) {
		buf_grow_add(b, p, n);
		return;
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}
static inline void
buf_put(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}
static inline void
buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}
static inline void
buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}
void buf_u64(struct buf *b, uint64_t v); /* in decimal */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
static inline struct slice
buf_slice(const struct buf *b)
{
	return slice_mem(b->p, b->n);
}
/* The bytes as a malloc'd C string; b is empty afterwards. NULL on error. */
char *buf_steal(struct buf *b);

/* s as the inside of a JSON string: quotes not added, UTF-8 untouched,
 * invalid UTF-8 bytes as \u00XX. */
void buf_json_escape(struct buf *b, struct slice s);
/* "s" with quotes. */
void buf_json_str(struct buf *b, struct slice s);

#endif
