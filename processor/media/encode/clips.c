/*
 * One clip after the other, from the same opened source.
 */
#include "processor/media/encode/clips.h"
#include "processor/media/encode/cut.h"
#include "processor/media/stills/picture.h"
#include "processor/media/stills/still.h"

#define THUMB_SIDE 640

/* The id becomes part of a file name. */
static bool
id_is_plain(const char *id)
{
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n >= 1 && n <= MEDIA_ID_MAX && id[n] == '\0';
}

/* The words of a list, NULL at its end; the first when @word is absent. */
static bool
read_word(const cJSON *item, const char *name, const char *const *words,
	  int *out)
{
	const char *word = json_str(item, name);

	*out = 0;
	if (!word)
		return !cJSON_HasObjectItem(item, name);
	while (words[*out] && strcmp(words[*out], word) != 0)
		++*out;
	return words[*out] != NULL;
}

static bool
read_how(const cJSON *item, struct clip_request *c)
{
	static const char *const modes[] = { "exact", "copy", NULL };
	static const char *const aspects[] = { "original", "9:16", "1:1",
					       NULL };
	int mode, aspect;

	c->center_x = 0.5;
	if (!read_word(item, "mode", modes, &mode) ||
	    !read_word(item, "aspect", aspects, &aspect) ||
	    (cJSON_HasObjectItem(item, "center_x") &&
	     (!json_num(item, "center_x", &c->center_x) || c->center_x < 0 ||
	      c->center_x > 1)))
		return false;
	c->copy = mode == 1;
	c->aspect = (enum clip_aspect)aspect;
	return true;
}

int
clips_read(struct request *req, const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItem(doc, "clips");
	int n = cJSON_GetArraySize(list);
	const cJSON *item;

	if (n < 1 || n > MEDIA_CLIPS_MAX)
		return -1;
	req->clips = calloc((size_t)n, sizeof(*req->clips));
	if (!req->clips)
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		struct clip_request *c = &req->clips[req->n_clips++];
		const char *id = json_str(item, "id");

		if (!id || !id_is_plain(id) ||
		    !json_num(item, "start", &c->start) || c->start < 0 ||
		    !json_num(item, "end", &c->end) || c->end <= c->start ||
		    c->end > JOB_SECONDS_MAX || !read_how(item, c))
			return -1;
		snprintf(c->id, sizeof(c->id), "%s", id);
	}
	return 0;
}

int
clips_outputs(struct job *job, struct outputs *out)
{
	for (size_t i = 0; i < job->req.n_clips; i++) {
		const char *id = job->req.clips[i].id;

		if (outputs_add(job, out, "clip-%s.mp4", id) != 0 ||
		    outputs_add(job, out, "clip-%s.jpg", id) != 0)
			return -1;
	}
	return 0;
}

static int
write_thumbnail(struct job *job, const struct source *src,
		const struct cut_result *done, struct output *out)
{
	struct picture_maker maker = { .job = job,
				       .src = done->upright ? NULL : src,
				       .st = done->upright ? NULL : src->video,
				       .most = { THUMB_SIDE, THUMB_SIDE } };
	AVFrame *picture = NULL;
	int rc = picture_make(&maker, done->picture, &picture);

	if (rc == 0)
		rc = still_write(job, picture, STILL_JPEG, out, "thumbnail");
	av_frame_free(&picture);
	picture_release(&maker);
	return rc;
}

static int
make_clip(struct job *job, struct source *src, const struct clip_request *c,
	  struct output *out, struct buf *json)
{
	struct cut_result done = { 0 };
	int rc = cut_run(job, src, c, out[0].fd, &done);

	if (rc == 0 && done.picture)
		rc = write_thumbnail(job, src, &done, &out[1]);
	if (rc == 0) {
		json_put_str(json, "file", out[0].name);
		json_put_str(json, "thumbnail",
			     done.picture ? out[1].name : NULL);
		json_put_num(json, "duration", round_to(done.duration, 3));
		json_put_str(json, "mode", done.copied ? "copy" : "exact");
		json_put_str(json, "note", done.why_not);
	}
	av_frame_free(&done.picture);
	return rc;
}

/* Out of time is the end of the job, anything else that of the clip. */
static int
forgive(struct job *job, struct buf *json)
{
	if (job_late(job))
		return -1;
	json_put_str(json, "error", job->message);
	job->code = MEDIA_OK;
	return 0;
}

int
clips_run(struct job *job, struct outputs *out)
{
	struct source src = { 0 };
	struct buf json = BUF_INIT;
	int rc = source_open(job, &src);

	job_begin_result(&json);
	json_open_array(&json, "clips");
	for (size_t i = 0; rc == 0 && i < job->req.n_clips; i++) {
		const struct clip_request *c = &job->req.clips[i];

		json_open_object(&json, NULL);
		json_put_str(&json, "id", c->id);
		rc = make_clip(job, &src, c, &out->list[2 * i], &json);
		if (rc != 0)
			rc = forgive(job, &json);
		json_close_object(&json);
		job_send_progress(job,
				  (double)(i + 1) / (double)job->req.n_clips);
	}
	json_close_array(&json);
	if (rc == 0)
		rc = job_send_result(job, &json);
	source_close(&src);
	buf_release(&json);
	return rc;
}
