/*
 * pool.h - the inside of struct queue: for pool.c, pg.c and jobs.c only.
 */
#ifndef QUEUE_POOL_H
#define QUEUE_POOL_H

#include "queue/floor.h"
#include "queue/wake.h"

#include <pthread.h>
#include <stdatomic.h>

struct pg_conn {
	PGconn *c;
	struct pg_conn *next;
	bool deadlock; /* the transaction may be tried again */
	size_t n_prepared;
	const struct pg_stmt *prepared[128];
};

struct queue {
	char *conninfo;
	char *application_name;
	unsigned max;
	atomic_uint claims; /* every eighth is oldest first */
	struct floors floors;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	/* all below: lock */
	struct pg_conn *idle;
	struct waker *waker; /* made at the first wake-up */
	unsigned open;	     /* connections, idle or in use */
	bool down;	     /* the last attempt to connect failed */
	bool probing;	     /* somebody is trying again */
	int64_t retry_us;    /* monotonic */
};

/* An idle connection, a new one, or one that becomes free within 5 s; NULL
 * when the server is down. The caller's own until pool_put(). */
struct pg_conn *pool_take(struct queue *q);
/* Gives it back; one that is not alive is closed. */
void pool_put(struct queue *q, struct pg_conn *conn, bool alive);

#endif
