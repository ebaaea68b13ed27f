/*
 * writer.h - the one way to write to the index, with group commit.
 *
 * A caller hands over an operation and blocks until the transaction that
 * holds it has been committed, together with all that queued up meanwhile:
 * one disk flush serves many callers, and conditions decided inside the
 * operation are linearizable.
 * Rules for writer_op.run: it may be called again after an abort, so it sets
 * all its outputs anew; it decides its logical failure (op->result) before its
 * first put and returns 0 then; any LMDB error it meets is returned. It does
 * no blob I/O and no waiting.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "base/s3_error.h"

#include <lmdb.h>
#include <pthread.h>
#include <semaphore.h>

struct local;

/* The row "state" of table meta: every counter of the store. */
struct local_state {
	uint64_t last_seq;
	uint64_t acked_seq;
	uint64_t objects;
	uint64_t bytes;
	uint64_t buckets;
	uint64_t version_clock; /* last version number given out */
	uint64_t last_group;
	uint64_t last_bucket;
	uint64_t blob_settled;	  /* ids below are recorded or gone */
	uint64_t blob_end;	  /* ids from here were never given out */
	uint64_t retain_seq;	  /* events up to here ... */
	uint64_t retain_since_us; /* ... were delivered before this time */
};

struct writer_txn {
	struct local *ls;
	MDB_txn *txn;
	struct local_state *state;
};

/* Which operations the state of the disk refuses before they queue. */
enum writer_kind {
	WRITER_GRANTED, /* none: admitted before, or the store's own */
	WRITER_CHANGE,	/* refused by a slow disk, and below the hard mark */
	WRITER_REMOVAL	/* by a slow one; of a full one it gets the ballast */
};

struct writer_op {
	int (*run)(struct writer_op *op, struct writer_txn *t);
	size_t bytes; /* rough size of what it writes */
	enum writer_kind kind;
	enum s3_error result; /* set by run: S3_OK or the logical failure */
	/* the writer's own */
	struct writer_op *next;
	int64_t queued_us;
	sem_t done;
};

struct writer {
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t queued;	  /* an operation, or stop */
	pthread_cond_t committed; /* new events, or stop */
	struct writer_op *head, **tail;
	int64_t began_us;	  /* oldest of the batch in work, 0: none */
	struct local_state state; /* as committed; set by the thread */
	unsigned waiters;	  /* threads in writer_wait_seq() */
	bool started;
	bool stop;
};

/* 0, or -1: no thread. */
int writer_start(struct local *ls, const struct local_state *st);
/* Wakes those who wait for events and lets them leave. No operation may be
 * under way. */
void writer_stop(struct local *ls);
enum s3_error writer_run(struct local *ls, struct writer_op *op);
/* Many, each with its own result: they queue at once, so a few commits serve
 * them all. */
void writer_run_all(struct local *ls, struct writer_op *const *ops, size_t n);
/* For how long the oldest operation has been waiting, 0 when none is. */
int64_t writer_lag_us(struct local *ls);
/* May a request that will write begin? SLOW_DOWN while the disk is so slow
 * that the oldest operation has waited for 5 s: threads that wait for commits
 * are no longer there for readers. */
enum s3_error writer_admit(struct local *ls);
struct local_state writer_state(struct local *ls);
/* As store_events_wait(). */
enum s3_error writer_wait_seq(struct local *ls, uint64_t after, int timeout_ms);

#endif
