/*
 * sweep.h - ends connections that are too slow, and idle ones when asked.
 *
 * The daemon's own timeout only counts silence, so a client that sends a byte
 * now and then would keep its thread for ever. The sweeper knows of every
 * connection what it is waiting for and shuts the socket down; the
 * connection's thread then notices and cleans up itself.
 *
 * Shared state: the list of connections, under one mutex; the fields that a
 * connection's thread changes are atomic. A socket is only shut down under
 * the mutex, and leaves the list under it before it is closed.
 */
#ifndef GATEWAY_SWEEP_H
#define GATEWAY_SWEEP_H

#include "base/slice.h"

#include <stdatomic.h>

struct sweep_limits {
	int headers_ms; /* a request's headers, from its first byte */
	int idle_ms;	/* silence between requests: the daemon's timeout */
	int window_ms;	/* over which a rate is measured */
	unsigned rate;	/* bytes per second, of a body or an answer */
	int tick_ms;	/* how often the sweeper looks */
};
#define SWEEP_LIMITS_DEFAULT                                               \
	{                                                                  \
		.headers_ms = 20000, .idle_ms = 75000, .window_ms = 60000, \
		.rate = 1024, .tick_ms = 1000,                             \
	}

enum sweep_phase {
	SWEEP_HEADERS, /* headers have begun, or none has come yet */
	SWEEP_IDLE,    /* kept alive, waiting for the next request */
	SWEEP_BODY,    /* waiting for the client's body */
	SWEEP_WORKING, /* ours: a handler runs */
	SWEEP_SENDING  /* waiting for the client to take the answer */
};

/* The kernel is asked by the sweeper's first look at an answer, since most are
 * gone before it. */
#define SWEEP_UNASKED UINT64_MAX

struct sweep_conn {
	struct sweep_conn *next, *prev;
	int fd;
	_Atomic int phase;
	_Atomic int64_t since_us; /* start of the phase, or of the window */
	_Atomic uint64_t bytes;	  /* of body since then; SENDING: what the
				     client had acknowledged then, or
				     SWEEP_UNASKED */
	int64_t entered_us;	  /* the connection's thread alone */
};

struct sweeper;
/* NULL with errno. */
struct sweeper *sweeper_new(unsigned max_connections,
			    const struct sweep_limits *limits);
void sweeper_free(struct sweeper *s); /* NULL is fine */

/* NULL on memory shortage: the connection is then not watched. */
struct sweep_conn *sweep_add(struct sweeper *s, int fd);
void sweep_remove(struct sweeper *s, struct sweep_conn *c);
unsigned sweep_count(struct sweeper *s);
/* More than three quarters of the connections are in use: from here on none is
 * kept alive for a next request, so that many clients that come now and then
 * do not use up what is left. */
bool sweep_filling(struct sweeper *s);
/* More than nine tenths are: requests are refused. */
bool sweep_crowded(struct sweeper *s);
/* All are, or more. */
bool sweep_full(struct sweeper *s);
/* Shuts connections that have been between requests for min_ms. */
void sweep_shut_idle(struct sweeper *s, int min_ms);

/* A connection's thread tells where it is; c may be NULL. */
void sweep_enter(struct sweep_conn *c, enum sweep_phase phase);
/* Around a handler's run on a piece of body: its time is not the client's. */
void sweep_body_begin(struct sweep_conn *c);
void sweep_body_end(struct sweep_conn *c, size_t n);

#endif
