/*
 * Uploads: a URL signed for exactly one object, and the report that it is
 * there. The intent row is what ties a key to its user; the object's own
 * record, never the request, says what was uploaded.
 */
#include "gateway/api/call.h"
#include "base/encode.h"
#include "base/timeval.h"
#include "gateway/api/names.h"

#include <inttypes.h>

#define URL_EXPIRES_S 3600
/* A PUT may begin in the URL's last second and take its time. */
#define INTENT_EXPIRES_S 86400
#define MIB ((uint64_t)1 << 20)

static void
fail_too_large(struct api_call *c)
{
	uint64_t max = c->api->conf.conf->max_upload_bytes;
	struct slice text =
	    max % MIB == 0
		? arena_printf(&c->arena,
			       "File size exceeds %" PRIu64 "MB limit",
			       max / MIB)
		: arena_printf(&c->arena,
			       "File size exceeds %" PRIu64 " bytes limit",
			       max);

	api_fail(c, 400, text.p);
}

/* ---- upload-url --------------------------------------------------------- */

struct upload {
	const char *file_name;
	const char *type;
	uint64_t size; /* 0: not stated */
	const char *key;
	int64_t now_us;
	char id[UUID_TEXT_MAX];
};

/* false when answered. */
static bool
read_size(struct api_call *c, uint64_t *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->in, "fileSize");
	int64_t v = 0;

	*out = 0;
	if (!item || cJSON_IsNull(item))
		return true;
	if (!json_int(c->in, "fileSize", &v) || v < 0) {
		api_fail(c, 400, "fileSize must be a number of bytes");
		return false;
	}
	*out = (uint64_t)v;
	if (*out <= c->api->conf.conf->max_upload_bytes)
		return true;
	fail_too_large(c);
	return false;
}

static bool
read_upload(struct api_call *c, struct upload *u)
{
	struct buf key = BUF_INIT;

	*u = (struct upload){ .file_name = json_str(c->in, "fileName"),
			      .type = json_str(c->in, "fileType"),
			      .now_us = time_now_us() };
	if (!u->file_name || !*u->file_name || !u->type || !*u->type) {
		api_fail(c, 400, "Missing required fields: fileName, fileType");
		return false;
	}
	if (!api_video_type(slice_str(u->type))) {
		api_fail(c, 400, "Only video files are allowed");
		return false;
	}
	if (strlen(u->file_name) > API_FILE_NAME_MAX) {
		api_fail(c, 400, "fileName is too long");
		return false;
	}
	if (!read_size(c, &u->size))
		return false;
	api_upload_key(&key, c->user, u->now_us, slice_str(u->file_name));
	c->arena.err |= key.err;
	u->key = arena_cstr(&c->arena, buf_slice(&key));
	buf_release(&key);
	if (u->key)
		return true;
	api_fail(c, 500, "Internal error");
	return false;
}

static bool
create_intent(struct api_call *c, struct upload *u)
{
	const struct queue_intent intent = {
		.bucket = c->api->conf.conf->aws_s3_bucket,
		.key = u->key,
		.file_name = u->file_name,
		.content_type = u->type,
		.size = u->size,
		.expires_us = u->now_us + INTENT_EXPIRES_S * US_PER_S
	};

	return api_queue_ok(
	    c, queue_intent_create(c->api->conf.queue, c->user, &intent, u->id),
	    NULL, NULL);
}

/* The metadata travels in the query (signed); the type and, where stated, the
 * length must be sent as signed. */
static void
sign(struct api_call *c, const struct upload *u, const char *upload_time,
     struct buf *url)
{
	struct buf query = BUF_INIT;
	char length[24];
	struct auth_header headers[] = {
		{ SLICE("content-type"), slice_str(u->type) },
		{ SLICE("content-length"), SLICE_EMPTY },
	};
	struct api_presign put = { .method = "PUT",
				   .bucket = c->api->conf.conf->aws_s3_bucket,
				   .key = u->key,
				   .headers = headers,
				   .n_headers = 1,
				   .expires_s = URL_EXPIRES_S,
				   .now_us = u->now_us };

	if (u->size > 0) {
		snprintf(length, sizeof(length), "%" PRIu64, u->size);
		headers[1].value = slice_str(length);
		put.n_headers = 2;
	}
	buf_puts(&query, "x-amz-meta-upload-time=");
	uri_encode(&query, slice_str(upload_time), false);
	buf_printf(&query, "&x-amz-meta-user-id=%s", c->user);
	put.query = buf_slice(&query);
	api_presign(c, &put, url);
	url->err |= query.err;
	buf_release(&query);
}

