/*
 * POST /api/webhooks/video-processing: what somebody else says of a job that
 * was handed to them (Standard Webhooks, auth/webhook.h; docs/webhooks.md).
 * Nothing of the body is looked at before its signature was; what it says is
 * checked like a media worker's result, and takes effect under the fence of
 * the run that was handed off.
 */
#include "auth/webhook.h"
#include "base/timeval.h"
#include "gateway/api/call.h"
#include "queue/analysis.h"
#include "queue/webhooks.h"

#define KEY_MAX 1024

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

/* False when answered. */
static bool
right(struct api_call *c, bool ok, const char *what)
{
	if (!ok)
		api_fail(c, 400, arena_printf(&c->arena, "Invalid %s", what).p);
	return ok;
}

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
		return right(c, false, "attempt");
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

	if (!right(c, json_row_ok(c->in, members, ARRAY_LEN(members), false),
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
	return right(c, out->job, "jobId") &&
	       right(c, !video || out->video, "videoId") &&
	       right(c, is_status(out->status), "status") &&
	       read_attempt(c, &out->attempt);
}

/*
 * A thumbnail of somebody else's is not ours to show: only the key of an
 * object below derived/ of this video counts. False when answered.
 */
static bool
read_thumbnail(struct api_call *c, const char *job, const cJSON *result,
	       const char **key)
{
	const char *text = json_str(result, "thumbnail_url");
	struct store_object object;
	struct queue_job row;
	enum s3_error err;
	const char *prefix;

	*key = NULL;
	if (!text || strlen(text) > KEY_MAX ||
	    !slice_starts(slice_str(text), SLICE("derived/")))
		return true;
	if (!api_queue_ok(
		c, queue_job_get(c->api->conf.queue, job, &c->arena, &row),
		"No such job", NULL))
		return false;
	prefix = arena_printf(&c->arena, "derived/%s/",
			      row.video_id ? row.video_id : "")
		     .p;
	if (!row.bucket || !prefix ||
	    !slice_starts(slice_str(text), slice_str(prefix)))
		return true;
	err = store_get(c->api->conf.store,
			&STORE_REF(slice_str(row.bucket), slice_str(text)),
			NULL, &c->arena, &object, NULL);
	if (err == S3_OK)
		*key = text;
	else if (err != S3_ERR_NO_SUCH_KEY && err != S3_ERR_NO_SUCH_BUCKET)
		api_unavailable(c, "The object store is not available");
	return !http_answered(c->http);
}

/* A member's JSON in the arena, NULL when absent or null. */
static const char *
member_json(struct api_call *c, const cJSON *from, const char *name)
{
	const cJSON *item = name ? json_member(from, name) : from;
	char *text = item && !cJSON_IsNull(item) ? json_text(item) : NULL;
	const char *copy = text ? arena_cstr(&c->arena, slice_str(text)) : NULL;

	if (item && !cJSON_IsNull(item) && !text)
		c->arena.err = true;
	cJSON_free(text);
	return copy;
}

/* False when answered. */
static bool
read_result(struct api_call *c, const char *job, struct queue_outcome *out)
{
	/* clang-format off */
	static const struct json_member members[] = {
		{ "duration", JSON_NUMBER, false, 0, 1e9 },
		{ "width", JSON_INTEGER, false, 1, 65536 },
		{ "height", JSON_INTEGER, false, 1, 65536 },
	};
	static const struct {
		const char *name;
		bool (*ok)(const cJSON *item);
	} documents[] = {
		{ "ai_suggestions", analysis_suggestions_ok },
		{ "segments", analysis_segments_ok },
		{ "hooks", analysis_hooks_ok },
	};
	/* clang-format on */
	const cJSON *result = json_member(c->in, "result");
	int64_t v;

	*out = (struct queue_outcome){ .duration = -1 };
	if (!cJSON_IsObject(result))
		return true;
	if (!right(c, json_row_ok(result, members, ARRAY_LEN(members), false),
		   "result"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		const cJSON *item = json_member(result, documents[i].name);

		if (item && !cJSON_IsNull(item) &&
		    !right(c, documents[i].ok(item), documents[i].name))
			return false;
	}
	if (!json_num(result, "duration", &out->duration))
		out->duration = -1;
	out->width = json_int(result, "width", &v) ? (int)v : 0;
	out->height = json_int(result, "height", &v) ? (int)v : 0;
	out->ai_suggestions = member_json(c, result, "ai_suggestions");
	out->segments = member_json(c, result, "segments");
	out->hooks = member_json(c, result, "hooks");
	out->result = member_json(c, result, NULL);
	return read_thumbnail(c, job, result, &out->thumbnail_key);
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
		if (!read_result(c, message.job, &outcome))
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
