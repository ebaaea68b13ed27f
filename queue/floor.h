/*
 * floor.h - how far the claims of this process have come in each priority.
 *
 * Index entries of ended jobs stay for as long as a transaction is open
 * anywhere that might see them, and each claim would walk over all of them. So
 * when a claim that begins at the beginning turns out to be expensive, those
 * after it begin where the last one ended; from time to time one begins at the
 * beginning again, so that this costs a small share of the time and no job is
 * overlooked for long. Inside queue/ only. Threads: any.
 */
#ifndef QUEUE_FLOOR_H
#define QUEUE_FLOOR_H

#include "queue/queue.h"

#include <pthread.h>

#define FLOOR_PRIOS 3

/* Where to begin, by rank; us FLOOR_NONE: at the beginning. */
#define FLOOR_NONE INT64_MIN
struct floor_at {
	int64_t us;
	char id[UUID_TEXT_MAX];
};

/* Of one set of types. */
struct floor_set {
	uint64_t types; /* hash of their array, 0: free */
	struct floor_at at[FLOOR_PRIOS];
	int64_t full_cost_us; /* of the last claim from the beginning */
	int64_t full_end_us;  /* monotonic */
};

struct floors {
	pthread_mutex_t lock;
	struct floor_set sets[8];
	unsigned next; /* the one that goes for a new one */
};

void floors_init(struct floors *f);
void floors_release(struct floors *f);
/* Where a claim of up to n jobs is to begin; FLOOR_NONE everywhere: at the
 * beginning. */
void floors_get(struct floors *f, const char *types, size_t n,
		struct floor_at out[FLOOR_PRIOS]);
/* What came of it: jobs in the order of the claim, high first. */
void floors_note(struct floors *f, const char *types,
		 const struct floor_at from[FLOOR_PRIOS],
		 const struct queue_job *jobs, size_t claimed, size_t n,
		 int64_t cost_us);

#endif
