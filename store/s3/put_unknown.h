/*
 * put_unknown.h - puts whose size nobody announced (browser forms): up to
 * 8 MiB they become one put, beyond that an upload of parts of 8 MiB, since
 * S3 must be told the length of what it is sent. Private to the s3 backend.
 */
#ifndef STORE_S3_PUT_UNKNOWN_H
#define STORE_S3_PUT_UNKNOWN_H

#include "store/s3/s3.h"

enum s3_error s3_unknown_begin(struct store *s, const struct store_put_req *req,
			       struct store_put **out);
enum s3_error s3_unknown_write(struct store_put *put, const void *p, size_t n);
/* As store_put_commit(). Of parts the ETag is theirs, not the one of @fin. */
enum s3_error s3_unknown_commit(struct store_put *put,
				const struct store_put_final *fin,
				struct store_object *out);
void s3_unknown_abort(struct store_put *put);

#endif
