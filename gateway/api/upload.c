/*
 * The beginning of every upload: what was announced is checked, the upload
 * gets a key that is the user's alone, and an intent ties the two, so that the
 * object's event finds its owner and name even if nobody comes back.
 */
#include "gateway/api/upload.h"
#include "gateway/api/names.h"

#include <inttypes.h>

#define RETRY_USER_S 30
#define MIB ((uint64_t)1 << 20)

void
upload_fail_too_large(struct api_call *c, unsigned status, uint64_t max)
{
	struct slice text =
	    max % MIB == 0
		? arena_printf(&c->arena,
			       "File size exceeds %" PRIu64 "MB limit",
			       max / MIB)
		: arena_printf(&c->arena,
			       "File size exceeds %" PRIu64 " bytes limit",
			       max);

	api_fail(c, status, text.p);
}

/* false when answered. */
static bool
read_size(struct api_call *c, uint64_t *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->in, "fileSize");
	uint64_t max = c->api->conf.conf->max_upload_bytes;
	int64_t v = 0;

	*out = 0;
	if (!item || cJSON_IsNull(item))
		return true;
	if (!json_int(c->in, "fileSize", &v) || v < 0) {
		api_fail(c, 400, "fileSize must be a number of bytes");
		return false;
	}
	*out = (uint64_t)v;
	if (*out <= max)
		return true;
	upload_fail_too_large(c, 400, max);
	return false;
}

bool
upload_read(struct api_call *c, struct upload *u)
{
	*u = (struct upload){ .file_name = json_str(c->in, "fileName"),
			      .type = json_str(c->in, "fileType") };
	if (!u->file_name || !*u->file_name || !u->type || !*u->type) {
		api_fail(c, 400, "Missing required fields: fileName, fileType");
		return false;
	}
	return upload_start(c, u) && read_size(c, &u->size);
}

bool
upload_start(struct api_call *c, struct upload *u)
{
	struct buf key = BUF_INIT;

	if (!api_video_type(slice_str(u->type))) {
		api_fail(c, 400, "Only video files are allowed");
		return false;
	}
	if (strlen(u->file_name) > API_FILE_NAME_MAX) {
		api_fail(c, 400, "fileName is too long");
		return false;
	}
	u->now_us = time_now_us();
	time_format_iso(u->now_us, u->time);
	api_upload_key(&key, c->user, u->now_us, slice_str(u->file_name));
	c->arena.err |= key.err;
	u->key = arena_cstr(&c->arena, buf_slice(&key));
	buf_release(&key);
	if (u->key)
		return true;
	api_fail(c, 500, "Internal error");
	return false;
}

/* What is not stated may be as much as is allowed. */
static uint64_t
bytes_of(const struct api_call *c, const struct upload *u)
{
	if (u->size)
		return u->size;
	return u->bound ? u->bound : c->api->conf.conf->max_upload_bytes;
}

bool
upload_admit(struct api_call *c, const struct upload *u)
{
	return limits_admit(c, bytes_of(c, u));
}

void
upload_dismiss(struct api_call *c, const struct upload *u)
{
	limits_settle(c, bytes_of(c, u), false);
}

bool
upload_announce(struct api_call *c, struct upload *u,
		const struct upload_parts *parts, int64_t life_s)
{
	const struct conf *conf = c->api->conf.conf;
	const struct queue_intent intent = {
		.bucket = conf->aws_s3_bucket,
		.key = u->key,
		.file_name = u->file_name,
		.content_type = u->type,
		.size = u->size,
		.reserved = bytes_of(c, u),
		.expires_us = u->now_us + life_s * US_PER_S,
		.upload_id = parts ? parts->id : NULL,
		.part_size = parts ? parts->part_size : 0,
	};
	enum queue_error err =
	    queue_intent_create(c->api->conf.queue, c->user, &intent,
				conf->user_inflight_bytes, u->id);

	limits_settle(c, intent.reserved, err == QUEUE_OK);
	if (err == QUEUE_LIMIT) {
		api_fail_for(c, 429, RETRY_USER_S,
			     "Too many bytes in your unfinished uploads");
		return false;
	}
	return api_queue_ok(c, err, NULL, NULL);
}
