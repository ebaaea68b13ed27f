/*
 * POST /api/videos/complete-upload: the report that an upload is there. What
 * was uploaded is said by the object's own record, never by the request.
 */
#include "gateway/api/names.h"
#include "gateway/api/upload.h"

/* The object as the store has it: false when answered. */
static bool
uploaded_object(struct api_call *c, const char *key, struct queue_object *out)
{
	switch (sighting_look(c->api->conf.sighting, key, &c->arena, out)) {
	case SIGHTING_OBJECT:
		return true;
	case SIGHTING_TOO_LARGE:
		upload_fail_too_large(c, 400,
				      c->api->conf.conf->max_upload_bytes);
		break;
	case SIGHTING_NO_VIDEO:
		api_fail(c, 400, "Only video files are allowed");
		break;
	case SIGHTING_ABSENT:
		api_fail(c, 409, "The file has not been uploaded yet");
		break;
	default:
		api_unavailable(c, "The object store is not available");
	}
	return false;
}

bool
upload_complete(struct api_call *c, const char *key, const char *file_name,
		const char *title, struct upload_result *out)
{
	enum queue_error err = QUEUE_CONFLICT;
	struct queue_object object;

	/* replaced between the look and the database: look again */
	for (int i = 0; i < SIGHTING_TRIES && err == QUEUE_CONFLICT; i++) {
		if (!uploaded_object(c, key, &object))
			return false;
		err = queue_complete_upload(
		    c->api->conf.queue, c->user, &object, file_name,
		    title && *title ? title : NULL, &c->arena, &out->video,
		    out->process_job, out->ai_job);
	}
	return api_queue_ok(c, err, UPLOAD_NOT_FOUND,
			    "The file has been replaced meanwhile");
}

void
upload_answer_completed(struct api_call *c, const struct upload_result *r)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "message",
		     "Upload completed, the video is being processed");
	json_open_object(&b, "video");
	api_put_video(c, &b, &r->video, false);
	json_close_object(&b);
	json_open_object(&b, "jobs");
	json_put_str(&b, "processing", r->process_job);
	json_put_str(&b, "ai_analysis", r->ai_job);
	json_close_object(&b);
	json_close_object(&b);
	api_answer(c, 201, &b);
}

bool
upload_text_fits(struct api_call *c, const char *file_name, const char *title)
{
	if ((!file_name || strlen(file_name) <= API_FILE_NAME_MAX) &&
	    (!title || strlen(title) <= API_FILE_NAME_MAX))
		return true;
	api_fail(c, 400, "fileName or title is too long");
	return false;
}

/* The caller's own intent for the key: false when answered. */
static bool
own_intent(struct api_call *c, const char *key)
{
	struct queue_intent intent;

	return api_queue_ok(c,
			    queue_intent_get(c->api->conf.queue, c->user,
					     c->api->conf.conf->aws_s3_bucket,
					     key, &c->arena, &intent),
			    UPLOAD_NOT_FOUND, NULL);
}

void
api_complete_upload(struct api_call *c)
{
	const char *key = json_str(c->in, "key");
	const char *file_name = json_str(c->in, "fileName");
	const char *title;
	struct upload_result result;

	if (!key || !*key || !file_name || !*file_name) {
		api_fail(c, 400, "Missing required fields: key, fileName");
		return;
	}
	if (api_optional_text(c, "title", &title) &&
	    upload_text_fits(c, file_name, title) && own_intent(c, key) &&
	    upload_complete(c, key, file_name, title, &result))
		upload_answer_completed(c, &result);
}