void
api_upload_url(struct api_call *c)
{
	struct buf b = BUF_INIT, url = BUF_INIT;
	char upload_time[TIME_TEXT_MAX];
	struct upload u;

	if (!read_upload(c, &u) || !create_intent(c, &u))
		return;
	time_format_iso(u.now_us, upload_time);
	sign(c, &u, upload_time, &url);
	json_open_object(&b, NULL);
	json_put_slice(&b, "uploadUrl", buf_slice(&url));
	json_put_str(&b, "key", u.key);
	json_put_str(&b, "bucket", c->api->conf.conf->aws_s3_bucket);
	json_open_object(&b, "fields");
	json_put_str(&b, "Content-Type", u.type);
	json_put_str(&b, "x-amz-meta-user-id", c->user);
	json_put_str(&b, "x-amz-meta-upload-time", upload_time);
	json_close_object(&b);
	json_put_str(&b, "method", "PUT");
	json_open_object(&b, "headers");
	json_put_str(&b, "Content-Type", u.type);
	json_close_object(&b);
	json_put_time(&b, "expiresAt",
		      (u.now_us / US_PER_S + URL_EXPIRES_S) * US_PER_S);
	json_put_str(&b, "uploadId", u.id);
	json_close_object(&b);
	b.err |= url.err;
	buf_release(&url);
	api_answer(c, 200, &b);
}

/* ---- complete-upload ---------------------------------------------------- */

/* The caller's own intent for the key: false when answered. */
static bool
own_intent(struct api_call *c, const char *key, struct queue_intent *out)
{
	return api_queue_ok(c,
			    queue_intent_get(c->api->conf.queue, c->user,
					     c->api->conf.conf->aws_s3_bucket,
					     key, &c->arena, out),
			    "Upload not found or access denied", NULL);
}

/* The object as the store has it: false when answered. */
static bool
uploaded_object(struct api_call *c, const char *key, struct store_object *out)
{
	struct slice bucket = slice_str(c->api->conf.conf->aws_s3_bucket);
	enum s3_error err =
	    store_get(c->api->conf.store, &STORE_REF(bucket, slice_str(key)),
		      NULL, &c->arena, out, NULL);

	if (err == S3_OK && out->size > c->api->conf.conf->max_upload_bytes)
		fail_too_large(c);
	else if (err == S3_OK && !api_video_type(store_headers_get(
				     &out->headers, "content-type")))
		api_fail(c, 400, "Only video files are allowed");
	else if (err == S3_OK)
		return true;
	else if (err == S3_ERR_NO_SUCH_KEY || err == S3_ERR_NO_SUCH_BUCKET)
		api_fail(c, 409, "The file has not been uploaded yet");
	else
		api_unavailable(c, "The object store is not available");
	return false;
}

static void
answer_completed(struct api_call *c, const struct queue_video *v,
		 const char *process_job, const char *ai_job)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "message",
		     "Upload completed, the video is being processed");
	json_open_object(&b, "video");
	api_put_video(c, &b, v, false);
	json_close_object(&b);
	json_open_object(&b, "jobs");
	json_put_str(&b, "processing", process_job);
	json_put_str(&b, "ai_analysis", ai_job);
	json_close_object(&b);
	json_close_object(&b);
	api_answer(c, 201, &b);
}

void
api_complete_upload(struct api_call *c)
{
	const char *key = json_str(c->in, "key");
	const char *file_name = json_str(c->in, "fileName");
	const char *title = json_str(c->in, "title");
	char process_job[UUID_TEXT_MAX], ai_job[UUID_TEXT_MAX];
	struct queue_object object;
	struct queue_intent intent;
	struct store_object stored;
	struct queue_video video;

	if (!key || !*key || !file_name || !*file_name) {
		api_fail(c, 400, "Missing required fields: key, fileName");
		return;
	}
	if (strlen(file_name) > API_FILE_NAME_MAX ||
	    (title && strlen(title) > API_FILE_NAME_MAX)) {
		api_fail(c, 400, "fileName or title is too long");
		return;
	}
	if (!own_intent(c, key, &intent) || !uploaded_object(c, key, &stored))
		return;
	object = (struct queue_object){
		.deployment = c->api->deployment_id,
		.epoch = stored.epoch,
		.seq = stored.seq,
		.version_id = stored.version_id,
		.bucket = c->api->conf.conf->aws_s3_bucket,
		.key = key,
		.size = stored.size,
		.content_type =
		    arena_cstr(&c->arena, store_headers_get(&stored.headers,
							    "content-type")),
		.etag = stored.etag
	};
	if (api_queue_ok(
		c,
		queue_complete_upload(c->api->conf.queue, c->user, &object,
				      file_name, title && *title ? title : NULL,
				      &c->arena, &video, process_job, ai_job),
		"Upload not found or access denied",
		"The file has been replaced meanwhile"))
		answer_completed(c, &video, process_job, ai_job);
}
