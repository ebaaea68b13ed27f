/*
 * known.h - what the s3 backend knows of buckets for the moment, so that
 * not every request asks the endpoint what its bucket is like.
 *
 * An answer is believed for half a minute, "no such bucket" for a second. An
 * own change forgets it at once, and an answer that was on its way meanwhile
 * is not kept: a look-up that fails gives a generation, and what is kept
 * under an older one is dropped. Bounded: a bucket takes the place of another
 * with the same hash. Private to the backend. Threads: any.
 */
#ifndef STORE_S3_KNOWN_H
#define STORE_S3_KNOWN_H

#include "store/s3/s3.h"

#define S3_KNOWN_US (30 * 1000000LL)

struct s3_bucket_facts {
	enum s3_error err; /* S3_OK or NO_SUCH_BUCKET */
	char region[S3_REGION_MAX];
	enum store_versioning versioning;
};

/* NULL on memory shortage. */
struct s3_known *s3_known_new(void);
void s3_known_free(struct s3_known *k); /* NULL is fine */

/* Whether it is known; *generation for s3_known_keep() if not. */
bool s3_known_find(struct s3_known *k, struct slice name,
		   struct s3_bucket_facts *out, uint64_t *generation);
void s3_known_keep(struct s3_known *k, struct slice name,
		   const struct s3_bucket_facts *facts, uint64_t generation);
/* The same of its CORS document, which is copied to @a. */
bool s3_known_find_cors(struct s3_known *k, struct slice name, struct arena *a,
			struct slice *out, uint64_t *generation);
void s3_known_keep_cors(struct s3_known *k, struct slice name,
			struct slice document, uint64_t generation);
/* Nothing is known of it any more. */
void s3_known_forget(struct s3_known *k, struct slice name);

#endif
