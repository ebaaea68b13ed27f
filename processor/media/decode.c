/*
 * Demux, decode, reduce, hand out. Damage in the middle of a file is counted
 * and passed over; what never ends is stopped by budgets.
 */
#include "processor/media/decode.h"
#include "processor/media/sound.h"

#include <errno.h>
#include <math.h>

/* Pictures per second nobody has, and room for files without a duration. */
#define FPS_MAX 240
#define FRAMES_MARGIN 2000
#define FRAMES_UNKNOWN (FPS_MAX * 3600ll)
#define CHANNELS_MAX 8 /* more are mixed down to two */

struct pass {
	struct job *job;
	struct source *src;
	const struct sink *sinks;
	size_t n_sinks;
	struct decoded *out;
	AVCodecContext *video;
	AVCodecContext *audio;
	SwrContext *swr;
	struct sound_shape shape; /* that of the first frame */
	AVFrame *sound;		  /* converted */
	struct grid grids[2];
	bool has_grid;
	struct glance glance;
	double glance_due; /* seconds */
	double video_time;
	double audio_time; /* where the next samples begin */
	int64_t frames_max;
};

/* ---- pictures ----------------------------------------------------------- */

static double
frame_seconds(const AVStream *st)
{
	double fps = av_q2d(st->avg_frame_rate);

	return fps > 1 && fps < FPS_MAX ? 1 / fps : 1.0 / 25;
}

/* Time of the picture: never backwards, never unknown. */
static double
picture_time(struct pass *p, const AVFrame *frame)
{
	double t =
	    source_time(p->src, p->src->video, frame->best_effort_timestamp);
	double step;

	if (p->out->frames == 0)
		return isnan(t) || t < 0 ? 0 : t;
	if (isnan(t))
		t = p->video_time + frame_seconds(p->src->video);
	step = t - p->video_time;
	if (step <= 0)
		return p->video_time;
	p->out->min_step = fmin(p->out->min_step, step);
	p->out->max_step = fmax(p->out->max_step, step);
	steps_add(&p->out->steps, step);
	return t;
}

static const struct glance *
take_glance(struct pass *p, const AVFrame *frame)
{
	bool taken =
	    glance_take(&p->glance, frame, source_aspect(p->src, frame),
			turn_of(p->src->video));

	return taken ? &p->glance : NULL;
}

static int
show_picture(struct pass *p, const AVFrame *frame)
{
	struct grid *grid = &p->grids[p->out->frames & 1];
	struct grid *before = &p->grids[~p->out->frames & 1];
	struct video_frame v = { .number = p->out->frames,
				 .time = picture_time(p, frame),
				 .grid = grid,
				 .frame = frame };

	if (v.time > SOURCE_SECONDS_MAX || v.number >= p->frames_max)
		return job_fail(p->job, MEDIA_LIMIT,
				"more pictures than the duration allows");
	if (!grid_fill(grid, frame))
		return job_fail(p->job, MEDIA_UNSUPPORTED,
				"the pixel format cannot be analysed");
	if (p->has_grid)
		v.change = grid_compare(before, grid);
	if (v.time >= p->glance_due) {
		v.glance = take_glance(p, frame);
		p->glance_due = floor(v.time) + 1;
	}
	p->has_grid = true;
	p->video_time = v.time;
	p->out->end = fmax(p->out->end, v.time + frame_seconds(p->src->video));
	p->out->frames++;
	p->out->interlaced += frame->interlaced_frame != 0;
	for (size_t i = 0; i < p->n_sinks; i++)
		if (p->sinks[i].type->on_video &&
		    p->sinks[i].type->on_video(p->sinks[i].self, p->job, &v))
			return -1;
	return 0;
}

/* ---- sound -------------------------------------------------------------- */

static struct sound_shape
shape_for(const AVFrame *frame)
{
	int channels = frame->ch_layout.nb_channels;

	return (struct sound_shape){
		.format = AV_SAMPLE_FMT_FLT,
		.rate = frame->sample_rate,
		.channels = channels <= CHANNELS_MAX ? channels : 2,
	};
}

static int
show_sound(struct pass *p, const AVFrame *frame)
{
	double t =
	    source_time(p->src, p->src->audio, frame->best_effort_timestamp);
	struct audio_block block;

	if (frame->sample_rate <= 0 || frame->ch_layout.nb_channels <= 0) {
		p->out->errors++;
		return 0;
	}
	if (!p->shape.rate)
		p->shape = shape_for(frame);
	if (sound_convert(p->job, &p->swr, p->sound, &p->shape, frame) != 0)
		return -1;
	/* Small jitter of the stamps is no gap. */
	if (!isnan(t) && fabs(t - p->audio_time) > 0.1 && t >= 0)
		p->audio_time = t;
	block = (struct audio_block){
		.time = p->audio_time,
		.rate = p->shape.rate,
		.channels = p->shape.channels,
		.n = p->sound->nb_samples,
		.samples = (const float *)(const void *)p->sound->data[0],
	};
	p->audio_time += (double)block.n / block.rate;
	if (p->audio_time > SOURCE_SECONDS_MAX)
		return job_fail(p->job, MEDIA_LIMIT, "longer than 24 hours");
	p->out->end = fmax(p->out->end, p->audio_time);
	p->out->samples += block.n;
	for (size_t i = 0; block.n && i < p->n_sinks; i++)
		if (p->sinks[i].type->on_audio &&
		    p->sinks[i].type->on_audio(p->sinks[i].self, p->job,
					       &block))
			return -1;
	return 0;
}

