/*
 * wake.h - tells workers that jobs of a type are due, without burdening the
 * transaction that added them. Inside queue/ only: queue_wake() of pg.h.
 */
#ifndef QUEUE_WAKE_H
#define QUEUE_WAKE_H

#include "queue/pg.h"

struct waker;

/* A thread with a connection of its own. NULL: none could be had. */
struct waker *waker_start(const struct queue *q);
/* What is marked is still told, when the server answers at once. */
void waker_stop(struct waker *w); /* NULL is fine */
/* Jobs of the type are there, committed. Never waits for the server. */
void waker_mark(struct waker *w, const char *type);

#endif
