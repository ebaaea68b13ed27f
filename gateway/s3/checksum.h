/*
 * checksum.h - the checksums of objects: their names, what a request promises
 * about its body or asks for, and how they are given back. Values travel in
 * base64 of the digest bytes. ("Checking object integrity for data uploads in
 * Amazon S3", Amazon S3 user guide.)
 */
#ifndef GATEWAY_S3_CHECKSUM_H
#define GATEWAY_S3_CHECKSUM_H

#include "gateway/s3/s3.h"

/* "x-amz-checksum-crc32" for HASH_CRC32; NULL for what is no checksum. */
const char *s3_checksum_header(enum hash_alg alg);
/* "CRC32", as in XML and in messages; NULL for what is no checksum. */
const char *s3_checksum_name(enum hash_alg alg);
/* HASH_CRC32 for "crc32" in any case; HASH_NONE when it is no algorithm. */
enum hash_alg s3_checksum_by_name(struct slice name);

/* hash_size(alg) bytes from base64: 0, or -1 when it is not exactly that. */
int MUST_CHECK s3_checksum_decode(enum hash_alg alg, struct slice base64,
				  uint8_t out[HASH_BYTES_MAX]);
/* In base64, in the request's arena. */
struct slice s3_checksum_encode(struct s3_request *rq, enum hash_alg alg,
				const uint8_t *digest);
/* Answers with the header of that checksum; HASH_NONE: without. */
void s3_checksum_set(struct s3_request *rq, enum hash_alg alg,
		     const uint8_t *digest);

/* An object's, "base64-N" when it is composite; it must have one. */
struct slice s3_checksum_of(struct s3_request *rq,
			    const struct store_object *o);
/* "COMPOSITE" or "FULL_OBJECT". */
struct slice s3_checksum_type(bool composite);

/* <ChecksumCRC32>...</ChecksumCRC32>; @parts: their number when the digest is
 * over the digests of parts, else 0. Nothing for HASH_NONE. */
void s3_xml_checksum(struct s3_request *rq, struct buf *xml, enum hash_alg alg,
		     const uint8_t *digest, uint32_t parts);

/* What a request says about its body's checksum. */
struct s3_promise {
	enum hash_alg alg;		/* HASH_NONE: nothing */
	bool in_trailer;		/* the value comes behind the body */
	struct slice base64;		/* the value, unless in_trailer */
	uint8_t digest[HASH_BYTES_MAX]; /* the same */
};
/*
 * s3_checksum_promise - from x-amz-checksum-*, x-amz-trailer and
 * x-amz-sdk-checksum-algorithm, of headers alone: AWS takes none from a
 * presigned query. INVALID_REQUEST with AWS's words.
 */
enum s3_error MUST_CHECK s3_checksum_promise(struct s3_request *rq,
					     struct s3_promise *out);
/*
 * s3_checksum_choice - x-amz-checksum-algorithm and x-amz-checksum-type of
 * CreateMultipartUpload and CopyObject; HASH_NONE when absent. Without a type
 * CRC64NVME is FULL_OBJECT, all others COMPOSITE. INVALID_REQUEST for an
 * unknown algorithm or type, a type without algorithm, COMPOSITE CRC64NVME,
 * FULL_OBJECT SHA1 or SHA256.
 */
enum s3_error MUST_CHECK s3_checksum_choice(struct s3_request *rq,
					    enum hash_alg *alg,
					    bool *composite);

#endif
