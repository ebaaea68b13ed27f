/*
 * What somebody else found out of a video, checked like a media worker's
 * result. Objects count when they lie below derived/ of this video: what is
 * somebody else's is not ours to show.
 */
#include "gateway/api/webhook_result.h"
#include "queue/analysis.h"

#define KEY_MAX 1024
#define FILES_MAX 64

bool
webhook_right(struct api_call *c, bool ok, const char *what)
{
	if (!ok)
		api_fail(c, 400, arena_printf(&c->arena, "Invalid %s", what).p);
	return ok;
}

static bool
read_job(struct api_call *c, const char *job, struct queue_job *out)
{
	return api_queue_ok(
	    c, queue_job_get(c->api->conf.queue, job, &c->arena, out),
	    "No such job", NULL);
}

/* ---- objects ---------------------------------------------------------------
 */

/* An object below derived/ of the job's video: out->size is 0 when there is
 * none of this key. False when answered. */
static bool
read_object(struct api_call *c, const struct queue_job *job, const char *key,
	    struct store_object *out)
{
	const char *prefix = arena_printf(&c->arena, "derived/%s/",
					  job->video_id ? job->video_id : "")
				 .p;
	enum s3_error err;

	*out = (struct store_object){ 0 };
	if (!key || strlen(key) > KEY_MAX || !job->bucket || !prefix ||
	    !slice_starts(slice_str(key), slice_str(prefix)))
		return true;
	err = store_get(c->api->conf.store,
			&STORE_REF(slice_str(job->bucket), slice_str(key)),
			NULL, &c->arena, out, NULL);
	if (err == S3_OK)
		return true;
	*out = (struct store_object){ 0 };
	if (err != S3_ERR_NO_SUCH_KEY && err != S3_ERR_NO_SUCH_BUCKET)
		api_unavailable(c, "The object store is not available");
	return !http_answered(c->http);
}

/* Anything that is no object of ours is left out. */
static bool
read_thumbnail(struct api_call *c, const struct queue_job *job,
	       const cJSON *result, const char **key)
{
	const char *text = json_str(result, "thumbnail_url");
	struct store_object object;

	if (!read_object(c, job, text, &object))
		return false;
	*key = object.size ? text : NULL;
	return true;
}

static bool
read_file(struct api_call *c, const struct queue_job *job, const cJSON *item,
	  struct buf *rows)
{
	const char *name = json_str(item, "name"), *role, *key;
	struct store_object object;

	role = json_str(item, "role");
	key = json_str(item, "key");
	if (!read_object(c, job, key, &object) ||
	    !webhook_right(c,
			   analysis_name_ok(name) && analysis_name_ok(role) &&
			       object.size > 0,
			   "files"))
		return false;
	json_open_object(rows, NULL);
	json_put_str(rows, "name", name);
	json_put_str(rows, "role", role);
	json_put_str(rows, "key", key);
	json_put_u64(rows, "size", object.size);
	json_close_object(rows);
	return true;
}

/* False when answered. */
static bool
read_files(struct api_call *c, const struct queue_job *job, const cJSON *list,
	   const char **out)
{
	/* clang-format off */
	static const struct json_member members[] = {
		{ "name", JSON_TEXT, true, 0, 0 },
		{ "role", JSON_TEXT, true, 0, 0 },
		{ "key", JSON_TEXT, true, 0, 0 },
	};
	/* clang-format on */
	struct buf rows = BUF_INIT;
	const cJSON *item;
	bool ok = true;

	if (!list || cJSON_IsNull(list))
		return true;
	if (!webhook_right(c,
			   json_rows_ok(list, members, ARRAY_LEN(members),
					false, FILES_MAX),
			   "files"))
		return false;
	json_open_array(&rows, NULL);
	cJSON_ArrayForEach(item, list) ok =
	    ok && read_file(c, job, item, &rows);
	json_close_array(&rows);
	*out = arena_cstr(&c->arena, buf_slice(&rows));
	c->arena.err |= !buf_ok(&rows);
	buf_release(&rows);
	return ok;
}

/* ---- the result ------------------------------------------------------------
 */

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

bool
webhook_result_read(struct api_call *c, const char *job,
		    struct queue_outcome *out)
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
	struct queue_job row;
	int64_t v;

	*out = (struct queue_outcome){ .duration = -1 };
	if (!cJSON_IsObject(result))
		return true;
	if (!webhook_right(
		c, json_row_ok(result, members, ARRAY_LEN(members), false),
		"result"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		const cJSON *item = json_member(result, documents[i].name);

		if (item && !cJSON_IsNull(item) &&
		    !webhook_right(c, documents[i].ok(item), documents[i].name))
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
	return read_job(c, job, &row) &&
	       read_thumbnail(c, &row, result, &out->thumbnail_key) &&
	       read_files(c, &row, json_member(result, "files"), &out->files);
}
