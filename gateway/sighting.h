/*
 * sighting.h - an object of the default bucket as the store has it just now,
 * and the video it becomes: for complete-upload, which asks for one, and for
 * the reconciler and other S3s' events, which come upon it.
 *
 * Of objects that the store keeps a sequence of (the local backend) the queue
 * is told as their events would tell it; all others were seen, and what tells
 * them apart is the queue's business (queue/sightings.h).
 * Threads: any.
 */
#ifndef GATEWAY_SIGHTING_H
#define GATEWAY_SIGHTING_H

#include "queue/queue.h"
#include "store/store.h"

/* The caller's, and outlives all use. */
struct sighting_conf {
	struct store *store;
	struct queue *queue;
	const char *deployment;
	const char *bucket; /* the default one */
	uint64_t max_bytes; /* of an upload */
	bool remote;	    /* nobody saw the bytes come: see sighting_look() */
	struct slice account; /* that deletes what is too large */
};

enum sighting {
	SIGHTING_OBJECT,
	SIGHTING_ABSENT,
	SIGHTING_TOO_LARGE,
	SIGHTING_NO_VIDEO, /* its type is none; sighting_take() leaves that to
			      the processor, as for an event */
	SIGHTING_UNAVAILABLE
};

/* Of what the store made for its own use: "uploads/" itself, of no bytes. */
static inline bool
sighting_is_folder(struct slice key, uint64_t size)
{
	return size == 0 && slice_ends(key, SLICE("/"));
}

/*
 * sighting_look - what is at @key now; texts of *out in @a. Of what is too
 * large and was announced by a user, nothing stays with a remote store: it is
 * deleted and its intent forgotten.
 */
enum sighting sighting_look(const struct sighting_conf *conf, const char *key,
			    struct arena *a, struct queue_object *out);
/* The same, and the object is given its video: *news, its content had none. Of
 * one that is not there, what was to be done ends. */
enum sighting sighting_take(const struct sighting_conf *conf, const char *key,
			    struct arena *a, bool *news);
/* How often one looks anew while an object is being replaced. */
#define SIGHTING_TRIES 5

#endif
