/*
 * body.h - the way of a request body from the wire to the operation: aws-
 * chunked decoding with its signatures, length, MD5, SHA-256 and the checksum
 * that the client names (CRC64NVME when it names none, as S3 does since
 * December 2024), then a sink.
 *
 * Invariant: s3_body_end() answers S3_OK only when every promise of the
 * headers and trailers was kept, so nothing may become visible before it.
 */
#ifndef GATEWAY_S3_BODY_H
#define GATEWAY_S3_BODY_H

#include "gateway/s3/s3.h"

/*
 * s3_body_new - reads what the headers announce; sets rq->filters.
 * Errors: MISSING_CONTENT_LENGTH, NOT_IMPLEMENTED (chunked transfer coding
 * without a decoded length), INVALID_DIGEST, INVALID_REQUEST (checksums),
 * MALFORMED_TRAILER (announced where the payload's form has none).
 */
enum s3_error MUST_CHECK s3_body_new(struct s3_request *rq);
/* For an operation that takes no body: when none comes, the digest that was
 * signed must be that of nothing. Error: X_AMZ_CONTENT_SHA256_MISMATCH. */
enum s3_error MUST_CHECK s3_body_check_none(struct s3_request *rq);
void s3_body_free(struct s3_body *b); /* NULL is fine */

/* Bytes of payload announced; HTTP_LENGTH_UNKNOWN for the file of a form. */
uint64_t s3_body_length(const struct s3_body *b);
/* Content-MD5 or an x-amz-checksum-* was sent or announced as a trailer. */
bool s3_body_is_protected(const struct s3_body *b);
/* The checksum that s3_body_end() will bring. */
enum hash_alg s3_body_sum(const struct s3_body *b);
/* The one that the client promised, HASH_NONE: none. */
enum hash_alg s3_body_checksum(const struct s3_body *b);
/* What of the payload is known before it comes; lives as long as the body. */
const struct store_digests *s3_body_digests(const struct s3_body *b);

typedef enum s3_error (*s3_sink)(struct s3_request *rq, const void *p,
				 size_t n);
enum s3_error MUST_CHECK s3_body_feed(struct s3_request *rq, const void *p,
				      size_t n, s3_sink sink);
/*
 * s3_body_end - verifies. On S3_OK fills the ETag (hex MD5, 33 bytes; empty
 * where rq->put needs none) and the checksum of *fin: the promised one, else
 * CRC64NVME. What rq->put compares is left to it. Errors: INCOMPLETE_BODY,
 * BAD_DIGEST, INVALID_REQUEST, X_AMZ_CONTENT_SHA256_MISMATCH.
 */
enum s3_error MUST_CHECK s3_body_end(struct s3_request *rq, char etag[33],
				     struct store_put_final *fin);
/* The outcome of the commit behind it, as it is to be reported: where the store
 * compared the SHA-256, with what the client sent. */
enum s3_error MUST_CHECK s3_body_committed(struct s3_request *rq,
					   enum s3_error err);

#endif
