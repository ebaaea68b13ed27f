/*
 * verified.h - which blocks of which files were found whole a moment ago, so
 * that bytes in demand go out by sendfile without being read by us each time.
 *
 * What is remembered holds for the file as fstat() described it before it was
 * read - size and time of the last change - and for VERIFIED_US from then on.
 * A change through the file system is so seen at once; what changes on the
 * disk alone, when the page cache has let go and that time is over.
 * Bounded: 16,384 entries of 64 blocks, 0.9 MB; the oldest of a set gives way.
 * Threads: any. Locks: mu[i] guards the sets whose number is i modulo their
 * count; none is held across a call.
 */
#ifndef STORE_VERIFIED_H
#define STORE_VERIFIED_H

#include "base/timeval.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#define VERIFIED_US (60 * US_PER_S)
#define VERIFIED_BLOCKS 64u /* of one entry: bits of a word */
#define VERIFIED_LOCKS 64u

/* A file as it was when it was opened. */
struct verified_file {
	uint64_t blob_id;
	uint64_t size;
	int64_t changed_ns;
	/* Changed so lately that another change may carry the same time: what
	 * is found now is not remembered. */
	bool unsettled;
};
void verified_describe(struct verified_file *f, uint64_t blob_id,
		       const struct stat *st);

struct verified_set;
struct verified {
	int64_t (*now_us)(void); /* monotonic; tests have their own */
	struct verified_set *sets;
	pthread_mutex_t mu[VERIFIED_LOCKS];
};

int verified_init(struct verified *v); /* 0, or -1: no memory */
void verified_release(struct verified *v);
/* Bit i: block @group * VERIFIED_BLOCKS + i was found whole. */
uint64_t verified_get(struct verified *v, const struct verified_file *f,
		      uint64_t group);
/* @since_us: from before their bytes were read. */
void verified_add(struct verified *v, const struct verified_file *f,
		  uint64_t group, uint64_t bits, int64_t since_us);

#endif
