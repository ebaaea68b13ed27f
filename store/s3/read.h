/*
 * read.h - the bytes of an object at another S3 endpoint, as a stream that
 * is taken up again where it broke off. Private to the s3 backend.
 * Threads: a read belongs to one at a time.
 */
#ifndef STORE_S3_READ_H
#define STORE_S3_READ_H

#include "store/s3/s3.h"

/* Of the version that @o describes and of no other; nothing is asked yet. */
enum s3_error MUST_CHECK s3_read_open(struct s3_store *s,
				      const struct store_ref *ref,
				      const struct store_object *o,
				      struct store_read **out);

#endif
