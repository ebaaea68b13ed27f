/*
 * random.h - unpredictable bytes and UUIDs from the kernel's generator.
 * Threads: any.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/slice.h"

#define UUID_TEXT_MAX 37 /* 36 characters and NUL */

/* From the kernel; aborts when it has none (never after boot). */
void random_bytes(void *p, size_t n);

/* Random version 4 UUID (RFC 9562). */
void uuid_new(char out[UUID_TEXT_MAX]);
/* Version 7: those of a process sort in the order in which they were made,
 * those of several processes by their clocks' microseconds. */
void uuid_new_ordered(char out[UUID_TEXT_MAX]);
/* 8-4-4-4-12 hex digits of either case. */
bool uuid_valid(struct slice s);

#endif
