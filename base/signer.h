/*
 * signer.h - signing requests, as seen by who sends them: what the s3 backend
 * asks for and auth gives, since these two do not include each other.
 * Threads: any; a chain belongs to one body.
 */
#ifndef BASE_SIGNER_H
#define BASE_SIGNER_H

#include "base/buf.h"
#include "base/hash.h"

struct signer_request {
	const char *method;
	struct slice path;    /* encoded, begins with / */
	struct slice query;   /* encoded, without '?' */
	struct slice headers; /* "Name: value\r\n" lines, Host among them; all
				 are signed */
	/* 64 hex digits, UNSIGNED-PAYLOAD or a STREAMING-... name */
	struct slice payload_hash;
	struct slice region; /* empty: the signer's own */
	int64_t now_us;
};

/* Of an aws-chunked body: each signature covers the one before it. */
struct signer_chain {
	uint8_t key[SHA256_BYTES];
	char previous[SHA256_HEX_MAX];
	char amz_date[17]; /* 20130524T000000Z */
	char scope[160];   /* 20130524/us-east-1/s3/aws4_request */
};

struct signer {
	/*
	 * Appends the header lines that sign req. @chain: where the body's
	 * signatures begin, NULL for a body in one piece.
	 * -1: memory, a broken %-escape, no pair of keys.
	 */
	int (*sign)(const void *ctx, const struct signer_request *req,
		    struct signer_chain *chain, struct buf *out);
	/* The signature of the next chunk, the last of which is empty, and of
	 * the trailer "name:value\n", by the SHA-256 of each. */
	void (*sign_chunk)(struct signer_chain *chain,
			   const uint8_t sha256[SHA256_BYTES]);
	void (*sign_trailer)(struct signer_chain *chain,
			     const uint8_t sha256[SHA256_BYTES]);
	const void *ctx;
};

#endif
