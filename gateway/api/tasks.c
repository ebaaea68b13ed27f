/*
 * Further work on a video, as its user asks for it: a job whose files join
 * those of the video. A new kind of task is a row.
 */
#include "gateway/api/call.h"

#define TIMES_MAX 10 /* as the worker's MEDIA_TIMES_MAX */

/* Each appends its members of the options; NULL, or what is wrong. */

/* {"times": [seconds, ...], "exact": true} */
static const char *
read_times(struct api_call *c, const struct queue_video *video,
	   struct buf *options)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->in, "times");
	const cJSON *exact = cJSON_GetObjectItemCaseSensitive(c->in, "exact");
	const cJSON *item;
	int n = cJSON_GetArraySize(list);

	if (!cJSON_IsArray(list) || n < 1 || n > TIMES_MAX)
		return "times must be a list of 1 to 10 numbers of seconds";
	if (exact && !cJSON_IsBool(exact))
		return "exact must be true or false";
	json_put_bool(options, "exact", !exact || cJSON_IsTrue(exact));
	json_open_array(options, "times");
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
		    item->valuedouble >= video->duration)
			return arena_printf(&c->arena,
					    "times must be from 0 to below the "
					    "video's duration of %.3f s",
					    video->duration)
			    .p;
		json_put_num(options, NULL, item->valuedouble);
	}
	json_close_array(options);
	return NULL;
}

static const struct task_kind {
	const char *name;
	const char *job; /* its type in the queue */
	const char *(*read)(struct api_call *c, const struct queue_video *video,
			    struct buf *options);
} kinds[] = {
	{ "hls", "package_hls", NULL },
	{ "captions", "transcribe", NULL },
	{ "thumbnails", "generate_thumbnails", read_times },
	{ "storyboard", "generate_storyboard", NULL },
};
#define KINDS ARRAY_LEN(kinds)
#define KIND_NAMES "hls, captions, thumbnails or storyboard"

static const struct task_kind *
kind_named(const char *name)
{
	for (size_t i = 0; name && i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const char *
name_of_job(const char *type)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].job, type) == 0)
			return kinds[i].name;
	return type;
}

static void
job_types(const char *types[KINDS + 1])
{
	for (size_t i = 0; i < KINDS; i++)
		types[i] = kinds[i].job;
	types[KINDS] = NULL;
}

/* The id of the video in the path; NULL where it can be nobody's: answered. */
static const char *
read_video(struct api_call *c)
{
	const char *id = api_uuid(c, arena_cstr(&c->arena, c->named[0]));

	if (!id)
		api_fail(c, 404, API_VIDEO_NOT_FOUND);
	return id;
}

/* ---- the endpoints --------------------------------------------------------
 */

void
api_task_create(struct api_call *c)
{
	const struct task_kind *kind = kind_named(json_str(c->in, "type"));
	struct buf options = BUF_INIT, b = BUF_INIT;
	const char *problem = NULL;
	struct queue_video video;
	char job[UUID_TEXT_MAX];

	if (!kind) {
		api_fail(c, 400, "type must be " KIND_NAMES);
		return;
	}
	if (!api_clip_source(c, arena_cstr(&c->arena, c->named[0]), &video))
		return;
	json_open_object(&options, NULL);
	if (kind->read)
		problem = kind->read(c, &video, &options);
	json_close_object(&options);
	if (problem)
		api_fail(c, 400, problem);
	else if (!buf_ok(&options))
		api_fail(c, 500, "Internal error");
	else if (api_queue_ok(c,
			      queue_task_create(c->api->conf.queue, c->user,
						video.id, kind->job, options.p,
						job),
			      API_VIDEO_NOT_FOUND, API_VIDEO_NOT_READY)) {
		json_open_object(&b, NULL);
		json_put_str(&b, "jobId", job);
		json_put_str(&b, "type", kind->name);
		json_close_object(&b);
		api_answer(c, 202, &b);
	}
	buf_release(&options);
}

void
api_task_list(struct api_call *c)
{
	const char *types[KINDS + 1], *video = read_video(c);
	struct queue_task *list;
	struct buf b = BUF_INIT;
	size_t n;

	if (!video)
		return;
	job_types(types);
	if (!api_queue_ok(c,
			  queue_task_list(c->api->conf.queue, c->user, video,
					  types, &c->arena, &list, &n),
			  API_VIDEO_NOT_FOUND, NULL))
		return;
	json_open_object(&b, NULL);
	json_open_array(&b, "tasks");
	for (size_t i = 0; i < n; i++) {
		json_open_object(&b, NULL);
		json_put_str(&b, "jobId", list[i].id);
		json_put_str(&b, "type", name_of_job(list[i].type));
		json_put_str(&b, "status", list[i].status);
		json_put_int(&b, "progress", list[i].progress);
		json_put_str(&b, "error", list[i].error);
		json_put_time(&b, "created_at", list[i].created_us);
		json_close_object(&b);
	}
	json_close_array(&b);
	json_close_object(&b);
	api_answer_cached(c, &b);
}

void
api_task_cancel(struct api_call *c)
{
	const char *types[KINDS + 1], *video = read_video(c);
	const char *id = arena_cstr(&c->arena, c->named[1]);

	if (!video)
		return;
	job_types(types);
	if (api_queue_ok(c,
			 queue_task_cancel(c->api->conf.queue, c->user, video,
					   types, id ? id : ""),
			 "No such task of this video", "The task has ended"))
		api_answer_nothing(c);
}
