/*
 * Demux, decode, reduce, hand out. Damage in the middle of a file is counted
 * and passed over; what never ends is stopped by budgets.
 */
#include "processor/media/pass/decode.h"
#include "processor/media/pass/pictures.h"
#include "processor/media/audio/sound.h"

#include <errno.h>
#include <math.h>

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
	double audio_time;	  /* where the next samples begin */
	struct pictures *pictures;
};

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
		rc = ctx == p->video ? pictures_show(p->pictures, frame)
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
			job_send_progress(p->job, p->out->packets.last /
						      p->src->duration);
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
			    .out = out };
	p->sound = av_frame_alloc();
	if (!p->sound) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		goto out;
	}
	if (open_decoders(p) != 0)
		goto out;
	if (src->video) {
		p->pictures = pictures_start(job, src, sinks, n_sinks, out);
		if (!p->pictures)
			goto out;
	}
	rc = read_all(p, packet, frame);
	if (p->pictures && pictures_end(p->pictures) != 0)
		rc = -1;
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
