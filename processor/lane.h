/*
 * lane.h - a lane: a bounded number of claimed jobs, and the threads that
 * claim, run and end them.
 *
 * A task is a claimed job. It WAITS, RUNS, has ENDED - its end is not yet in
 * the database - and is SETTLED then; it leaves the lane only settled, so that
 * a beat names all that is ours. Room is counted from the claim on.
 *
 * Types without a limit of their own are claimed together, best first; each
 * type with one is claimed apart, so that a full type neither is overdrawn
 * nor holds up others. Together they are the lane's groups.
 */
#ifndef PROCESSOR_LANE_H
#define PROCESSOR_LANE_H

#include "base/buf.h"
#include "processor/job.h"

#include <pthread.h>
#include <sys/queue.h>

#define LANE_FLUSH_MAX 512 /* ends written at once */

struct worker;

struct group {
	const char *types[JOB_TYPES_MAX + 1];
	unsigned limit; /* of claimed jobs; 0: the lane's room */
	unsigned out;	/* claimed and not settled, or about to be claimed */
	bool due;	/* there may be jobs */
};

/* One answer to a claim: its tasks share the memory of their jobs. */
struct claimed {
	struct arena arena;
	struct task *tasks;
	size_t left; /* not yet settled */
};

enum task_state { TASK_WAITS, TASK_RUNS, TASK_ENDED, TASK_SETTLED };
#define TASK_LISTS TASK_SETTLED /* settled ones are in none */

struct task {
	TAILQ_ENTRY(task) link;
	struct job_run run;
	struct claimed *claimed;
	struct group *group;
	enum task_state state;
	bool awaited; /* somebody waits until it is settled, and frees it */
	int rc;	      /* what its function answered */
	int told_percent;
	int64_t begun_us;
	enum queue_error settled;
};
TAILQ_HEAD(task_list, task);

struct lane {
	struct worker *worker;
	enum job_lane kind;
	unsigned room;
	struct group groups[JOB_TYPES_MAX];
	size_t n_groups;
	struct {
		const struct job_type *type;
		struct group *group;
	} types[JOB_TYPES_MAX];
	size_t n_types;

	pthread_mutex_t lock; /* what follows, and groups, and tasks' states */
	pthread_cond_t claimable; /* for the thread that claims */
	pthread_cond_t work;	  /* for the threads that run */
	pthread_cond_t ends;	  /* for the one that ends */
	pthread_cond_t settled;	  /* for who waits for the end of something */
	struct task_list lists[TASK_LISTS];
	size_t n[TASK_LISTS];
	unsigned out;	   /* claimed and not settled, or about to be */
	unsigned idle;	   /* threads without work */
	bool waking;	   /* one of them is on its way */
	size_t ends_want;  /* the ender waits for that many, 0: does not wait */
	size_t next_group; /* that is looked at first */
	bool careful;	   /* the last claim was too much: one job next */
	bool draining;	   /* nothing is claimed or begun any more */
	bool closing;	   /* threads end once nothing waits */
	bool closed;	   /* the ender ends once nothing has ended */
	bool stopping;	   /* a database that is away is not waited for */

	struct flush *flush; /* the ender's */
	pthread_t *threads;
	size_t n_threads;
	pthread_t claimer, ender;
	bool claimer_runs, ender_runs;
};

/* With all types of the worker whose lane is @kind, or with all types of any
 * when @threads is 0: then it runs only what lane_run_one() asks for. NULL on
 * memory shortage. */
struct lane *lane_new(struct worker *w, enum job_lane kind, unsigned threads,
		      unsigned room);
/* Begins, with as many @threads: the worker knows all of its lanes by now,
 * since any of them may ask for a beat. False when there are no threads. */
bool MUST_CHECK lane_start(struct lane *l, unsigned threads);
void lane_free(struct lane *l); /* joins; NULL is fine */

/* There may be jobs of the type; NULL: of any. */
void lane_wake(struct lane *l, const char *type);
/* worker_process_one() */
void lane_run_one(struct lane *l, struct buf *answer);
/* Ends the run of a job for that reason, the first counts; attempt 0: any. */
void lane_stop_job(struct lane *l, const char *id, int attempt,
		   enum job_stop why);
/* Those that are past their time. */
void lane_stop_late(struct lane *l);

/* What a lane holds, for a beat. */
struct held {
	char id[UUID_TEXT_MAX];
	int attempt;
	int percent;
};
/* Appends struct held to b: all tasks, or those with changed progress. */
void lane_list(struct lane *l, bool changed_only, struct buf *b);

void lane_drain(struct lane *l);
bool lane_idle(struct lane *l, int64_t us);
void lane_stop(struct lane *l);

/* ---- between lane.c, lane_claims.c and lane_ends.c ---------------------- */

/* The lock is held. */
void lane_move(struct lane *l, struct task *t, enum task_state to);
/* A run is over, or will not begin: its end is written soon. */
void lane_end_task(struct lane *l, struct task *t, int rc);
/* There may be room for another claim. */
void lane_wake_claimer(struct lane *l);
/* Frees what belongs to a settled task; the lock is not held. */
void lane_free_task(struct lane *l, struct task *t);
/* Ends a run early for that reason, the first counts. The lock is held. */
void lane_stop_task(struct lane *l, struct task *t, enum job_stop why);
/* A thread is woken when something waits. The lock is held. */
void lane_wake_thread(struct lane *l);
/* One job of any group that has room: *out is NULL when none is due. The lock
 * is held, but not meanwhile. */
enum queue_error MUST_CHECK lane_claim_one(struct lane *l, struct task **out);
void *lane_claimer_main(void *lane);
void *lane_ender_main(void *lane);
struct flush *lane_flush_new(void);

#endif
