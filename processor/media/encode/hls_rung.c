/*
 * The encoder of a rendition and the file it fills. Where a segment begins is
 * worked out from the packet's time, as it was from the picture's: the first
 * IDR at or behind the planned moment.
 */
#include "processor/media/encode/hls_rung.h"
#include "processor/media/encode/x264.h"

#include <math.h>

#define CRF 22
#define EPSILON 1e-4
#define THREADS_MAX 4 /* of one encoder: several run at a time */

/* Bits a second at most, by the shorter side. */
static int64_t
max_rate(int side)
{
	static const struct {
		int side;
		int64_t rate;
	} table[] = { { 1080, 6000000 }, { 720, 3200000 }, { 480, 1500000 } };

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (side >= table[i].side)
			return table[i].rate;
	return 800000;
}

static int
open_encoder(struct hls_rung *r, int side, int fd)
{
	const struct x264_options options = {
		.crf = CRF,
		.max_rate = max_rate(side),
		.threads = r->job->req.threads < THREADS_MAX
			       ? r->job->req.threads
			       : THREADS_MAX,
	};
	AVCodecParameters *par = avcodec_parameters_alloc();
	int rc = -1;

	reframe_upright(&r->reframe, r->src, 0, 0.5, side);
	r->encoder = x264_open(r->job, r->src, &r->reframe, &options);
	if (r->encoder && par &&
	    avcodec_parameters_from_context(par, r->encoder) >= 0)
		rc =
		    cmaf_open(r->job, &r->file, fd, par, r->encoder->time_base);
	else
		job_fail(r->job, MEDIA_LIMIT, "out of memory");
	r->w = r->reframe.w;
	r->h = r->reframe.h;
	avcodec_parameters_free(&par);
	return rc;
}

int
hls_rung_open(struct hls_rung *r, struct job *job, const struct source *src,
	      const struct hls_plan *plan, size_t i, int fd)
{
	const AVStream *st = src->video;

	*r = (struct hls_rung){
		.job = job,
		.src = src,
		.plan = plan,
		.packet = av_packet_alloc(),
		.w = st->codecpar->width,
		.h = st->codecpar->height,
		.next = -INFINITY,
		.last_pts = INT64_MIN,
	};
	if (!r->packet)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (i == 0 && plan->copy_video)
		return cmaf_open(job, &r->file, fd, st->codecpar,
				 st->time_base);
	return open_encoder(r, plan->sides[i], fd);
}

/* Into the file; a new segment with the first key frame at or behind the
 * moment planned for it. */
static int
add(struct hls_rung *r, const AVPacket *packet)
{
	double t = (double)packet->pts * av_q2d(r->file.tick);
	bool cut = packet->flags & AV_PKT_FLAG_KEY && t >= r->next - EPSILON;

	if (cut)
		r->next = hls_plan_next(r->plan, t);
	return cmaf_add(&r->file, packet, cut);
}

/* NULL drains. */
static int
encode(struct hls_rung *r, const AVFrame *frame)
{
	int rc = avcodec_send_frame(r->encoder, frame);

	while (rc >= 0) {
		rc = x264_receive(r->encoder, r->packet);
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			return 0;
		if (rc >= 0 && add(r, r->packet) != 0)
			return -1;
		av_packet_unref(r->packet);
	}
	return job_fail_av(r->job, rc, "encoding");
}

int
hls_rung_encode(struct hls_rung *r, const AVFrame *frame, double t, bool key)
{
	int64_t pts = llround(t / av_q2d(r->encoder->time_base));
	AVFrame *use;

	if (pts <= r->last_pts)
		return 0;
	if (reframe_apply(r->job, &r->reframe, frame, &use) != 0)
		return -1;
	use->pts = r->last_pts = pts;
	use->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	return encode(r, use);
}

int
hls_rung_copy(struct hls_rung *r, const AVPacket *packet)
{
	int64_t zero = llround(r->src->start / av_q2d(r->file.tick));
	int rc;

	if (av_packet_ref(r->packet, packet) < 0)
		return job_fail(r->job, MEDIA_LIMIT, "out of memory");
	r->packet->pts -= zero;
	r->packet->dts -= zero;
	rc = add(r, r->packet);
	av_packet_unref(r->packet);
	return rc;
}

int
hls_rung_finish(struct hls_rung *r)
{
	if (r->encoder && encode(r, NULL) != 0)
		return -1;
	return cmaf_finish(&r->file);
}

void
hls_rung_close(struct hls_rung *r)
{
	reframe_release(&r->reframe);
	avcodec_free_context(&r->encoder);
	av_packet_free(&r->packet);
	cmaf_close(&r->file);
}
