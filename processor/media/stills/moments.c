/*
 * One decoder for all times, in rising order.
 */
#include "processor/media/stills/moments.h"
#include "processor/media/stills/picture.h"
#include "processor/media/stills/seeker.h"
#include "processor/media/stills/still.h"

#include <math.h>

#define SIDE 640

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
moments_read(struct request *req, const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItem(doc, "times");
	int n = cJSON_GetArraySize(list);
	const cJSON *exact = cJSON_GetObjectItem(doc, "exact");
	const cJSON *item;
	size_t kept = 0;

	if (exact && !cJSON_IsBool(exact))
		return -1;
	req->key_frames = cJSON_IsFalse(exact);
	if (!cJSON_IsArray(list) || n < 1 || n > MEDIA_TIMES_MAX)
		return -1;
	req->times = calloc((size_t)n, sizeof(*req->times));
	if (!req->times)
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
		    item->valuedouble > JOB_SECONDS_MAX)
			return -1;
		req->times[req->n_times++] = round_to(item->valuedouble, 3);
	}
	qsort(req->times, req->n_times, sizeof(*req->times), by_value);
	for (size_t i = 0; i < req->n_times; i++)
		if (i == 0 || req->times[i] > req->times[kept - 1])
			req->times[kept++] = req->times[i];
	req->n_times = kept;
	return 0;
}

static void
name_of(char name[OUTPUT_NAME_MAX], double time, const char *extension)
{
	snprintf(name, OUTPUT_NAME_MAX, "at-%lld.%s", llround(time * 1000),
		 extension);
}

int
moments_outputs(struct job *job, struct outputs *out)
{
	char name[OUTPUT_NAME_MAX];

	for (size_t i = 0; i < 2 * job->req.n_times; i++) {
		name_of(name, job->req.times[i / 2], i % 2 ? "webp" : "jpg");
		if (outputs_add(job, out, "%s", name) != 0)
			return -1;
	}
	return 0;
}

/* @frame as both files, and what is known of them. */
static int
write_picture(struct picture_maker *maker, const AVFrame *frame, double time,
	      struct outputs *out, struct buf *json)
{
	char jpeg[OUTPUT_NAME_MAX], webp[OUTPUT_NAME_MAX];
	AVFrame *picture = NULL;
	int rc = picture_make(maker, frame, &picture);

	name_of(jpeg, time, "jpg");
	name_of(webp, time, "webp");
	if (rc == 0)
		rc = still_write(maker->job, picture, STILL_JPEG,
				 output_named(out, jpeg), "picture");
	if (rc == 0)
		rc = still_write(maker->job, picture, STILL_WEBP,
				 output_named(out, webp), "picture");
	if (rc == 0) {
		json_put_str(json, "file", jpeg);
		json_put_str(json, "webp", webp);
		json_put_int(json, "width", picture->width);
		json_put_int(json, "height", picture->height);
	}
	av_frame_free(&picture);
	return rc;
}

/* An element of "pictures"; *n counts those that are one. */
static int
show(struct seeker *s, struct picture_maker *maker, double time,
     struct outputs *out, struct buf *json, int *n)
{
	double end = maker->src->duration;
	const AVFrame *frame = NULL;
	double at;
	int rc = 0;

	json_open_object(json, NULL);
	json_put_num(json, "time", time);
	if (end > 0 && time >= end)
		json_put_str(json, "error", "after the end of the file");
	else
		rc = seeker_find(s, time, !maker->job->req.key_frames, &frame,
				 &at);
	if (rc == 0 && frame) {
		json_put_num(json, "shown", round_to(at, 3));
		rc = write_picture(maker, frame, time, out, json);
		*n += 1;
	} else if (end <= 0 || time < end) {
		json_put_str(json, "error", "nothing could be decoded there");
	}
	json_close_object(json);
	return rc;
}

static int
show_all(struct job *job, struct source *src, struct outputs *out,
	 struct buf *json)
{
	struct picture_maker maker = {
		.job = job, .src = src, .st = src->video, .most = { SIDE, SIDE }
	};
	struct seeker *s = seeker_new(job, src);
	int rc = s ? 0 : -1, n = 0;

	json_open_array(json, "pictures");
	for (size_t i = 0; rc == 0 && i < job->req.n_times; i++) {
		rc = show(s, &maker, job->req.times[i], out, json, &n);
		job_send_progress(job,
				  (double)(i + 1) / (double)job->req.n_times);
	}
	json_close_array(json);
	if (rc == 0 && n == 0)
		rc = job_fail(job, MEDIA_CORRUPT,
			      "there is no picture at any of these times");
	picture_release(&maker);
	seeker_free(s);
	return rc;
}

int
moments_run(struct job *job, struct outputs *out)
{
	struct source src = { 0 };
	struct buf json = BUF_INIT;
	int rc = source_open(job, &src);

	job_begin_result(&json);
	if (rc == 0 && !src.video)
		rc = job_fail(job, MEDIA_UNSUPPORTED, "there are no pictures");
	if (rc == 0 && src.audio)
		src.audio->discard = AVDISCARD_ALL;
	if (rc == 0)
		rc = show_all(job, &src, out, &json);
	outputs_list(&json, out);
	if (rc == 0)
		rc = job_send_result(job, &json);
	source_close(&src);
	buf_release(&json);
	return rc;
}
