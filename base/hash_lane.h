/*
 * hash_lane.h - a digest computed beside the thread that has the bytes.
 *
 * MD5 of a large stream takes longer than receiving, checking and writing it
 * together. A lane is a thread of its own with a short ring of bytes: the
 * caller copies into it and goes on. There are as many lanes as processors;
 * more would only take turns, and so threads and memory stay bounded.
 * Threads: one caller per lane at a time.
 */
#ifndef BASE_HASH_LANE_H
#define BASE_HASH_LANE_H

#include "base/hash.h"

struct hash_lane;

/* Takes @h over until hash_lane_close(). NULL when all lanes are taken or no
 * thread can be had: the caller hashes in line then. */
struct hash_lane *hash_lane_open(struct hash *h);
/* Copies; waits while the ring is full. */
void hash_lane_add(struct hash_lane *l, const void *p, size_t n);
/* Waits until @h has all that was added, and gives it back. NULL is fine. */
void hash_lane_close(struct hash_lane *l);

#endif
