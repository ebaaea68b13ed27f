/*
 * Packets as they are. Times are shifted by the time of the first picture, so
 * that sound and picture stay as far apart as they were; sound that begins
 * before it is hidden by the edit list that the muxer writes for times below
 * zero.
 */
#include "processor/media/encode/lane.h"

#include <math.h>

#define HALF_TICK 1e-4

bool
lane_can_copy_audio(const AVStream *st)
{
	return st->codecpar->codec_id == AV_CODEC_ID_AAC &&
	       st->codecpar->extradata_size >= 2;
}

int
lane_open_copy(struct lane *lane, struct job *job, const struct source *src,
	       AVStream *from, struct mux *mux)
{
	lane->job = job;
	lane->src = src;
	lane->mux = mux;
	lane->from = from;
	lane->packet = av_packet_alloc();
	if (!lane->packet)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	lane->to = mux_add_copy(job, mux, from);
	return lane->to ? mux_keep_side_data(job, lane->to, from, MUX_ALL) : -1;
}

/* Seconds from the start of the cut. */
static double
since_start(const struct lane *lane, int64_t stamp)
{
	return source_time(lane->src, lane->from, stamp) - lane->start;
}

static int
write_one(struct lane *lane, const AVPacket *packet)
{
	AVPacket *p = lane->packet;
	int64_t zero = llround((lane->start + lane->src->start) /
			       av_q2d(lane->from->time_base));
	double end = since_start(lane, packet->pts) +
		     (double)packet->duration * av_q2d(lane->from->time_base);

	if (av_packet_ref(p, packet) < 0)
		return job_fail(lane->job, MEDIA_LIMIT, "out of memory");
	if (end > lane->filled)
		lane->filled = end;
	p->pts -= zero;
	p->dts -= zero;
	p->pos = -1;
	av_packet_rescale_ts(p, lane->from->time_base, lane->to->time_base);
	p->stream_index = lane->to->index;
	return mux_write(lane->job, lane->mux, p);
}

/* What was put aside is needed after all. */
static int
write_held(struct lane *lane)
{
	int rc = 0;

	for (size_t i = 0; i < lane->n_held; i++) {
		if (rc == 0)
			rc = write_one(lane, lane->held[i]);
		av_packet_free(&lane->held[i]);
	}
	lane->n_held = 0;
	return rc;
}

static int
hold(struct lane *lane, const AVPacket *packet)
{
	if (lane->n_held == LANE_HELD_MAX) {
		lane->done = true;
		return 0;
	}
	lane->held[lane->n_held] = av_packet_clone(packet);
	if (!lane->held[lane->n_held])
		return job_fail(lane->job, MEDIA_LIMIT, "out of memory");
	lane->n_held++;
	return 0;
}

/* Sound is kept from one packet before the start on. */
static bool
begins_with(const struct lane *lane, const AVPacket *packet, double t)
{
	double long_enough =
	    2 * (double)packet->duration * av_q2d(lane->from->time_base);

	if (lane->from->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
		return t + long_enough > 0;
	return packet->flags & AV_PKT_FLAG_KEY && fabs(t) < HALF_TICK;
}

int
lane_copy(struct lane *lane, const AVPacket *packet)
{
	double length = lane->end - lane->start;
	double t = since_start(lane, packet->pts);

	if (lane->done)
		return 0;
	lane->begun = lane->begun || begins_with(lane, packet, t);
	if (!lane->begun)
		return 0;
	if (isnan(t) || packet->dts == AV_NOPTS_VALUE)
		return job_fail(lane->job, MEDIA_UNSUPPORTED,
				"a packet without a time stamp");
	/* In the order of decoding nothing before the end can follow. */
	if (since_start(lane, packet->dts) >= length - HALF_TICK) {
		lane->done = true;
		return 0;
	}
	if (t >= length - HALF_TICK)
		return hold(lane, packet);
	/* A picture before the IDR in time: no player would show it. */
	if (lane->from->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
	    t < -HALF_TICK)
		return 0;
	if (write_held(lane) != 0)
		return -1;
	return write_one(lane, packet);
}
