/*
 * bucket.h - what the operations of the s3 backend ask about buckets.
 * Private to the backend. Threads: any.
 */
#ifndef STORE_S3_BUCKET_H
#define STORE_S3_BUCKET_H

#include "base/xml_read.h"
#include "store/s3/s3.h"

/* Reading ?versioning into an enum store_versioning. */
#define S3_VERSIONING_RULES 1
extern const struct xml_rule s3_versioning_rules[S3_VERSIONING_RULES];

/* Account id of its owner, in @a; of a bucket that is not there as well. */
struct slice s3_bucket_owner(struct s3_store *s, struct slice name,
			     struct arena *a);
/* NO_SUCH_BUCKET when it is not note->bucket_owner's by now. */
enum s3_error MUST_CHECK s3_bucket_check_owner(struct s3_store *s,
					       struct slice name,
					       const struct store_note *note);
/* How the endpoint knows it: "null" of a bucket that never had versions is the
 * object itself, which not every one knows by that name. */
struct store_ref s3_named(struct s3_store *s, const struct store_ref *ref);
/* A bucket of that name in the journal; fine if it is there.
 * NOT_IMPLEMENTED without a journal. */
enum s3_error MUST_CHECK s3_shadow_make(struct s3_store *s, struct slice name,
					struct slice owner);

#endif
