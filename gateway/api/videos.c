/*
 * A user's videos: one, its status, all of them. Row level security decides
 * whose they are, so another user's id is simply not found.
 */
#include "gateway/api/call.h"

static void
put_positive(struct buf *b, const char *name, int v)
{
	if (v > 0)
		json_put_int(b, name, v);
	else
		json_put_null(b, name);
}

static void
put_measures(struct api_call *c, struct buf *b, const struct queue_video *v)
{
	if (v->duration >= 0)
		json_put_num(b, "duration", v->duration);
	else
		json_put_null(b, "duration");
	put_positive(b, "width", v->width);
	put_positive(b, "height", v->height);
	api_put_url(c, b, "thumbnail_url", v->bucket, v->thumbnail_key);
}

void
api_put_video(struct api_call *c, struct buf *b, const struct queue_video *v,
	      bool full)
{
	json_put_str(b, "id", v->id);
	json_put_str(b, "title", v->title);
	json_put_str(b, "filename", v->filename);
	json_put_str(b, "status", v->status);
	json_put_int(b, "progress", v->progress);
	json_put_u64(b, "file_size", v->file_size);
	json_put_time(b, "created_at", v->created_us);
	api_put_url(c, b, "url", v->bucket, v->s3_key);
	json_put_str(b, "storage_path", v->s3_key);
	if (!full)
		return;
	json_put_time(b, "updated_at", v->updated_us);
	json_put_str(b, "content_type", v->content_type);
	put_measures(c, b, v);
	json_put_raw(b, "metadata", v->probe);
	json_put_raw(b, "ai_suggestions", v->ai_suggestions);
	json_put_str(b, "error", v->error);
}

/* ---- status -------------------------------------------------------------- */

/* The id as the client gave it, in *id NULL where it can be nobody's; false
 * when answered. */
static bool
read_id(struct api_call *c, const char *text, const char **id)
{
	*id = api_uuid(c, text);
	if (text && *text)
		return true;
	api_fail(c, 400, "Video ID is required");
	return false;
}

bool
api_read_status(struct api_call *c, const char *text, struct queue_video *out)
{
	enum queue_error err = QUEUE_NOT_FOUND;
	const char *id;

	if (!read_id(c, text, &id))
		return false;
	if (id)
		err = live_video(c->api->live, c->user, id, &c->arena, out);
	return api_queue_ok(c, err, API_VIDEO_NOT_FOUND, NULL);
}

void
api_put_status(struct api_call *c, struct buf *b, const struct queue_video *v)
{
	json_open_object(b, NULL);
	json_put_str(b, "id", v->id);
	json_put_str(b, "status", v->status);
	json_put_int(b, "progress", v->progress);
	put_measures(c, b, v);
	json_put_raw(b, "ai_suggestions", v->ai_suggestions);
	json_put_str(b, "error", v->error);
	json_close_object(b);
}

bool
api_is_final(const struct queue_video *v)
{
	return !strcmp(v->status, "completed") || !strcmp(v->status, "failed");
}

static void
answer_status(struct api_call *c, const char *id)
{
	struct buf b = BUF_INIT;
	struct queue_video v;

	if (!api_read_status(c, id, &v))
		return;
	api_put_status(c, &b, &v);
	if (!api_is_final(&v))
		http_set_headerf(c->http, "Retry-After", "%d", API_POLL_S);
	api_answer_cached(c, &b);
}

void
api_video_status(struct api_call *c)
{
	answer_status(c, arena_cstr(&c->arena, c->named[0]));
}

void
api_video_status_query(struct api_call *c)
{
	answer_status(c, api_query(c, "videoId"));
}

/* ---- whole videos -------------------------------------------------------- */

void
api_video_get(struct api_call *c)
{
	enum queue_error err = QUEUE_NOT_FOUND;
	struct buf b = BUF_INIT;
	struct queue_video v;
	const char *id;

	if (!read_id(c, arena_cstr(&c->arena, c->named[0]), &id))
		return;
	if (id)
		err = queue_video_get(c->api->conf.queue, c->user, id,
				      &c->arena, &v);
	if (!api_queue_ok(c, err, API_VIDEO_NOT_FOUND, NULL))
		return;
	json_open_object(&b, NULL);
	json_open_object(&b, "video");
	api_put_video(c, &b, &v, true);
	json_close_object(&b);
	json_close_object(&b);
	api_answer_cached(c, &b);
}

void
api_video_list(struct api_call *c)
{
	struct buf b = BUF_INIT;
	struct queue_video *v;
	struct api_page page;
	uint64_t total;
	size_t n;

	if (!api_page(c, &page) ||
	    !api_queue_ok(c,
			  queue_video_list(c->api->conf.queue, c->user,
					   page.offset, page.limit, &c->arena,
					   &v, &n, &total),
			  NULL, NULL))
		return;
	json_open_object(&b, NULL);
	json_open_array(&b, "videos");
	for (size_t i = 0; i < n; i++) {
		json_open_object(&b, NULL);
		api_put_video(c, &b, &v[i], false);
		put_measures(c, &b, &v[i]);
		json_close_object(&b);
	}
	json_close_array(&b);
	api_put_pagination(&b, &page, total);
	json_close_object(&b);
	api_answer(c, 200, &b);
}
