/*
 * Pictures: kept when start <= time < end, brought to the encoder's shape by
 * the plan of reframe.
 */
#include "processor/media/encode/lane.h"
#include "processor/media/encode/x264.h"

#include <math.h>

#define CRF 20
#define HALF_TICK 1e-4 /* seconds; rounding of a time base, never a frame */

int
lane_open_video(struct lane *lane, struct job *job, const struct source *src,
		struct mux *mux)
{
	const struct x264_options options = { .crf = CRF,
					      .threads = job->req.threads };

	lane->job = job;
	lane->src = src;
	lane->mux = mux;
	lane->from = src->video;
	lane->last_pts = INT64_MIN;
	lane->packet = av_packet_alloc();
	if (!lane->packet)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (source_decoder(job, lane->from, &lane->decoder) != 0)
		return -1;
	lane->encoder = x264_open(job, src, &lane->reframe, &options);
	if (!lane->encoder || lane_attach(lane) != 0)
		return -1;
	return lane->reframe.upright
		   ? 0
		   : mux_keep_side_data(job, lane->to, lane->from,
					MUX_DIRECTION);
}

int
lane_video(struct lane *lane, const AVFrame *frame, AVFrame **kept)
{
	double t =
	    source_time(lane->src, lane->from, frame->best_effort_timestamp);
	AVFrame *use;
	int64_t pts;

	*kept = NULL;
	if (isnan(t) || t < lane->start - HALF_TICK)
		return 0;
	if (t >= lane->end - HALF_TICK) {
		lane->done = true;
		return 0;
	}
	pts = llround((t - lane->start) / av_q2d(lane->encoder->time_base));
	if (pts <= lane->last_pts)
		return 0;
	if (reframe_apply(lane->job, &lane->reframe, frame, &use) != 0)
		return -1;
	use->pts = lane->last_pts = pts;
	use->pict_type = AV_PICTURE_TYPE_NONE;
	lane->filled =
	    t - lane->start + av_q2d(av_inv_q(lane->encoder->framerate));
	*kept = use;
	return lane_encode(lane, use);
}

int
lane_flush_video(struct lane *lane)
{
	return lane_encode(lane, NULL);
}
