/*
 * worker_state.h - what worker.c and worker_keeper.c share, and nobody else.
 *
 * One lock for everything in struct worker behind `lock`. Nothing is done
 * under it that can wait for the database or a child. Each wait has an end: a
 * job's own, a poll interval, or `stopping`.
 *
 * The process has one lease of 30 s, renewed every 5 s with the progress of its
 * jobs; the answer may be "lost" (someone else has the job: kill the child,
 * forget) or "cancel" (kill, settle). The fence of a job is (id, attempt,
 * worker name).
 */
#ifndef PROCESSOR_WORKER_STATE_H
#define PROCESSOR_WORKER_STATE_H

#include "processor/worker.h"
#include <pthread.h>

#define LEASE_S 30
#define SLOTS_MAX 64 /* as REELGATE_PROCESSOR_SLOTS allows */

struct worker {
	struct worker_conf conf;
	char name[64]; /* new at each start: part of every fence */
	char host[24];
	const char *types[16];

	pthread_mutex_t lock;
	pthread_cond_t changed;		 /* anything below has changed */
	struct job_run *runs[SLOTS_MAX]; /* claimed and not yet settled */
	unsigned busy;	/* slots taken, with a run or about to claim */
	uint64_t wakes; /* notifications so far */
	bool database_away;
	bool gateway_away;
	bool draining; /* no more claims */
	bool stopping; /* no more waiting */

	pthread_t threads[SLOTS_MAX];
	unsigned n_threads;
	pthread_t listener, keeper;
	bool listener_runs, keeper_runs;
};

/* Waits for a change, at most us. The lock is held. */
void worker_wait(struct worker *w, int64_t us);
/* One line when the database goes away and one when it is back. */
void worker_note_database(struct worker *w, enum queue_error err);
/* Renews the lease of all runs and stops those it is told to. */
void worker_heartbeat(struct worker *w);
/* Tells a run to end; the first reason counts. */
void worker_stop_run(struct job_run *run, enum job_stop why);

/* Threads: wakes the slots; renews leases, rescues and cleans up. */
void *worker_listener_main(void *worker);
void *worker_keeper_main(void *worker);

#endif