/* ---- the pass ----------------------------------------------------------- */

/* Damage is counted; memory and time are not forgiven. */
static int
tolerate(struct pass *p, int rc, const char *what)
{
	if (rc == AVERROR(ENOMEM) || rc == AVERROR_EXIT ||
	    p->job->read_failed || job_late(p->job))
		return job_fail_av(p->job, rc, what);
	p->out->errors++;
	return 0;
}

static int
receive_all(struct pass *p, AVCodecContext *ctx, AVFrame *frame)
{
	for (;;) {
		int rc = avcodec_receive_frame(ctx, frame);

		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			return 0;
		if (rc < 0)
			return tolerate(p, rc, "decoding");
		rc = ctx == p->video ? show_picture(p, frame)
				     : show_sound(p, frame);
		av_frame_unref(frame);
		if (rc != 0)
			return -1;
		if (job_late(p->job))
			return job_fail(p->job, MEDIA_LIMIT, "out of time");
	}
}

/* @packet NULL drains. */
static int
feed(struct pass *p, AVCodecContext *ctx, const AVPacket *packet,
     AVFrame *frame)
{
	int rc = avcodec_send_packet(ctx, packet);

	if (rc < 0 && rc != AVERROR_EOF && tolerate(p, rc, "decoding") != 0)
		return -1;
	return receive_all(p, ctx, frame);
}

static AVCodecContext *
decoder_of(const struct pass *p, int stream)
{
	if (p->src->video && p->src->video->index == stream)
		return p->video;
	if (p->src->audio && p->src->audio->index == stream)
		return p->audio;
	return NULL;
}

static int
read_all(struct pass *p, AVPacket *packet, AVFrame *frame)
{
	int rc;

	while ((rc = av_read_frame(p->src->fmt, packet)) >= 0) {
		AVCodecContext *ctx = decoder_of(p, packet->stream_index);

		rc = 0;
		if (ctx) {
			packets_add(&p->out->packets, p->src,
				    p->src->fmt->streams[packet->stream_index],
				    packet);
			rc = feed(p, ctx, packet, frame);
		}
		av_packet_unref(packet);
		if (rc != 0)
			return -1;
		if (p->src->duration > 0)
			job_send_progress(p->job,
					  p->out->end / p->src->duration);
		if (job_late(p->job))
			return job_fail(p->job, MEDIA_LIMIT, "out of time");
	}
	if (rc != AVERROR_EOF && tolerate(p, rc, "reading") != 0)
		return -1;
	if (p->video && feed(p, p->video, NULL, frame) != 0)
		return -1;
	return p->audio ? feed(p, p->audio, NULL, frame) : 0;
}

static int
open_decoders(struct pass *p)
{
	if (p->src->video &&
	    source_decoder(p->job, p->src->video, &p->video) != 0)
		return -1;
	return p->src->audio ? source_decoder(p->job, p->src->audio, &p->audio)
			     : 0;
}

int
decode_run(struct job *job, struct source *src, const struct sink *sinks,
	   size_t n_sinks, struct decoded *out)
{
	struct pass *p = calloc(1, sizeof(*p));
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	int rc = -1;

	*out = (struct decoded){ .min_step = INFINITY };
	packets_init(&out->packets);
	if (!p || !packet || !frame) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		goto out;
	}
	*p = (struct pass){ .job = job,
			    .src = src,
			    .sinks = sinks,
			    .n_sinks = n_sinks,
			    .out = out,
			    .frames_max = FRAMES_UNKNOWN };
	if (src->duration > 0)
		p->frames_max =
		    FRAMES_MARGIN + (int64_t)(1.2 * FPS_MAX * src->duration);
	p->sound = av_frame_alloc();
	if (!p->sound) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		goto out;
	}
	if (open_decoders(p) != 0)
		goto out;
	rc = read_all(p, packet, frame);
	if (rc == 0 && !out->frames && !out->samples)
		rc = job_fail(job, MEDIA_CORRUPT, "nothing could be decoded");
out:
	if (p) {
		swr_free(&p->swr);
		av_frame_free(&p->sound);
		avcodec_free_context(&p->video);
		avcodec_free_context(&p->audio);
	}
	free(p);
	av_packet_free(&packet);
	av_frame_free(&frame);
	return rc;
}
