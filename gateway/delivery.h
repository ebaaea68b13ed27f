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

/*
 * delivery_fill - the events as the queue takes them, in @a; NULL on memory
 * shortage. Call rule_cache_refresh() before, once they were read. An event
 * whose bucket's rules cannot be read is told with the problem, to be put
 * aside.
 */
struct queue_event *delivery_fill(struct delivery *d,
				  const struct store_event *events, size_t n,
				  struct arena *a);

#endif
