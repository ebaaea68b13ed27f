/*
 * multipart.h - what the operations of multipart uploads share.
 * ("Multipart upload overview", Amazon S3 user guide.)
 */
#ifndef GATEWAY_S3_MULTIPART_H
#define GATEWAY_S3_MULTIPART_H

#include "gateway/s3/checksum.h"

/* Adds which upload was not found. */
enum s3_error s3_upload_failed(struct s3_request *rq, enum s3_error err);
/* The upload that key and uploadId name. NO_SUCH_UPLOAD */
enum s3_error MUST_CHECK s3_upload_find(struct s3_request *rq,
					struct store_upload *out);
/* Upload and part that the request names. INVALID_ARGUMENT */
enum s3_error MUST_CHECK s3_part_ref(struct s3_request *rq,
				     struct store_part_ref *out);
/* A part whose checksum is @got (HASH_NONE: none) may belong to @u.
 * INVALID_REQUEST */
enum s3_error MUST_CHECK s3_part_algorithm(struct s3_request *rq,
					   const struct store_upload *u,
					   enum hash_alg got);

#endif
