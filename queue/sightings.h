/*
 * sightings.h - objects that no outbox told of: seen by a HEAD, in a listing,
 * or in another S3's word. What is kept of a reconciler that several gateways
 * share, and what it has to look at (docs/queue.md, "Objects that were seen").
 *
 * Whoever sees an object takes queue_clock() first: struct queue_object's
 * asked_us. A sighting that may be older than what the database knows is a
 * CONFLICT, and the object is to be looked at anew.
 */
#ifndef QUEUE_SIGHTINGS_H
#define QUEUE_SIGHTINGS_H

#include "queue/queue.h"

/* The video and its jobs of an object without a sequence. *made: its content
 * is news. @users: as in struct queue_event. */
enum queue_error MUST_CHECK queue_object_seen(struct queue *q,
					      const struct queue_object *object,
					      bool users, bool *made);
/* There is no such object: what is to be done for it ends. *news: it was not
 * known. */
enum queue_error MUST_CHECK queue_object_gone(struct queue *q,
					      const char *bucket,
					      const char *key, int64_t asked_us,
					      bool *news);

/* Before objects are served from another store, where they have other version
 * ids and times: what is known of these is forgotten, so that they are not
 * taken for later uploads. */
enum queue_error MUST_CHECK queue_places_forget(struct queue *q);

/* ---- a listing ------------------------------------------------------------
 */

struct queue_listed {
	const char *key; /* PostgreSQL text */
	const char *etag;
	int64_t modified_us;
};
/* Places in @listed of the objects that the videos of their keys do not speak
 * of, or that have none: @out has room for n. */
enum queue_error MUST_CHECK queue_listed_unlike(
    struct queue *q, const char *bucket, const struct queue_listed *listed,
    size_t n, int64_t asked_us, size_t *out, size_t *n_out);

/* A pass through a bucket's keys, in their order. */
struct queue_pass {
	struct slice after; /* goes on behind this key */
	uint64_t seen, made, failed;
};
/* The pass that is due or under way, for @holder: NOT_FOUND when none is, or
 * it is another's. It is the holder's for @lease_s. */
enum queue_error MUST_CHECK queue_pass_take(struct queue *q, const char *bucket,
					    const char *holder, int lease_s,
					    struct arena *a,
					    struct queue_pass *out);
/* A page was dealt with: figures of the page, where it ended. @ended: that was
 * the last, and the next pass begins @every_s after this one did, or later
 * in a large bucket. LOST: the pass is another's now. */
enum queue_error MUST_CHECK queue_pass_went(struct queue *q, const char *bucket,
					    const char *holder, int lease_s,
					    const struct queue_pass *page,
					    bool ended, int every_s);
/* When the last complete pass ended; 0: there was none. */
enum queue_error MUST_CHECK queue_pass_last(struct queue *q, const char *bucket,
					    int64_t *complete_us);

/* ---- intents ----------------------------------------------------------------
 */

/* Keys of at most @max uploads, announced @grace_s ago or longer, of which
 * nothing was seen. Each is answered seldomer the older it is. */
enum queue_error MUST_CHECK queue_intents_pending(
    struct queue *q, const char *bucket, int grace_s, uint32_t max,
    struct arena *a, const char ***keys, size_t *n);

#endif
