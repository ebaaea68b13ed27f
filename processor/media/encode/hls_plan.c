/*
 * One look at the packets, without decoding. What it has seen is what will be
 * copied later, so nothing is copied that was not looked at.
 */
#include "processor/media/encode/hls_plan.h"
#include "processor/media/encode/nal.h"
#include "processor/media/encode/reframe.h"

#include <math.h>

#define EPSILON 1e-4
#define BOUNDS_MAX 50000u
#define COPY_RATE_MAX 20e6 /* bits a second; more is no stream for viewers */
#define LEVEL_MAX 52
#define SOUND_EARLY 0.2 /* seconds of an encoder's run-up */
#define SOUND_LATE 0.05
#define SOUND_GAP 0.02
#define PROGRESS 0.05 /* the part of the job that this is */

struct scan {
	struct job *job;
	const struct source *src;
	struct hls_plan *plan;
	struct nal_stream nal;
	bool video, audio; /* still fit to be copied */
	/* pictures */
	bool begun;
	double start;	  /* of the segment */
	double candidate; /* a later beginning that would do; 0: none */
	double end;
	double bytes;
	/* sound */
	bool heard;
	double expected;
};

/* ---- pictures ------------------------------------------------------------ */

static bool
video_fits(const struct source *src, struct nal_stream *nal)
{
	const AVCodecParameters *par = src->video->codecpar;
	AVRational sar = source_aspect(src, NULL);
	int profile = par->profile & ~FF_PROFILE_H264_CONSTRAINED;

	return par->codec_id == AV_CODEC_ID_H264 && par->extradata_size > 0 &&
	       nal_stream_of(
		   nal, par->codec_id,
		   slice_mem(par->extradata, (size_t)par->extradata_size)) &&
	       nal->length_size == 4 &&
	       (par->format == AV_PIX_FMT_YUV420P ||
		par->format == AV_PIX_FMT_YUVJ420P) &&
	       (profile == FF_PROFILE_H264_BASELINE ||
		profile == FF_PROFILE_H264_MAIN ||
		profile == FF_PROFILE_H264_HIGH) &&
	       par->level <= LEVEL_MAX &&
	       (par->field_order == AV_FIELD_PROGRESSIVE ||
		par->field_order == AV_FIELD_UNKNOWN) &&
	       (sar.num <= 0 || sar.num == sar.den) &&
	       !turn_needed(turn_of(src->video)) &&
	       par->color_trc != AVCOL_TRC_SMPTE2084 &&
	       par->color_trc != AVCOL_TRC_ARIB_STD_B67;
}

static bool
begin_segment(struct scan *s, double t)
{
	struct hls_plan *p = s->plan;
	double *more;

	if (p->n_bounds % 1024 == 0) {
		more = p->n_bounds < BOUNDS_MAX
			   ? realloc(p->bounds,
				     (p->n_bounds + 1024) * sizeof(*more))
			   : NULL;
		if (!more)
			return false;
		p->bounds = more;
	}
	p->bounds[p->n_bounds++] = t;
	s->start = t;
	s->candidate = 0;
	return true;
}

/* An IDR at @t, or the end: can segments of 2 to 6 s reach it? */
static bool
reach(struct scan *s, double t, bool end)
{
	while (t - s->start > HLS_MAX + EPSILON)
		if (s->candidate <= s->start || !begin_segment(s, s->candidate))
			return false;
	if (end)
		return true;
	if (t - s->start >= HLS_AIM - EPSILON)
		return begin_segment(s, t);
	if (t - s->start >= HLS_MIN)
		s->candidate = t;
	return true;
}

static bool
look_at_picture(struct scan *s, const AVPacket *packet)
{
	double t = source_time(s->src, s->src->video, packet->pts);
	double length =
	    (double)packet->duration * av_q2d(s->src->video->time_base);
	bool idr =
	    packet->flags & AV_PKT_FLAG_KEY &&
	    nal_is_idr(&s->nal, slice_mem(packet->data, (size_t)packet->size));

	if (isnan(t) || t < -EPSILON || packet->dts == AV_NOPTS_VALUE ||
	    packet->flags & AV_PKT_FLAG_DISCARD ||
	    av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, NULL))
		return false;
	s->bytes += packet->size;
	s->end = fmax(s->end, t + length);
	if (!s->begun) {
		s->begun = true;
		s->start = t;
		return idr;
	}
	return !idr || reach(s, t, false);
}

