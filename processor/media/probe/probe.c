/*
 * The probe document: the file, its streams, chapters and programs, and what
 * the pass over it saw.
 */
#include "processor/media/probe/probe.h"
#include "processor/media/input/boxes.h"
#include "processor/media/probe/probe_put.h"
#include "processor/media/probe/probe_stream.h"

#include <math.h>

#define CHAPTERS_MAX 256
#define PROGRAMS_MAX 64

static bool
is_mov(const struct source *src)
{
	return strncmp(src->fmt->iformat->name, "mov", 3) == 0;
}

static void
put_format(struct buf *b, const struct job *job, const struct source *src)
{
	const AVFormatContext *fmt = src->fmt;

	json_open_object(b, "format");
	json_put_str(b, "format_name", fmt->iformat->name);
	probe_put_known(b, "format_long_name", fmt->iformat->long_name);
	json_put_int(b, "nb_streams", fmt->nb_streams);
	json_put_int(b, "nb_programs", fmt->nb_programs);
	probe_put_seconds(b, "start_time", fmt->start_time, AV_TIME_BASE_Q);
	probe_put_seconds(b, "duration", fmt->duration, AV_TIME_BASE_Q);
	json_put_int(b, "size", job->req.size);
	probe_put_positive(b, "bit_rate", fmt->bit_rate);
	if (is_mov(src))
		json_put_bool(b, "faststart", boxes_scan(&job->req).moov_first);
	probe_put_tags(b, fmt->metadata);
	json_close_object(b);
}

static void
put_streams(struct buf *b, const struct job *job, const struct source *src)
{
	struct edits *edits = is_mov(src) ? edits_read(&job->req) : NULL;

	json_open_array(b, "streams");
	for (unsigned i = 0; i < src->fmt->nb_streams; i++)
		probe_put_stream(b, src, src->fmt->streams[i], edits);
	json_close_array(b);
	free(edits);
}

static void
put_chapters(struct buf *b, const AVFormatContext *fmt)
{
	json_open_array(b, "chapters");
	for (unsigned i = 0; i < fmt->nb_chapters && i < CHAPTERS_MAX; i++) {
		const AVChapter *c = fmt->chapters[i];

		json_open_object(b, NULL);
		json_put_int(b, "id", c->id);
		probe_put_ratio(b, "time_base", c->time_base, '/');
		probe_put_ticks(b, "start", c->start);
		probe_put_seconds(b, "start_time", c->start, c->time_base);
		probe_put_ticks(b, "end", c->end);
		probe_put_seconds(b, "end_time", c->end, c->time_base);
		probe_put_tags(b, c->metadata);
		json_close_object(b);
	}
	json_close_array(b);
}

/* Of a transport stream: which streams belong together. */
static void
put_programs(struct buf *b, const AVFormatContext *fmt)
{
	if (!fmt->nb_programs)
		return;
	json_open_array(b, "programs");
	for (unsigned i = 0; i < fmt->nb_programs && i < PROGRAMS_MAX; i++) {
		const AVProgram *p = fmt->programs[i];

		json_open_object(b, NULL);
		json_put_int(b, "program_id", p->id);
		json_put_int(b, "program_num", p->program_num);
		json_put_int(b, "pmt_pid", p->pmt_pid);
		json_put_int(b, "pcr_pid", p->pcr_pid);
		json_open_array(b, "streams");
		for (unsigned k = 0; k < p->nb_stream_indexes; k++)
			json_put_int(b, NULL, p->stream_index[k]);
		json_close_array(b);
		probe_put_tags(b, p->metadata);
		json_close_object(b);
	}
	json_close_array(b);
}

/* What the decoders saw, beside what the headers say. */
static void
put_decoded(struct buf *b, const struct decoded *d)
{
	json_open_object(b, "decoded");
	json_put_int(b, "video_frames", d->frames);
	json_put_int(b, "audio_samples", d->samples);
	json_put_int(b, "errors", d->errors);
	json_put_num(b, "duration", round_to(d->end, 3));
	if (isfinite(d->min_step)) {
		json_put_bool(b, "variable_frame_rate",
			      d->max_step > 1.5 * d->min_step);
		steps_write(b, &d->steps);
	}
	if (d->frames)
		json_put_int(b, "interlaced_frames", d->interlaced);
	json_close_object(b);
}

void
probe_write(struct buf *json, const struct job *job, const struct source *src,
	    const struct decoded *decoded)
{
	json_open_object(json, "probe");
	put_format(json, job, src);
	put_streams(json, job, src);
	put_chapters(json, src->fmt);
	put_programs(json, src->fmt);
	if (decoded) {
		put_decoded(json, decoded);
		packets_write(json, &decoded->packets, src);
	}
	json_close_object(json);
}

int
probe_run(struct job *job, struct outputs *out)
{
	struct source src = { 0 };
	struct buf json = BUF_INIT;
	int rc = source_open(job, &src);

	(void)out;
	if (rc == 0) {
		job_begin_result(&json);
		probe_write(&json, job, &src, NULL);
		rc = job_send_result(job, &json);
	}
	source_close(&src);
	buf_release(&json);
	return rc;
}
