/*
 * webhook_deliver: one message to one endpoint. A job that names none is for
 * all: with several there is a job of its own for each, so that one that is
 * away holds up no other. What fails is tried again by the schedule of
 * deliveries (queue_webhook_retry), not by that of jobs.
 *
 * Payload: {"message": the body, "endpoint": a name of WEBHOOK_URL}, or
 * {"message": .., "external": a type of REELGATE_EXTERNAL_JOBS}.
 */
#include "base/json_write.h"
#include "processor/webhook.h"
#include "queue/webhooks.h"

#define GONE 410

/* MinIO's word for an endpoint without a name. */
static bool
names_one(const char *endpoint)
{
	return endpoint && strcmp(endpoint, "_") != 0;
}

/* A job for each endpoint, found again by its key when this is repeated. */
static int
fan_out(struct job_run *run, const char *message)
{
	const struct endpoints *told = &run->host->webhooks->told;
	struct queue_new_job jobs[ENDPOINTS_MAX] = { 0 };

	for (size_t i = 0; i < told->n; i++) {
		struct slice name = told->v[i].name;

		jobs[i].type = run->job.type;
		jobs[i].priority = run->job.priority;
		jobs[i].payload =
		    arena_printf(&run->arena,
				 "{\"endpoint\":\"%.*s\",\"message\":%s}",
				 SLICE_ARG(name), message)
			.p;
		jobs[i].dedupe_key =
		    arena_printf(&run->arena, "%s:%s:%.*s", run->job.type,
				 run->job.id, SLICE_ARG(name))
			.p;
	}
	if (run->arena.err ||
	    queue_jobs_add(run->host->queue, jobs, told->n) != QUEUE_OK)
		return job_fail(run, false, "webhook_not_queued");
	run->outcome.result =
	    arena_printf(&run->arena, "{\"endpoints\":%zu}", told->n).p;
	return 0;
}

static int
failed(struct job_run *run, const struct webhook_answer *answer)
{
	const struct queue_fence fence = { run->job.id, run->job.attempts,
					   run->worker };
	bool gone = answer->status == GONE;
	char error[80];
	int rc;

	snprintf(error, sizeof(error), "webhook_%s", answer->error);
	rc = job_fail(run, gone, error);
	if (!gone && queue_webhook_retry(run->host->queue, &fence, error,
					 answer->after_s) == QUEUE_OK)
		rc = JOB_HANDED_OFF;
	return rc;
}

static int
deliver(struct job_run *run, const struct webhook_keys *keys, struct slice url,
	const char *message, bool once)
{
	struct webhook_answer answer;
	const char *id = arena_printf(&run->arena, "msg_%s", run->job.id).p;

	if (!id)
		return job_fail(run, false, "out_of_memory");
	if (!webhook_post(keys, url, id, slice_str(message), &answer))
		return once ? job_fail(run, false, answer.error)
			    : failed(run, &answer);
	run->outcome.result =
	    arena_printf(&run->arena, "{\"status\":%u}", answer.status).p;
	return 0;
}

static int
deliver_told(struct job_run *run, const char *endpoint, const char *message)
{
	const struct webhooks *w = run->host->webhooks;
	const struct endpoint *e = &w->told.v[0];

	if (endpoint)
		e = endpoints_find(&w->told, slice_str(endpoint));
	else if (w->told.n > 1)
		return fan_out(run, message);
	if (!e || w->told.n == 0)
		return job_fail(run, true, "webhook_endpoint_unknown");
	return deliver(run, &w->told_keys, e->url, message, false);
}

int
job_webhook_deliver(struct job_run *run)
{
	const struct webhooks *w = run->host->webhooks;
	cJSON *payload = json_parse(slice_str(run->job.payload));
	const cJSON *body =
	    cJSON_GetObjectItemCaseSensitive(payload, "message");
	const char *message = job_json(run, body);
	const char *external = json_str(payload, "external");
	const char *endpoint = json_str(payload, "endpoint");
	const struct endpoint *e;
	int rc;

	if (!message) {
		rc = job_fail(run, true, "webhook_payload");
	} else if (external) {
		e = endpoints_find(&w->external, slice_str(external));
		rc = e ? deliver(run, &w->keys, e->url, message, true)
		       : job_fail(run, true, "webhook_endpoint_unknown");
	} else {
		rc = deliver_told(run, names_one(endpoint) ? endpoint : NULL,
				  message);
	}
	cJSON_Delete(payload);
	return rc;
}
