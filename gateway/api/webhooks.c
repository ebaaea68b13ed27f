/*
 * POST /api/webhooks/video-processing: what somebody else says of a job that
 * was handed to them (Standard Webhooks, auth/webhook.h; docs/webhooks.md).
 * Nothing of the body is looked at before its signature was; what it says is
 * checked like a media worker's result, and takes effect under the fence of
 * the run that was handed off.
 */
#include "auth/webhook.h"
#include "base/json_shape.h"
#include "base/timeval.h"
#include "gateway/api/call.h"
#include "gateway/api/webhook_result.h"
#include "queue/webhooks.h"

/* ---- whose message is it ------------------------------------------------ */

int
api_webhook_keys(struct api *api, char err[512])
{
	const char *why;

	if (webhook_keys_parse(slice_str(api->conf.conf->webhook_secret),
			       &api->webhook_keys, &why) == 0)
		return 0;
	snprintf(err, 512, "WEBHOOK_SECRET: %s", why);
	return -1;
}

bool
api_webhook_proven(struct api_call *c)
{
	const struct conf *conf = c->api->conf.conf;
	const struct webhook_head head = {
		.id = http_header_get(c->http, "webhook-id"),
		.timestamp = http_header_get(c->http, "webhook-timestamp"),
		.signature = http_header_get(c->http, "webhook-signature"),
	};
	const char *why;

	if (conf->webhook_raw_secret && !head.signature.p &&
	    webhook_secret_is(slice_str(conf->webhook_secret),
			      http_header_get(c->http, "x-webhook-signature")))
		return true;
	if (webhook_verify(&c->api->webhook_keys, &head, buf_slice(&c->body),
			   time_now_us(), &why) == 0) {
		c->webhook_id = arena_cstr(&c->arena, head.id);
		return true;
	}
	api_unauthorized(c,
			 arena_printf(&c->arena, "Invalid webhook: %s", why).p);
	return false;
}

/* ---- what it says ------------------------------------------------------- */

/* In the message, or in the URL that was given for the answer. */
static bool
read_attempt(struct api_call *c, int *out)
{
	const char *query = api_query(c, "attempt");
	int64_t v;
	uint64_t u;

	if (json_int(c->in, "attempt", &v))
		*out = (int)v;
	else if (query && slice_u64(slice_str(query), &u) == 0 && u > 0 &&
		 u <= INT32_MAX)
		*out = (int)u;
	else
		return webhook_right(c, false, "attempt");
	return true;
}

static bool
is_status(const char *s)
{
	return !strcmp(s, "processing") || !strcmp(s, "completed") ||
	       !strcmp(s, "failed");
}

static bool
read_message(struct api_call *c, struct queue_callback *out)
{
	/* clang-format off */
	static const struct json_member members[] = {
		{ "jobId", JSON_TEXT, true, 0, 0 },
		{ "videoId", JSON_TEXT, false, 0, 0 },
		{ "attempt", JSON_INTEGER, false, 1, INT32_MAX },
		{ "status", JSON_TEXT, true, 0, 0 },
		{ "progress", JSON_NUMBER, false, 0, 100 },
		{ "error", JSON_TEXT, false, 0, 0 },
		{ "permanent", JSON_BOOLEAN, false, 0, 0 },
		{ "result", JSON_OBJECT, false, 0, 0 },
	};
	/* clang-format on */
	const char *video = json_str(c->in, "videoId");
	const char *error = json_str(c->in, "error");
	double percent = -1;

	if (!webhook_right(
		c, json_row_ok(c->in, members, ARRAY_LEN(members), false),
		"message"))
		return false;
	json_num(c->in, "progress", &percent);
	*out = (struct queue_callback){
		.webhook = c->webhook_id,
		.job = api_uuid(c, json_str(c->in, "jobId")),
		.video = video ? api_uuid(c, video) : NULL,
		.status = json_str(c->in, "status"),
		.percent = (int)percent,
		.lease_s = (int)c->api->conf.conf->external_timeout_s,
		.error = error && *error ? error : "external_failure",
		.permanent = json_bool(c->in, "permanent", false),
	};
	return webhook_right(c, out->job, "jobId") &&
	       webhook_right(c, !video || out->video, "videoId") &&
	       webhook_right(c, is_status(out->status), "status") &&
	       read_attempt(c, &out->attempt);
}

/* ---- its effect --------------------------------------------------------- */

void
api_webhook_video(struct api_call *c)
{
	struct queue_callback message;
	struct queue_outcome outcome;
	enum queue_callback_end end;
	struct buf b = BUF_INIT;

	if (!read_message(c, &message))
		return;
	if (!strcmp(message.status, "completed")) {
		if (!webhook_result_read(c, message.job, &outcome))
			return;
		message.outcome = &outcome;
	}
	if (c->arena.err) {
		api_fail(c, 500, "Internal error");
		return;
	}
	if (!api_queue_ok(
		c, queue_webhook_callback(c->api->conf.queue, &message, &end),
		"No such job", NULL))
		return;
	if (end == QUEUE_CALLBACK_REPLAYED) {
		api_unauthorized(c, "Invalid webhook: replayed");
		return;
	}
	json_open_object(&b, NULL);
	json_put_bool(&b, "received", true);
	json_put_bool(&b, "ignored", end == QUEUE_CALLBACK_IGNORED);
	json_close_object(&b);
	api_answer(c, 200, &b);
}
