/*
 * reconcile.h - finds what nobody told of, with another S3 as the backend: one
 * thread that asks for uploads whose announcer did not come back, and lists
 * what is below uploads/ of the default bucket. What it comes upon becomes a
 * video with its jobs as if an event had come (gateway/sighting.h).
 *
 * How far the listing is stands in the database, so several gateways share the
 * work and one goes on where another ended (queue/sightings.h). The other S3
 * gets at most 5 listings and 50 HEADs a second, and a large bucket is listed
 * a twentieth of the time.
 */
#ifndef GATEWAY_RECONCILE_H
#define GATEWAY_RECONCILE_H

#include "gateway/sighting.h"

struct reconciler;

struct reconciler_status {
	uint64_t asked;	 /* HEADs of pending uploads and of listed objects */
	uint64_t listed; /* keys */
	uint64_t made;	 /* contents that had no video */
	uint64_t failed; /* questions that were not answered */
	uint64_t passes; /* of listings, complete ones of this gateway's */
	int64_t complete_us; /* when a pass of any gateway's ended; 0: never */
};

/* @every_s: at least 1. NULL with one line in err. */
struct reconciler *reconciler_start(const struct sighting_conf *conf,
				    unsigned every_s, char err[512]);
/* Any thread; r may be NULL: false. */
bool reconciler_status(struct reconciler *r, struct reconciler_status *out);
/* Ends the thread once its present request is answered; NULL is fine. */
void reconciler_stop(struct reconciler *r);

#endif
