/*
 * input.h - the bytes of an object for a worker: as leased descriptors of the
 * gateway on this machine (gateway/lease.h), or as a spool file when the
 * object lies elsewhere. A descriptor stays good whatever happens to the key.
 */
#ifndef PROCESSOR_INPUT_H
#define PROCESSOR_INPUT_H

#include "base/s3_error.h"
#include "processor/media_protocol.h"
#include "store/store.h"

struct input {
	uint64_t size;
	char etag[STORE_ETAG_MAX];
	size_t n;
	struct store_extent *extents; /* n; fds owned */
};

void input_init(struct input *in);
/*
 * input_lease - asks the gateway behind socket_path. At most 10 s.
 * NO_SUCH_KEY and the like as the store says; ENTITY_TOO_LARGE when the object
 * lies in more than extents_max pieces: input_spool() can read it;
 * SERVICE_UNAVAILABLE when the gateway is away or answers nonsense.
 */
enum s3_error MUST_CHECK input_lease(struct input *in, const char *socket_path,
				     const char *bucket, const char *key,
				     size_t extents_max);
/* Does a gateway listen there? */
bool input_gateway_answers(const char *socket_path);
/* Copies by ranged GETs into an unnamed file in dir. ENTITY_TOO_LARGE above
 * size_max; INSUFFICIENT_STORAGE when dir cannot take it; *stop non-zero ends
 * it early with SERVICE_UNAVAILABLE. */
enum s3_error MUST_CHECK input_spool(struct input *in, struct store *s,
				     const char *dir, const char *bucket,
				     const char *key, uint64_t size_max,
				     const _Atomic int *stop);
void input_release(struct input *in);

#endif
