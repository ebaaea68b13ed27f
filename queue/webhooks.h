/*
 * webhooks.h - the queue's side of webhooks: callbacks about jobs that run
 * elsewhere, their hand-off, and deliveries. As queue.h in all it promises.
 */
#ifndef QUEUE_WEBHOOKS_H
#define QUEUE_WEBHOOKS_H

#include "queue/queue.h"

/* ---- jobs that run elsewhere -------------------------------------------- */

/* What a job works on; of one without a video: size 0, NULLs. */
struct queue_input {
	uint64_t size;
	const char *etag;
	const char *content_type;
};
/*
 * queue_job_hand_off - gives a run to somebody else, under a lease: from now
 * on the fence is not the worker's. LOST when it is not any more, or the run
 * is to be cancelled: nothing was done.
 */
enum queue_error MUST_CHECK queue_job_hand_off(struct queue *q,
					       const struct queue_fence *f,
					       int lease_s, struct arena *a,
					       struct queue_input *out);
/* They took it: word of it must come within lease_s. */
enum queue_error MUST_CHECK queue_external_accepted(struct queue *q,
						    const char *id, int attempt,
						    int lease_s);
/* They did not: a failed run, tried again not before after_s; < 0: as any
 * failure. OK too when it has ended otherwise. */
enum queue_error MUST_CHECK queue_external_refused(struct queue *q,
						   const char *id, int attempt,
						   const char *error,
						   bool permanent, int after_s);

struct queue_callback {
	const char *webhook; /* id of the message; NULL: it has none */
	const char *job;
	const char *video; /* NULL: not said */
	int attempt;
	const char *status; /* "processing", "completed", "failed" */
	int percent;	    /* < 0: not said */
	int lease_s;	    /* of "processing", from now */
	const char *error;  /* of "failed" */
	bool permanent;
	const struct queue_outcome *outcome; /* of "completed", or NULL */
};
enum queue_callback_end {
	QUEUE_CALLBACK_APPLIED,
	QUEUE_CALLBACK_IGNORED, /* the run has ended, or is another one */
	QUEUE_CALLBACK_REPLAYED /* the message was here before */
};
/*
 * queue_webhook_callback - the message and its effect in one transaction:
 * twice the same message is REPLAYED, however many come at once. NOT_FOUND for
 * a job that is not there, or is another video's; such a message may come
 * again. INTERNAL too when the database refuses the outcome.
 */
enum queue_error MUST_CHECK
queue_webhook_callback(struct queue *q, const struct queue_callback *c,
		       enum queue_callback_end *out);

/* ---- deliveries --------------------------------------------------------- */

/* Of which events deliveries are to be made ("video.completed"); @types:
 * NULL-terminated, in place of those before. */
enum queue_error MUST_CHECK queue_webhook_events(struct queue *q,
						 const char *const *types);
/* A delivery that failed: by the schedule of deliveries, and not before
 * after_s. LOST as queue_jobs_end(). */
enum queue_error MUST_CHECK queue_webhook_retry(struct queue *q,
						const struct queue_fence *f,
						const char *error, int after_s);

#endif
