/*
 * copy_source.h - where CopyObject and UploadPartCopy take their bytes from:
 * x-amz-copy-source, the right to read it, its conditions.
 */
#ifndef GATEWAY_S3_COPY_SOURCE_H
#define GATEWAY_S3_COPY_SOURCE_H

#include "gateway/s3/s3.h"

struct s3_copy_source {
	struct store_ref ref; /* in the request's arena */
	struct store_cond cond;
};

/*
 * s3_copy_source_parse - "bucket/key" or "/bucket/key", percent-encoded, then
 * perhaps "?versionId=ID". Memory is the arena's. 0, or -1 when it is not of
 * that form.
 */
int MUST_CHECK s3_copy_source_parse(struct arena *a, struct slice value,
				    struct store_ref *out);
/* The headers, and whether the sender may read that bucket.
 * INVALID_ARGUMENT, NOT_IMPLEMENTED (an access point), and those of s3_may().
 */
enum s3_error MUST_CHECK s3_copy_source_read(struct s3_request *rq,
					     struct s3_copy_source *out);
/* Looks it up as store_get() does, with the failures of a copy: a condition
 * that does not hold, or a delete marker named by its version. */
enum s3_error MUST_CHECK s3_copy_source_get(struct s3_request *rq,
					    const struct s3_copy_source *src,
					    struct store_object *out,
					    struct store_read **read);
/* INVALID_REQUEST beyond what one copy may take, else as s3_check_size() */
enum s3_error MUST_CHECK s3_copy_source_check_size(struct s3_request *rq,
						   uint64_t size, uint64_t max);
/* x-amz-copy-source-version-id, when the source is a version. */
void s3_copy_source_set_version(struct s3_request *rq,
				const struct store_object *source);
/* MD5 and @alg of n bytes of a read. INTERNAL_ERROR */
enum s3_error MUST_CHECK s3_digest_range(struct store_read *read,
					 uint64_t offset, uint64_t n,
					 enum hash_alg alg,
					 uint8_t md5[HASH_BYTES_MAX],
					 uint8_t sum[HASH_BYTES_MAX]);

#endif
