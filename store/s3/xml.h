/*
 * xml.h - what the operations of the s3 backend share: queries and
 * documents to be sent, answers to be read. Private to the backend.
 *
 * An answer is another's: bounded, and believed only as far as it keeps to
 * its form. One that does not is an INTERNAL_ERROR with a line in the log.
 * Threads: any; nothing here has state.
 */
#ifndef STORE_S3_XML_H
#define STORE_S3_XML_H

#include "base/hash.h"
#include "base/xml_read.h"
#include "store/s3/s3.h"

/* ---- to be sent --------------------------------------------------------- */

/* Appends "name=value", encoded, and '&' before it when @q is not empty. The
 * names of a query ascend. */
void s3_query_put(struct buf *q, const char *name, struct slice value);
void s3_query_u64(struct buf *q, const char *name, uint64_t value);

void s3_query_version(struct buf *q, struct slice id); /* where it is one */

/* A GET of the bucket, without a body; the rest is the caller's. */
struct s3_call s3_get_call(struct slice bucket);
/* A HEAD that tells an object in full, checksum included: of the version that
 * @ref names, whose id becomes the end of *query, where the call has it. */
struct s3_call s3_head_call(const struct store_ref *ref, struct buf *query);

/* A small document, with what a request says of it. */
struct s3_document {
	struct slice text;
	struct http_client_body body;
	char sha256[SHA256_HEX_MAX];
	char md5[2 * MD5_BYTES]; /* in base64 */
	struct store_header content_md5;
};
/* @text outlives it; so does the struct the call. */
void s3_document_init(struct s3_document *d, struct slice text);

/* "Checksum" names: "CRC32" for HASH_CRC32; NULL for what is none. */
const char *s3_sum_name(enum hash_alg alg);
/* HASH_NONE for a name that is none, in any case. */
enum hash_alg s3_sum_by_name(struct slice name);
/* The value of x-amz-checksum-type. */
struct slice s3_sum_type(bool composite);
/* "x-amz-checksum-crc32" */
const char *s3_sum_field(enum hash_alg alg);
/* The same and its value, in base64, in @a. */
struct store_header s3_sum_header(struct arena *a, enum hash_alg alg,
				  const uint8_t *digest);

/*
 * The headers that make up an object: those kept with it, storage class,
 * tags. @room more are left free behind them, .n does not count those.
 * .v NULL: memory.
 */
struct store_header *s3_object_headers(struct arena *a,
				       const struct store_headers *headers,
				       struct slice storage_class,
				       const struct store_headers *tags,
				       size_t room, size_t *n);

/* ---- to be read --------------------------------------------------------- */

/* Logs what is wrong with an answer; INTERNAL_ERROR. */
enum s3_error s3_answer_broken(const struct s3_call *call, const char *what);

/*
 * s3_ask - the request, and its answer read by rules. @out holds the answer
 * in any case: http_client_answer_release().
 */
enum s3_error MUST_CHECK s3_ask(struct s3_store *s, const struct s3_call *call,
				const struct xml_rule *rules, size_t n,
				void *ctx, struct http_client_answer *out);
/* When nothing of the answer but its outcome matters. */
enum s3_error MUST_CHECK s3_tell(struct s3_store *s,
				 const struct s3_call *call);

/* Texts of elements: 0, or -1 when it is not of that form or too long. */
int s3_text_copy(struct slice text, char *out, size_t size);
int s3_text_etag(struct slice text, char *out, size_t size); /* no quotes */
int s3_text_bool(struct slice text, bool *out);
/* A storage class, in @a; empty for STANDARD, as the store has it. */
struct slice s3_text_class(struct arena *a, struct slice text);
/* The checksum of an object or of a part: base64 of one digest, behind which
 * "-N" may stand for one over checksums. */
int s3_object_sum(struct store_object *o, enum hash_alg alg, struct slice text);
int s3_part_sum(struct store_part *p, enum hash_alg alg, struct slice text);

/* Rules of the elements ChecksumCRC32, ... below @path, and the functions
 * they name, all of which call take(ctx, alg, text). */
#define S3_SUM_TAKERS(take)                                   \
	static int take##_CRC32(void *ctx, struct slice text) \
	{                                                     \
		return take(ctx, HASH_CRC32, text);           \
	}                                                     \
	static int take##_CRC32C(void *ctx, struct slice t)   \
	{                                                     \
		return take(ctx, HASH_CRC32C, t);             \
	}                                                     \
	static int take##_CRC64(void *ctx, struct slice t)    \
	{                                                     \
		return take(ctx, HASH_CRC64NVME, t);          \
	}                                                     \
	static int take##_SHA1(void *ctx, struct slice t)     \
	{                                                     \
		return take(ctx, HASH_SHA1, t);               \
	}                                                     \
	static int take##_SHA256(void *ctx, struct slice t)   \
	{                                                     \
		return take(ctx, HASH_SHA256, t);             \
	}
#define S3_SUM_RULES(path, take)                               \
	{ path "/ChecksumCRC32", NULL, take##_CRC32 },         \
	    { path "/ChecksumCRC32C", NULL, take##_CRC32C },   \
	    { path "/ChecksumCRC64NVME", NULL, take##_CRC64 }, \
	    { path "/ChecksumSHA1", NULL, take##_SHA1 },       \
	{                                                      \
		path "/ChecksumSHA256", NULL, take##_SHA256    \
	}

#endif
