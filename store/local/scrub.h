/*
 * scrub.h - the scrubber in three files: scrub.c has the thread and
 * its pace, scrub_walk.c reads and compares, scrub_state.c keeps
 * the state and shows it.
 * Locks: struct scrub's mu guards all of it but what is the thread's own.
 */
#ifndef STORE_LOCAL_SCRUB_H
#define STORE_LOCAL_SCRUB_H

#include "store/local/damage.h"

/* What DATA/scrub keeps, beside the list of damage. */
struct scrub_state {
	bool running;
	bool asked_for; /* by an operator: with a rate of its own */
	bool in_index;
	uint64_t index_tries; /* passes whose process ended in the index */
	uint64_t rate;
	uint64_t position; /* blobs below it are done */
	uint64_t bytes, bytes_of, blobs, passes;
	int64_t started_us, finished_us, next_us;
};

struct scrub {
	struct local *ls;
	char *path;
	uint64_t conf_rate;
	int64_t interval_us;
	pthread_t thread;
	bool started;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	bool end;     /* the store closes */
	bool asked;   /* a new pass, at @asked_rate */
	bool give_up; /* the one that runs */
	uint64_t asked_rate;
	bool unsaved;
	struct scrub_state st;
	/* where the pace is counted from */
	int64_t base_us;
	uint64_t base_bytes;
	int64_t saved_us;
};

/*
 * scrub_pace - counts @bytes that were read, and waits as the rate demands.
 * False: the pass is to end here.
 */
bool scrub_pace(struct scrub *s, uint64_t bytes);
/* Blobs below it are done; one more of them. */
void scrub_advance(struct scrub *s, uint64_t position);

/* DATA/scrub, written by the thread alone: a disk that is full, or broken, does
 * not stop the pass. One that makes no sense is loaded as if it were absent. */
void scrub_save(struct scrub *s);
void scrub_load(struct scrub *s);

/* Each to its end, or false when scrub_pace() says so. */
bool scrub_walk_index(struct scrub *s);
bool scrub_walk_blobs(struct scrub *s, uint64_t from);
/* Bytes of all blobs. */
uint64_t scrub_count_bytes(struct scrub *s);

#endif
