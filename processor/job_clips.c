/*
 * generate_clips: the clips of one payload cut in one run of the worker. A
 * clip that cannot be cut keeps its own error; the others are made.
 */
#include "processor/job.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/random.h"
#include "processor/clip_center.h"
#include "processor/outputs.h"

#define NOTE_MAX 200

/* The member as it is, where it is text; the worker knows the words. */
static void
put_word(struct buf *b, const cJSON *clip, const char *name)
{
	const char *word = json_str(clip, name);

	if (word)
		json_put_str(b, name, word);
}

/* The worker's part of the request: ids, bounds and how. NULL when the payload
 * is not of our making. @analysis: where faces are, or NULL. */
static char *
clips_request(const cJSON *clips, const cJSON *analysis)
{
	struct buf b = BUF_MAX(MEDIA_REQUEST_MAX / 2);
	const cJSON *clip;
	bool ok = true;

	if (!cJSON_IsArray(clips) ||
	    cJSON_GetArraySize(clips) > MEDIA_CLIPS_MAX)
		return NULL;
	json_open_object(&b, NULL);
	json_open_array(&b, "clips");
	cJSON_ArrayForEach(clip, clips)
	{
		const char *id = json_str(clip, "id");
		double start, end;

		ok = ok && id && uuid_valid(slice_str(id)) &&
		     json_num(clip, "start_time", &start) &&
		     json_num(clip, "end_time", &end) && start >= 0 &&
		     end > start;
		if (!ok)
			break;
		json_open_object(&b, NULL);
		json_put_str(&b, "id", id);
		json_put_num(&b, "start", start);
		json_put_num(&b, "end", end);
		put_word(&b, clip, "mode");
		put_word(&b, clip, "aspect");
		json_put_num(&b, "center_x",
			     clip_center_x(analysis, start, end));
		json_close_object(&b);
	}
	json_close_array(&b);
	json_close_object(&b);
	if (ok)
		return buf_steal(&b);
	buf_release(&b);
	return NULL;
}

static const char *
clip_key(struct job_run *run, const char *id, const char *extension)
{
	return arena_printf(&run->arena, "derived/%s/clips/%s.%s",
			    run->job.video_id, id, extension)
	    .p;
}

/* One clip's row {id, s3_key, thumbnail_key} or {id, error}. */
static int
publish_clip(struct job_run *run, struct job_media *m, const char *id,
	     const cJSON *made, struct buf *rows)
{
	const char *file = json_str(made, "file");
	const char *thumbnail = json_str(made, "thumbnail");
	const char *error = json_str(made, "error");
	const char *note = json_str(made, "note");
	const char *key = clip_key(run, id, "mp4");
	const char *picture = clip_key(run, id, "jpg");
	int rc = 0;

	json_open_object(rows, NULL);
	json_put_str(rows, "id", id);
	if (file) {
		rc = job_publish(run, m, file, key);
		if (rc == 0 && thumbnail)
			rc = job_publish(run, m, thumbnail, picture);
		json_put_str(rows, "s3_key", key);
		json_put_str(rows, "thumbnail_key", thumbnail ? picture : NULL);
		if (note)
			json_put_slice(rows, "note",
				       slice_head(slice_str(note), NOTE_MAX));
	} else {
		json_put_slice(rows, "error",
			       slice_head(slice_str(error ? error : "not_made"),
					  NOTE_MAX));
	}
	json_close_object(rows);
	return rc;
}

static const cJSON *
made_for(const cJSON *list, const char *id)
{
	const cJSON *made;

	cJSON_ArrayForEach(made, list)
	{
		const char *its = json_str(made, "id");

		if (its && strcmp(its, id) == 0)
			return made;
	}
	return NULL;
}

/* By what was asked for, not by what the worker lists. */
static int
publish_clips(struct job_run *run, struct job_media *m, const cJSON *asked)
{
	const cJSON *made =
	    cJSON_GetObjectItemCaseSensitive(m->frames.result, "clips");
	struct buf rows = BUF_INIT;
	const cJSON *clip;
	int rc = 0;

	json_open_array(&rows, NULL);
	cJSON_ArrayForEach(clip, asked)
	{
		const char *id = json_str(clip, "id");

		rc = publish_clip(run, m, id, made_for(made, id), &rows);
		if (rc != 0)
			break;
	}
	json_close_array(&rows);
	if (rc == 0 && !buf_ok(&rows))
		rc = job_fail(run, false, "out_of_memory");
	run->outcome.clips = arena_cstr(&run->arena, buf_slice(&rows));
	run->outcome.result =
	    arena_printf(&run->arena, "{\"clips\":%s}", run->outcome.clips).p;
	buf_release(&rows);
	return rc;
}

/* Is only a part of the picture asked for anywhere? */
static bool
any_reframed(const cJSON *clips)
{
	const cJSON *clip;

	cJSON_ArrayForEach(clip, clips)
	{
		const char *aspect = json_str(clip, "aspect");

		if (aspect && strcmp(aspect, "original") != 0)
			return true;
	}
	return false;
}

int
job_generate_clips(struct job_run *run)
{
	cJSON *payload = json_parse(slice_str(run->job.payload));
	const cJSON *asked = cJSON_GetObjectItemCaseSensitive(payload, "clips");
	cJSON *analysis = NULL;
	char *request = NULL;
	struct job_media m;
	struct analysis a;
	int rc = job_media_open(run, &m);

	if (rc == 0 && any_reframed(asked))
		analysis = job_analysis_document(run, &m, &a);
	if (rc == 0)
		request = clips_request(asked, analysis);
	if (rc == 0 && !request)
		rc = job_fail(run, true, "bad_payload");
	if (rc == 0)
		rc = job_media_run(run, &m, "clips", request);
	if (rc == 0)
		rc = publish_clips(run, &m, asked);
	job_media_close(run, &m);
	free(request);
	cJSON_Delete(analysis);
	cJSON_Delete(payload);
	return rc;
}
