/*
 * objects.h - the S3 that holds the objects, as this process's own client:
 * signed with the AWS_ pair, through the s3 backend of the store.
 * Threads: one struct objects per thread.
 */
#ifndef PROCESSOR_OBJECTS_H
#define PROCESSOR_OBJECTS_H

#include "auth/auth.h"
#include "base/conf.h"
#include "store/store.h"

struct objects {
	struct store *store;
	struct auth_signer signer;
};

/* Where it is: S3_ENDPOINT, or the gateway that runs on this data directory
 * now (its port may change with a restart). 0, or -1 with one line in err. */
int MUST_CHECK objects_open(struct objects *o, const struct conf *c,
			    char err[512]);
void objects_close(struct objects *o);
/* Is that S3 there? Known within 3 s. */
bool objects_answer(const struct conf *c);

/* size bytes of fd from its start. */
enum s3_error MUST_CHECK objects_put_file(struct objects *o, const char *bucket,
					  const char *key,
					  const char *content_type, int fd,
					  uint64_t size);
/* The whole object into out, at most out->max bytes. */
enum s3_error MUST_CHECK objects_get_text(struct objects *o, const char *bucket,
					  const char *key, struct buf *out);

/* Appends the URL of a GET that needs no key, by the name that others know the
 * S3 by: S3_PUBLIC_URL, else as objects_open(). With REELGATE_BACKEND=s3 that
 * is always the other S3, for which alone the pair is good. 0 or -1. */
int MUST_CHECK objects_presign(const struct objects *o, const struct conf *c,
			       const char *bucket, const char *key,
			       uint32_t expires_s, struct buf *out);

#endif
