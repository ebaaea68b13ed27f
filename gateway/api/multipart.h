/*
 * multipart.h - an upload in parts that is under way: private to multipart.c
 * and multipart_parts.c.
 */
#ifndef GATEWAY_API_MULTIPART_H
#define GATEWAY_API_MULTIPART_H

#include "gateway/api/upload.h"

struct multipart {
	const char *key;
	struct queue_intent intent;
	uint32_t count; /* of its parts, 1..STORE_PARTS_MAX */
};

/* How a file of that many bytes is cut: all parts but the last have this
 * size. */
uint64_t multipart_part_size(uint64_t size);
uint32_t multipart_part_count(uint64_t size, uint64_t part_size);
/* The size of part @number. */
uint64_t multipart_size_of(const struct multipart *m, uint32_t number);

/* The parts the store has, in order; false when answered. *gone: the store
 * knows no such upload, which ended; without @gone that is answered, too. */
bool multipart_stored(struct api_call *c, const struct multipart *m, bool *gone,
		      struct store_part **parts, size_t *n);
/* What an error of the store means to the caller of an action. */
void multipart_fail(struct api_call *c, enum s3_error err);

/* The actions on parts (multipart_parts.c). */
void multipart_sign(struct api_call *c, const struct multipart *m);
void multipart_list(struct api_call *c, const struct multipart *m);
void multipart_complete(struct api_call *c, const struct multipart *m);

#endif
