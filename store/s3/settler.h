/*
 * settler.h - intents whose outcome nobody knows, because the answer never
 * came or the process ended first: the endpoint is asked what is there now.
 *
 * What was intended is there: an event. It is not: that is final only when
 * the request can no longer be on its way (S3_INTENT_FINAL_US). So a change is
 * told at least once, and rarely twice.
 * Threads: any.
 */
#ifndef STORE_S3_SETTLER_H
#define STORE_S3_SETTLER_H

#include "base/timeval.h"
#include "store/s3/s3.h"

#define S3_SETTLE_ARENA (4u << 20) /* a page of versions, of long names */
/* No endpoint works on one request for longer. */
#define S3_INTENT_FINAL_US (10 * 60 * US_PER_S)

enum s3_sight {
	S3_NO_ANSWER, /* nobody, or an error of its own */
	S3_UNCLEAR,   /* it does not say: access denied, ... */
	S3_SEEN,
	S3_LIKELY, /* alike: worth an event too many, but no promise */
	S3_NOT_SEEN
};

/* Is there what the intent announced? S3_SEEN, S3_LIKELY: *out is the object,
 * its slices in @a; of a removal the delete marker, or nothing but a version
 * id. */
enum s3_sight s3_look(struct s3_store *s, const struct journal_intent *intent,
		      struct arena *a, struct store_object *out);

/* What stands for the ETag of an object in its intent when nobody knows it: the
 * checksum, as "6:rosUhgp5mIg=". */
void s3_expect_sum(enum hash_alg alg, const uint8_t *digest,
		   char etag[STORE_ETAG_MAX]);
/* The ETag, or nothing where a checksum stands for it. */
struct slice s3_expected_etag(const struct store_event *e);

/* The thread; begins with all intents that are open. NULL with a line in err.
 * It asks nothing while there are none. */
struct s3_settler *s3_settler_start(struct s3_store *s, char err[512]);
void s3_settler_stop(struct s3_settler *t); /* NULL is fine */
/* This one is its own from now on. */
void s3_settler_add(struct s3_settler *t, uint64_t id);

/* journal.c: the intent becomes its event, as @made says (NULL: as was
 * announced). */
enum s3_error MUST_CHECK s3_event(struct s3_store *s,
				  const struct journal_intent *intent,
				  const struct store_object *made,
				  uint64_t *seq);
bool s3_event_is_removal(const struct store_event *e);

#endif
