/*
 * A job that somebody else runs: it is handed off in the database, told in a
 * signed message, and ends by a callback to the gateway. It is handed off
 * first, since the callback may be quicker than the answer to the message;
 * under a short lease, so that a processor that dies in between costs little.
 */
#include "base/log.h"
#include "base/json_write.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "processor/webhook.h"
#include "queue/webhooks.h"

#define OFFER_S 60 /* the lease until they have answered */
#define URL_EXTRA_S 3600
#define URL_MAX_S AUTH_EXPIRES_MAX

/* Where they are to answer: 0, or -1 when that is not known. */
static int
put_callback(struct job_run *run, struct buf *b)
{
	const struct conf *c = run->host->conf;
	struct slice base = slice_str(c->api_public_url);
	struct buf url = BUF_INIT;
	char address[256];

	if (base.n == 0 && rundir_endpoint(c->data, "API_ENDPOINT", address,
					   sizeof(address)) == 0)
		base = slice_str(address);
	while (slice_ends(base, SLICE("/")))
		base.n--;
	buf_printf(&url, "%.*s/api/webhooks/video-processing?attempt=%d",
		   SLICE_ARG(base), run->job.attempts);
	json_put_slice(b, "callbackUrl", buf_slice(&url));
	b->err |= url.err;
	buf_release(&url);
	return base.n ? 0 : -1;
}

/* The bytes of the video, for as long as the job may take. */
static int
put_input(struct job_run *run, struct buf *b, const struct queue_input *in)
{
	uint64_t expires = run->host->conf->external_timeout_s + URL_EXTRA_S;
	struct buf url = BUF_INIT;
	int rc = 0;

	if (!run->job.bucket) {
		json_put_null(b, "input");
		return 0;
	}
	json_open_object(b, "input");
	rc = job_open_objects(run);
	if (rc == 0)
		rc = objects_presign(
		    &run->objects, run->host->conf, run->job.bucket,
		    run->job.s3_key,
		    (uint32_t)(expires < URL_MAX_S ? expires : URL_MAX_S),
		    &url);
	json_put_slice(b, "url", buf_slice(&url));
	json_put_u64(b, "size", in->size);
	json_put_str(b, "etag", in->etag);
	json_put_str(b, "contentType", in->content_type);
	json_close_object(b);
	b->err |= url.err;
	buf_release(&url);
	return rc;
}

/* 0, or -1: it cannot be told now. */
static int
put_message(struct job_run *run, struct buf *b, const struct queue_input *in)
{
	int64_t now = time_now_us();
	int64_t timeout_s = (int64_t)run->host->conf->external_timeout_s;
	int rc;

	json_open_object(b, NULL);
	json_put_str(b, "type", "job");
	json_put_time(b, "timestamp", now);
	json_put_str(b, "jobId", run->job.id);
	json_put_int(b, "attempt", run->job.attempts);
	json_put_str(b, "jobType", run->job.type);
	json_put_str(b, "videoId", run->job.video_id);
	json_put_raw(b, "payload", run->job.payload);
	rc = put_input(run, b, in) | put_callback(run, b);
	json_put_time(b, "expiresAt", now + timeout_s * US_PER_S);
	json_close_object(b);
	return rc == 0 && buf_ok(b) ? 0 : -1;
}

/* What they refuse for good; all else may be bad luck. */
static bool
is_permanent(unsigned status)
{
	return status / 100 == 3 || (status / 100 == 4 && status != 408 &&
				     status != 425 && status != 429);
}

/* What the database does not take is not lost: the short lease ends it too. */
static void
note_told(const struct job_run *run, enum queue_error err)
{
	if (err != QUEUE_OK)
		log_warn("external", "job %s: its lease ends in %d s",
			 run->job.id, OFFER_S);
}

static void
refused(struct job_run *run, const char *error, bool permanent, int after_s)
{
	job_fail(run, permanent, error);
	note_told(run, queue_external_refused(run->host->queue, run->job.id,
					      run->job.attempts, error,
					      permanent, after_s));
}

/* The message, and what its answer makes of the run. */
static void
offer(struct job_run *run, struct slice url, struct slice message)
{
	const struct job_host *host = run->host;
	const struct queue_job *job = &run->job;
	struct webhook_answer answer;
	char id[80], error[80];

	snprintf(id, sizeof(id), "job_%s_%d", job->id, job->attempts);
	if (webhook_post(&host->webhooks->keys, url, id, message, &answer)) {
		note_told(run, queue_external_accepted(
				   host->queue, job->id, job->attempts,
				   (int)host->conf->external_timeout_s));
		return;
	}
	snprintf(error, sizeof(error), "external_%s", answer.error);
	refused(run, error, is_permanent(answer.status), answer.after_s);
}

int
job_external(struct job_run *run)
{
	const struct job_host *host = run->host;
	const struct queue_fence fence = { run->job.id, run->job.attempts,
					   run->worker };
	const struct endpoint *e =
	    endpoints_find(&host->webhooks->external, slice_str(run->job.type));
	struct queue_input input = { 0 };
	struct buf message = BUF_INIT;
	enum queue_error err;

	err = queue_job_hand_off(host->queue, &fence, OFFER_S, &run->arena,
				 &input);
	if (err == QUEUE_LOST)
		return job_fail(run, false, "cancelled");
	if (err != QUEUE_OK)
		return job_fail(run, false, "not_handed_off");
	if (put_message(run, &message, &input) == 0)
		offer(run, e->url, buf_slice(&message));
	else
		refused(run, "external_not_described", false, -1);
	buf_release(&message);
	return JOB_HANDED_OFF;
}
