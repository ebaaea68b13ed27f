/*
 * relay.h - moves the store's events into PostgreSQL: one thread that reads
 * the outbox behind the database's cursor and hands batches to queue_relay().
 *
 * Invariant: an event is acknowledged to the store only after the transaction
 * that holds its jobs was committed, and the database's cursor, not the
 * store's, says where to go on; so a crash at any point repeats work and
 * never loses or doubles any. Nothing is ever dropped: with no database the
 * outbox grows and the relay tries again.
 */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "gateway/sighting.h"
#include "queue/queue.h"
#include "store/store.h"

struct relay;

/* Strings and modules are the caller's and outlive the relay. */
struct relay_conf {
	struct store *store;
	struct queue *queue;
	/* Of another S3's objects, which are looked at before their events
	 * are told: see queue/sightings.h. NULL: the events suffice. */
	const struct sighting_conf *sighting;
	const char *region; /* awsRegion of the records */
	const char *bucket; /* the default bucket */
};

enum relay_state {
	RELAY_STARTING, /* no contact with the database yet */
	RELAY_RUNNING,
	RELAY_WAITING, /* the database is away, trying again */
	RELAY_STOPPED  /* the cursor knows another past: see the log */
};

struct relay_status {
	enum relay_state state;
	uint64_t last_seq;  /* newest event of the outbox */
	uint64_t acked_seq; /* delivered */
};

/* NULL with one line for the user in err (512 bytes). */
struct relay *relay_start(const struct relay_conf *conf, char err[512]);
/* "starting", "running", "waiting", "stopped" */
const char *relay_state_name(enum relay_state state);
/* Any thread. r may be NULL: "stopped". */
void relay_status(struct relay *r, struct relay_status *out);
/* Ends the thread, within a second unless a statement is running; NULL is
 * fine. */
void relay_stop(struct relay *r);

#endif
