/*
 * worker.h - claims jobs and runs them: a fixed number of slots, each with a
 * thread that claims, runs and settles one job at a time; a listener that
 * wakes them; a keeper that renews leases, rescues and cleans up.
 *
 * Threads: any may call worker_process_one(); the rest belongs to main.
 */
#ifndef PROCESSOR_WORKER_H
#define PROCESSOR_WORKER_H

#include "base/buf.h"
#include "processor/job.h"

struct worker;

struct worker_conf {
	const struct job_host *host;
	struct queue *queue;
	unsigned slots;
	bool on_demand; /* claims only by worker_process_one() */
};

/* Threads run when it returns. NULL with one line in err. */
struct worker *worker_start(const struct worker_conf *conf, char err[512]);
/*
 * worker_process_one - claims one due job of any type, runs it to its end and
 * appends one JSON object to answer (control.h). Waits while all slots are
 * busy.
 */
void worker_process_one(struct worker *w, struct buf *answer);
/* No job is claimed any more; those that run go on. */
void worker_drain(struct worker *w);
/* Waits until no job runs, at most timeout_ms: whether that is so. */
bool worker_idle(struct worker *w, int timeout_ms);
/* Tells what still runs to end now; it is given back to the queue. */
void worker_stop(struct worker *w);
/* Waits for all of that and frees; no worker_process_one() may be running. */
void worker_free(struct worker *w); /* NULL is fine */

#endif
