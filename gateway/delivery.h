/*
 * delivery.h - what the queue is told of an event: its record, and what the
 * notification rules make of it. Threads: one at a time.
 */
#ifndef GATEWAY_DELIVERY_H
#define GATEWAY_DELIVERY_H

#include "gateway/rule_cache.h"
#include "queue/queue.h"

struct delivery {
	struct rule_cache rules;
	const char *region; /* awsRegion of the records */
	const char *bucket; /* the default bucket, whose keys name users */
	const char *deployment_id;
};

/* Strings are the caller's and outlive it. */
void delivery_init(struct delivery *d, struct store *s, const char *region,
		   const char *bucket, const char *deployment_id);
void delivery_release(struct delivery *d);

/*
 * delivery_fill - events that were read just now as the queue takes them, in
 * @a; NULL on memory shortage. An event whose bucket's rules cannot be read is
 * told with the problem, to be put aside.
 */
struct queue_event *delivery_fill(struct delivery *d,
				  const struct store_event *events, size_t n,
				  struct arena *a);

#endif
