/*
 * arena.h - memory that lives as long as one request and is freed at once.
 *
 * Invariant: once an allocation failed (memory, or the bound), err stays true
 * and every later call answers NULL or the empty slice, so straight-line code
 * checks once before the result is used. Pointers stay valid until
 * arena_release(). Threads: one at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_block;
struct buf;
struct arena {
	struct arena_block *head;
	size_t used; /* bytes handed out */
	size_t max;  /* bound in bytes */
	bool err;
};

void arena_init(struct arena *a, size_t max);
/* The same, with a first block of the caller's that outlives the arena:
 * size bytes, aligned for any type. */
void arena_init_in(struct arena *a, size_t max, void *block, size_t size);
void arena_release(struct arena *a);
/* Zeroed, aligned for any type. NULL on error. */
void *arena_alloc(struct arena *a, size_t n);
/* n * size with overflow check. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* The same, not zeroed: for what is large and written before it is read. */
void *arena_raw_array(struct arena *a, size_t n, size_t size);
/* Copies; the copy is NUL-terminated behind its n bytes. */
struct slice arena_copy(struct arena *a, struct slice s);
char *arena_cstr(struct arena *a, struct slice s);
/* The n parts one after the other. */
struct slice arena_concat(struct arena *a, const struct slice *parts, size_t n);
/* The bytes of @b, which is released. Where @b failed, so does the arena. */
struct slice arena_take_buf(struct arena *a, struct buf *b);
struct slice arena_printf(struct arena *a, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

#endif
