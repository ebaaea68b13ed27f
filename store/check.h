/*
 * check.h - what the wrappers refuse for every backend. Private to store/.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/store.h"

/* KEY_TOO_LONG, INVALID_ARGUMENT (empty, or a NUL in it). */
enum s3_error check_key(struct slice key);
/* The same, and NO_SUCH_BUCKET: a name no bucket can have is a bucket that is
 * not there. */
enum s3_error check_object(struct slice bucket, struct slice key);
/* METADATA_TOO_LARGE. Also of tags. */
enum s3_error check_headers(const struct store_headers *h);

#endif
