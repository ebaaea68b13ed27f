/*
 * worker_state.h - what worker.c, its listener, its keeper and its lanes
 * share, and nobody else.
 *
 * The process has one lease of 30 s, renewed every 5 s for all of its jobs;
 * the answer may be "lost" (someone else has the job: end it, forget it) or
 * "cancel". The fence of a job is (id, attempt, worker name).
 *
 * Locks, in this order: `claiming`, `beating`, a lane's, `lock`. Nothing waits
 * for the database or a child under the last two.
 */
#ifndef PROCESSOR_WORKER_STATE_H
#define PROCESSOR_WORKER_STATE_H

#include "processor/lane.h"
#include "processor/worker.h"

struct worker {
	struct worker_conf conf;
	char name[64]; /* new at each start: part of every fence */
	char host[24];
	const char *types[JOB_TYPES_MAX + 1];
	struct lane *lanes[JOB_LANES];
	size_t n_lanes; /* on demand it is one, with all types */

	/* Read by who claims and has not listed yet what was claimed. */
	pthread_rwlock_t claiming;
	pthread_mutex_t beating; /* one beat at a time */

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t changed;
	bool unsure; /* the database may think we have more than we know */
	bool database_away;
	bool gateway_away;
	bool draining; /* no more claims */
	bool stopping; /* no more waiting */

	pthread_t listener, keeper, beats;
	bool listener_runs, keeper_runs, beats_run;
};

/* Waits on a condition of time_cond_init(), at most us. False: time up. */
bool worker_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t us);
/* Reads a flag of w under its lock. */
bool worker_is(struct worker *w, const bool *flag);
/* One line when the database goes away and one when it is back. */
void worker_note_database(struct worker *w, enum queue_error err);
/* Is the gateway of this machine there? The same for it. */
bool worker_note_gateway(struct worker *w);
/* What we hold may be less than what the database thinks: ask soon. */
void worker_unsure(struct worker *w);
/* Renews the lease - the first time: registers - and stops the jobs that it is
 * told to stop. @changed_only: only to write progress. */
void worker_beat(struct worker *w, bool changed_only);

/* Threads: wakes the lanes; holds the lease; rescues and plans. */
void *worker_listener_main(void *worker);
void *worker_beats_main(void *worker);
void *worker_keeper_main(void *worker);

#endif