/* ---- sound --------------------------------------------------------------- */

static bool
audio_fits(const AVStream *st)
{
	const AVCodecParameters *par = st->codecpar;

	return par->codec_id == AV_CODEC_ID_AAC &&
	       par->profile == FF_PROFILE_AAC_LOW && par->extradata_size >= 2 &&
	       par->extradata_size <= 64 && par->ch_layout.nb_channels <= 2 &&
	       st->time_base.num == 1;
}

static bool
look_at_sound(struct scan *s, const AVPacket *packet)
{
	const AVStream *st = s->src->audio;
	double t = source_time(s->src, st, packet->pts);

	if (packet->flags & AV_PKT_FLAG_DISCARD && t >= 0)
		return true;
	if (isnan(t) || packet->duration <= 0)
		return false;
	if (!s->heard) {
		s->heard = true;
		if (t < -SOUND_EARLY || t > SOUND_LATE)
			return false;
	} else if (fabs(t - s->expected) > SOUND_GAP) {
		return false;
	}
	s->expected = t + (double)packet->duration * av_q2d(st->time_base);
	return true;
}

/* ---- the plan ------------------------------------------------------------ */

static void
look(struct scan *s, const AVPacket *packet)
{
	const struct source *src = s->src;

	if (s->video && packet->stream_index == src->video->index)
		s->video = look_at_picture(s, packet);
	else if (s->audio && packet->stream_index == src->audio->index)
		s->audio = look_at_sound(s, packet);
	if (packet->pos > 0 && s->job->req.size > 0)
		job_send_progress(s->job, PROGRESS * (double)packet->pos /
					      (double)s->job->req.size);
}

static int
look_at_all(struct scan *s, struct source *src)
{
	AVPacket *packet = av_packet_alloc();
	int rc;

	if (!packet)
		return job_fail(s->job, MEDIA_LIMIT, "out of memory");
	while ((s->video || s->audio) && av_read_frame(src->fmt, packet) >= 0) {
		look(s, packet);
		av_packet_unref(packet);
	}
	av_packet_free(&packet);
	rc = avformat_seek_file(src->fmt, -1, INT64_MIN, INT64_MIN, INT64_MAX,
				0);
	return rc < 0 ? job_fail_av(s->job, rc, "going back") : 0;
}

void
hls_ladder(struct hls_plan *plan, int side, bool copied)
{
	static const int steps[] = { 1080, 720, 480, 360 };
	int top = copied || side < steps[0] ? side : steps[0];

	plan->n_sides = 0;
	plan->sides[plan->n_sides++] = top;
	/* A step that is hardly smaller is not worth its bytes. */
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (5 * steps[i] <= 4 * top)
			plan->sides[plan->n_sides++] = steps[i];
}

int
hls_plan_make(struct job *job, struct source *src, struct hls_plan *plan)
{
	struct scan s = { .job = job, .src = src, .plan = plan };
	int rc = 0;

	*plan = (struct hls_plan){ 0 };
	s.video = src->video && video_fits(src, &s.nal);
	s.audio = src->audio && audio_fits(src->audio);
	if (s.video || s.audio)
		rc = look_at_all(&s, src);
	plan->copy_video = s.video && s.begun && reach(&s, s.end, true) &&
			   8 * s.bytes <= COPY_RATE_MAX * s.end;
	plan->copy_audio = s.audio && s.heard;
	if (src->video)
		hls_ladder(plan, reframe_side(src), plan->copy_video);
	return rc;
}

void
hls_plan_release(struct hls_plan *plan)
{
	free(plan->bounds);
	plan->bounds = NULL;
}

double
hls_plan_next(const struct hls_plan *plan, double t)
{
	size_t low = 0, high = plan->n_bounds;

	if (!plan->copy_video)
		return (floor((t + EPSILON) / HLS_AIM) + 1) * HLS_AIM;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (plan->bounds[middle] > t + EPSILON)
			high = middle;
		else
			low = middle + 1;
	}
	return low < plan->n_bounds ? plan->bounds[low] : INFINITY;
}
