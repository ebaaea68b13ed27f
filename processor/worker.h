/*
 * worker.h - the engine: claims jobs in its lanes, runs them, ends them. A
 * lane (job.h) has a thread that claims, threads that run, and one that ends
 * runs in batches; beside them a listener wakes the lanes, a thread of its own
 * holds the lease, and a keeper rescues and plans.
 *
 * It knows nothing of what the types do: they are given by whoever starts it.
 * Threads: any may call worker_process_one(); the rest belongs to main.
 */
#ifndef PROCESSOR_WORKER_H
#define PROCESSOR_WORKER_H

#include "base/buf.h"
#include "processor/job.h"

#define WORKER_LIGHT_THREADS 16
#define WORKER_LIGHT_ROOM 2048
/* A lane claims and ends at once; the beats, the keeper; and what jobs ask. */
#define WORKER_CONNECTIONS (2 * JOB_LANES + 2 + 4)

struct worker;

struct worker_conf {
	/* handed to the runs; its queue has WORKER_CONNECTIONS */
	const struct job_host *host;
	const struct job_type *types;
	size_t n_types;
	unsigned slots;		/* of the media lane; 0: there is none */
	unsigned light_threads; /* of the light lane; 0: there is none */
	unsigned light_room;	/* its jobs claimed and not yet settled */
	bool on_demand; /* no lanes: claims only by worker_process_one() */
	/* Plans the daily cleanup (type "cleanup"), the first so many seconds
	 * after the start; 0: does not. */
	unsigned plan_after_s;
	/* What the database is to know of the settings: told at the start until
	 * it is taken, and each hour; NULL: nothing. */
	enum queue_error (*announce)(const struct job_host *host);
};

/* Threads run when it returns. NULL with one line in err. */
struct worker *worker_start(const struct worker_conf *conf, char err[512]);
/*
 * worker_process_one - claims one due job - of any type on demand, else of the
 * media lane -, runs it to its end and appends one JSON object to answer
 * (control.h). Waits while all slots are busy.
 */
void worker_process_one(struct worker *w, struct buf *answer);
/* No job is begun any more; those that run go on. */
void worker_drain(struct worker *w);
/* Waits until no job runs or waits to be ended, at most timeout_ms: whether
 * that is so. */
bool worker_idle(struct worker *w, int timeout_ms);
/* Tells what still runs to end now; it is given back to the queue. */
void worker_stop(struct worker *w);
/* Waits for all of that and frees; no worker_process_one() may be running. */
void worker_free(struct worker *w); /* NULL is fine */

#endif
