/*
 * Clips: pieces of a user's videos, cut by a generate_clips job.
 */
#include "gateway/api/call.h"

#include <math.h>

#define TEXT_MAX 1024

static void
put_clip(struct api_call *c, struct buf *b, const struct queue_clip *clip)
{
	const char *bucket = c->api->conf.conf->aws_s3_bucket;

	json_put_str(b, "id", clip->id);
	json_put_str(b, "video_id", clip->video_id);
	json_put_str(b, "title", clip->title);
	json_put_str(b, "description", clip->description);
	json_put_num(b, "start_time", clip->start_time);
	json_put_num(b, "end_time", clip->end_time);
	json_put_num(b, "duration", clip->end_time - clip->start_time);
	json_put_num(b, "score", clip->score >= 0 ? clip->score : NAN);
	json_put_str(b, "status", clip->status);
	api_put_url(c, b, "url", bucket, clip->s3_key);
	api_put_url(c, b, "thumbnail_url", bucket, clip->thumbnail_key);
	json_put_str(b, "error", clip->error);
	json_put_str(b, "mode", clip->mode);
	json_put_str(b, "aspect", clip->aspect);
	json_put_str(b, "note", clip->note);
	json_put_time(b, "created_at", clip->created_us);
}

static void
answer_clip(struct api_call *c, unsigned status, const struct queue_clip *clip)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_open_object(&b, "clip");
	put_clip(c, &b, clip);
	json_close_object(&b);
	json_close_object(&b);
	api_answer(c, status, &b);
}

void
api_clip_list(struct api_call *c)
{
	const char *video = api_query(c, "videoId");
	struct buf b = BUF_INIT;
	struct queue_clip *clips = NULL;
	struct api_page page;
	uint64_t total = 0;
	size_t n = 0;

	if (!api_page(c, &page))
		return;
	if (video && !(video = api_uuid(c, video))) {
		api_fail(c, 400, "videoId must be a UUID");
		return;
	}
	if (!api_queue_ok(c,
			  queue_clip_list(c->api->conf.queue, c->user, video,
					  page.offset, page.limit, &c->arena,
					  &clips, &n, &total),
			  NULL, NULL))
		return;
	json_open_object(&b, NULL);
	json_open_array(&b, "clips");
	for (size_t i = 0; i < n; i++) {
		json_open_object(&b, NULL);
		put_clip(c, &b, &clips[i]);
		json_close_object(&b);
	}
	json_close_array(&b);
	api_put_pagination(&b, &page, total);
	json_close_object(&b);
	api_answer(c, 200, &b);
}

void
api_clip_status(struct api_call *c)
{
	const char *text = api_query(c, "clipId"), *id = api_uuid(c, text);
	enum queue_error err = QUEUE_NOT_FOUND;
	struct queue_clip clip;
	struct buf b = BUF_INIT;

	if (!text || !*text) {
		api_fail(c, 400, "Clip ID is required");
		return;
	}
	if (id)
		err = queue_clip_get(c->api->conf.queue, c->user, id, &c->arena,
				     &clip);
	if (!api_queue_ok(c, err, "Clip not found or access denied", NULL))
		return;
	json_open_object(&b, NULL);
	put_clip(c, &b, &clip);
	json_close_object(&b);
	if (strcmp(clip.status, "ready") && strcmp(clip.status, "failed"))
		http_set_headerf(c->http, "Retry-After", "%d", API_POLL_S);
	api_answer_cached(c, &b);
}

/* ---- how it is made ------------------------------------------------------ */

/* A word of the list, NULL when the member is absent. */
static bool
read_word(const cJSON *in, const char *name, const char *const *words,
	  const char **out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);
	const char *word = cJSON_GetStringValue(item);

	*out = word;
	if (!item)
		return true;
	for (; word && *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

const char *
api_clip_how(const cJSON *in, struct queue_clip *clip)
{
	static const char *const modes[] = { "exact", "copy", NULL };
	static const char *const aspects[] = { "original", "9:16", "1:1",
					       NULL };

	if (!read_word(in, "mode", modes, &clip->mode))
		return "mode must be exact or copy";
	if (!read_word(in, "aspect", aspects, &clip->aspect))
		return "aspect must be original, 9:16 or 1:1";
	if (clip->mode && !strcmp(clip->mode, "copy") && clip->aspect &&
	    strcmp(clip->aspect, "original") != 0)
		return "A copied clip keeps its aspect";
	return NULL;
}

/* ---- one clip by hand --------------------------------------------------- */

/* The bounds against each other; what the video allows comes later. */
static const char *
clip_problem(struct api_call *c, struct queue_clip *clip)
{
	if (!json_str(c->in, "video_id") ||
	    !json_num(c->in, "start_time", &clip->start_time) ||
	    !json_num(c->in, "end_time", &clip->end_time))
		return "Missing required fields: video_id, start_time, "
		       "end_time";
	if (clip->start_time < 0 || clip->end_time <= clip->start_time)
		return "end_time must be greater than start_time, and "
		       "start_time not negative";
	if ((clip->title && strlen(clip->title) > TEXT_MAX) ||
	    (clip->description && strlen(clip->description) > TEXT_MAX))
		return "title or description is too long";
	return api_clip_how(c->in, clip);
}

bool
api_clip_source(struct api_call *c, const char *video_id,
		struct queue_video *out)
{
	const char *id = api_uuid(c, video_id);
	enum queue_error err = QUEUE_NOT_FOUND;

	if (id)
		err = queue_video_get(c->api->conf.queue, c->user, id,
				      &c->arena, out);
	if (!api_queue_ok(c, err, "Video not found or access denied", NULL))
		return false;
	if (!strcmp(out->status, "completed") && out->duration > 0)
		return true;
	api_fail(c, 409, API_VIDEO_NOT_READY);
	return false;
}

void
api_clip_create(struct api_call *c)
{
	struct queue_clip clip = { .score = -1 };
	const char *problem;
	struct queue *q = c->api->conf.queue;
	struct queue_video video;
	char job[UUID_TEXT_MAX];

	if (!api_optional_text(c, "title", &clip.title) ||
	    !api_optional_text(c, "description", &clip.description))
		return;
	problem = clip_problem(c, &clip);
	if (problem) {
		api_fail(c, 400, problem);
		return;
	}
	if (!api_clip_source(c, json_str(c->in, "video_id"), &video))
		return;
	if (clip.end_time > video.duration) {
		struct slice text = arena_printf(
		    &c->arena,
		    "end_time is beyond the video's duration of %.3f s",
		    video.duration);

		api_fail(c, 400, text.p);
		return;
	}
	if (!api_queue_ok(c,
			  queue_clips_create(q, c->user, video.id, &clip, 1,
					     &c->arena, job),
			  "Video not found or access denied",
			  API_VIDEO_NOT_READY) ||
	    !api_queue_ok(c,
			  queue_clip_get(q, c->user, clip.id, &c->arena, &clip),
			  "Clip not found or access denied", NULL))
		return;
	answer_clip(c, 201, &clip);
}
