/*
 * chunked.h - a body on its way to another S3 endpoint, in aws-chunked
 * framing or plain: as it comes, but for the last chunk, which leaves with the
 * end of the body and the checksum over all of it. Until then nothing can
 * become visible there. Private to the s3 backend.
 * Threads: one at a time.
 */
#ifndef STORE_S3_CHUNKED_H
#define STORE_S3_CHUNKED_H

#include "base/hash.h"
#include "store/s3/request.h"

struct s3_chunked {
	bool is_plain;	   /* no framing, no trailer */
	enum hash_alg alg; /* of the trailer, HASH_NONE: no trailer */
	bool is_signed;	   /* each chunk */
	uint64_t size;	   /* of the payload */
	char *frame;	   /* room for the head, one chunk, the end */
	size_t n;	   /* bytes of the chunk so far */
};

/* 0, or -1 on memory shortage. With a trailer chunks are signed where TLS does
 * not protect them, without one always. */
int MUST_CHECK s3_chunked_init(struct s3_chunked *c, uint64_t size,
			       enum hash_alg alg, bool is_https);
int MUST_CHECK s3_chunked_init_plain(struct s3_chunked *c, uint64_t size);
void s3_chunked_release(struct s3_chunked *c); /* a zeroed one is fine */
/* Bytes on the wire. */
uint64_t s3_chunked_length(const struct s3_chunked *c);
/* The value of x-amz-content-sha256, unless it is plain. */
const char *s3_chunked_payload(const struct s3_chunked *c);
/* Together exactly as many bytes as announced. */
enum s3_error MUST_CHECK s3_chunked_write(struct s3_chunked *c,
					  struct s3_exchange *x, const void *p,
					  size_t n);
/* @trailer: "x-amz-checksum-crc32c:sOO8/Q==", or empty; unused when plain. */
enum s3_error MUST_CHECK s3_chunked_end(struct s3_chunked *c,
					struct s3_exchange *x,
					struct slice trailer);

#endif
