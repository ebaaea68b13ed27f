/*
 * limits.h - may another upload begin? Bounds on what is under way: jobs that
 * wait, and bytes announced that the disk must still take. The bound of one
 * user's bytes is queue_intent_create()'s.
 *
 * Both figures are read from the database at most once a second, so that they
 * cost nothing under load; what was admitted since is added. What ended since
 * is still counted for that second.
 */
#ifndef GATEWAY_API_LIMITS_H
#define GATEWAY_API_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct api_call;

/* Shared by all connections; everything under mu, which is never held while
 * waiting. */
struct api_limits {
	pthread_mutex_t mu;
	int64_t read_us; /* monotonic; 0: never */
	bool reading;	 /* somebody is: the others go on with what there is */
	uint64_t announced; /* bytes of open intents */
	uint64_t waiting;   /* jobs */
	/* Bytes admitted whose intent is not made yet; of intents ever made,
	 * now and when the reading began: what came between may be counted
	 * twice, and is never missed. */
	uint64_t held;
	uint64_t made;
	uint64_t made_before;
};

void limits_init(struct api_limits *l);
void limits_release(struct api_limits *l);
/*
 * limits_admit - holds @bytes for the upload, until limits_settle(). False
 * when answered: 503 with Retry-After when too many jobs wait, or when the
 * bytes fit on the disk but for those announced by others; 507 when they do
 * not fit at all.
 */
bool limits_admit(struct api_call *c, uint64_t bytes);
/* @made: the intent is in the database. */
void limits_settle(struct api_call *c, uint64_t bytes, bool made);

#endif
