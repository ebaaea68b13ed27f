/*
 * md5_lanes.h - MD5 of several streams at once. A step of MD5 needs the one
 * before it, so one stream keeps a core waiting for itself; eight of them, a
 * vector register's lanes, take about as long as two.
 * Threads: any.
 */
#ifndef BASE_MD5_LANES_H
#define BASE_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

#define MD5_LANES 8
#define MD5_BLOCK_BYTES 64

/* The state of each stream: word w of lane i in word[w][i] (RFC 1321 §3.3). */
struct md5_lanes {
	uint32_t word[4][MD5_LANES];
};

/* Continues each lane by @blocks blocks at p[lane]; a lane that is not used
 * points to any bytes that can be read. */
void md5_lanes_update(struct md5_lanes *s, const char *const p[MD5_LANES],
		      size_t blocks);

#endif
