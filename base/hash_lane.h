/*
 * hash_lane.h - the MD5 of a large stream, computed beside the thread that has
 * the bytes.
 *
 * MD5 takes longer than receiving, checking and writing the same bytes. A
 * lane is a short ring of bytes that a worker thread hashes: the caller copies
 * into it and goes on. There is one worker for two processors, since each has
 * a caller beside it, and one worker serves up to MD5_LANES streams, two or
 * more of them at once by md5_lanes.h. So threads and memory stay bounded.
 * Threads: one caller per lane at a time.
 */
#ifndef BASE_HASH_LANE_H
#define BASE_HASH_LANE_H

#include "base/hash.h"

struct hash_lane;

/* NULL when all lanes are taken, or no memory or thread can be had: the caller
 * hashes in line then. */
struct hash_lane *hash_lane_open(void);
/* Copies; waits while the ring is full. */
void hash_lane_add(struct hash_lane *l, const void *p, size_t n);
/* Waits until all is hashed; @md5 may be NULL. A NULL lane is fine, then it
 * does nothing. */
void hash_lane_close(struct hash_lane *l, uint8_t md5[MD5_BYTES]);

#endif
