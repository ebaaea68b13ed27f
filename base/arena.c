/*
 * Bump allocation in blocks of 8 KiB and more. Freed only as a whole.
 */
#include "base/arena.h"
#include "base/buf.h"

#include <stdarg.h>

#define BLOCK_BYTES 8192u

struct arena_block {
	struct arena_block *next;
	size_t n;
	size_t cap;
	bool lent; /* the caller's */
	_Alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void
arena_init_in(struct arena *a, size_t max, void *block, size_t size)
{
	arena_init(a, max);
	a->head = block;
	*a->head = (struct arena_block){ .cap = size - sizeof(*a->head),
					 .lent = true };
}

void
arena_release(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->head; b; b = next) {
		next = b->next;
		if (!b->lent)
			free(b);
	}
	arena_init(a, a->max);
}

static void *
take(struct arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_block *b = a->head;
	size_t cap;
	void *p;

	if (a->err || n > SIZE_MAX / 2 || n > a->max || a->used > a->max - n) {
		a->err = true;
		return NULL;
	}
	n = (n + align - 1) & ~(align - 1);
	if (!b || b->cap - b->n < n) {
		cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
		b = malloc(sizeof(*b) + cap);
		if (!b) {
			a->err = true;
			return NULL;
		}
		*b = (struct arena_block){ .next = a->head, .cap = cap };
		a->head = b;
	}
	p = b->data + b->n;
	b->n += n;
	a->used += n;
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

void *
arena_raw_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		a->err = true;
		return NULL;
	}
	return take(a, bytes);
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	void *p = arena_raw_array(a, n, size);

	if (p)
		memset(p, 0, n * size);
	return p;
}

char *
arena_cstr(struct arena *a, struct slice s)
{
	char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

	if (p && s.n)
		memcpy(p, s.p, s.n);
	return p;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_cstr(a, s);

	return p ? (struct slice){ p, s.n } : SLICE_EMPTY;
}

struct slice
arena_concat(struct arena *a, const struct slice *parts, size_t n)
{
	size_t bytes = 0;
	char *p, *at;

	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(bytes, parts[i].n, &bytes))
			a->err = true;
	p = at = bytes < SIZE_MAX ? arena_alloc(a, bytes + 1) : NULL;
	if (!p)
		return SLICE_EMPTY;
	for (size_t i = 0; i < n; i++)
		if (parts[i].n)
			at = mempcpy(at, parts[i].p, parts[i].n);
	return (struct slice){ p, bytes };
}

/* Short texts, which most are, are printed once. */
struct slice
arena_take_buf(struct arena *a, struct buf *b)
{
	struct slice out = SLICE_EMPTY;

	if (buf_ok(b))
		out = arena_copy(a, buf_slice(b));
	else
		a->err = true;
	buf_release(b);
	return out;
}

struct slice
arena_printf(struct arena *a, const char *fmt, ...)
{
	char brief[256];
	va_list ap, again;
	char *p = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(brief, sizeof(brief), fmt, ap);
	if (n >= 0)
		p = arena_alloc(a, (size_t)n + 1);
	else
		a->err = true;
	if (p && (size_t)n < sizeof(brief))
		memcpy(p, brief, (size_t)n);
	else if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p ? (struct slice){ p, (size_t)n } : SLICE_EMPTY;
}
