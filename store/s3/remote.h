/*
 * remote.h - private to s3_request and s3_watch: what the requests to an
 * endpoint share (remote.c), in which region a bucket is (region.c), and
 * what an answer means (failure.c).
 */
#ifndef STORE_S3_REMOTE_H
#define STORE_S3_REMOTE_H

#include "store/s3_address.h"
#include "store/s3/request.h"

#include <pthread.h>
#include <stdatomic.h>

#define S3_IDLE_MAX 64 /* clients that wait with their connection */
#define S3_REGIONS 64  /* buckets whose region is remembered */

/* Shared: what stands below mu, under it. No other lock is taken inside. */
struct s3_remote {
	char *endpoint; /* as s3_address.h has it */
	char *region;
	char *ca_file; /* NULL: the system's */
	enum store_s3_style style;
	struct signer signer;
	atomic_bool pair_told; /* that it refuses our pair, since it last
				  took it */

	pthread_mutex_t mu;
	pthread_cond_t wake; /* a slot is free, or stop */
	atomic_bool stop;    /* once true it stays so */
	struct http_client *idle[S3_IDLE_MAX];
	size_t n_idle;
	size_t n_busy;
	int64_t clock_offset_us; /* theirs is ahead of ours */
	enum s3_habit sums[2];	 /* by whether one was named */
	int64_t tokens;		 /* tries that may be repeated */
	int64_t tokens_us;	 /* when they were counted */
	struct s3_bucket_region {
		char bucket[STORE_BUCKET_MAX + 1];
		char region[S3_REGION_MAX];
	} regions[S3_REGIONS];
	size_t next_region; /* is replaced next */
};

/* ---- remote.c ----------------------------------------------------------- */

/* A client of one's own; NULL when none was free within max_us, or memory. */
struct http_client *s3_slot_take(struct s3_remote *r, int64_t max_us);
void s3_slot_give(struct s3_remote *r, struct http_client *c);
/* Whether one more request may be repeated now. */
bool s3_token_take(struct s3_remote *r);
/* false: the remote is stopping. */
bool s3_remote_sleep(struct s3_remote *r, int64_t us);
/* The endpoint's time, and learning it. */
int64_t s3_remote_now(struct s3_remote *r);
int64_t s3_remote_ahead(struct s3_remote *r); /* of ours */
void s3_remote_adopt_time(struct s3_remote *r, int64_t theirs_us);

/* ---- region.c ----------------------------------------------------------- */

void s3_region_of(struct s3_remote *r, struct slice bucket,
		  char out[S3_REGION_MAX]);
/* A bucket is not in the region that was @used, but in @region: false when
 * that says nothing new, or is no name of a region. */
bool s3_region_learn(struct s3_remote *r, struct slice bucket, const char *used,
		     struct slice region);

/* ---- failure.c ---------------------------------------------------------- */

#define S3_REASON_MAX 352

struct s3_failure {
	enum s3_error err; /* S3_OK: none */
	bool again;	   /* the same may go better later */
	bool arrived;	   /* perhaps, and it was done */
	bool is_pair;	   /* our own keys were refused */
	bool is_strange;   /* a refusal by a code that we do not know */
	int64_t wait_us;   /* not before */
	char region[S3_REGION_MAX]; /* named by the answer */
	int64_t their_time_us; /* INT64_MIN: the clock was not the matter */
	char code[64];
	char message[256];
};

/* Done twice, the second would be refused for what the first did. */
bool s3_is_conditional_change(const struct s3_call *call);
/* The last try's error, when an earlier one may have done what was asked: that
 * the last was refused says nothing of an object's change then. An upload that
 * is not there any more is what its completion looks for. */
enum s3_error s3_refused_after(const struct s3_call *call, enum s3_error err);
void s3_judge(const struct s3_call *call, enum http_client_error rc,
	      const struct http_client_answer *a, struct s3_failure *out);
/* What the endpoint said, or why it said nothing, for a line of the log. */
void s3_failure_reason(const struct http_client_answer *a,
		       const struct s3_failure *f, char out[S3_REASON_MAX]);
/* Of a pair that is refused once, until it is taken. */
void s3_failure_log(struct s3_remote *r, const struct s3_call *call,
		    const struct http_client_answer *a,
		    const struct s3_failure *f);

#endif
