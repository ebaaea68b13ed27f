/*
 * Seek to the key frame before the start, decode from there, keep what lies
 * inside, stop when both streams have passed the end. Of pictures that are
 * copied only the key frames are decoded, for the thumbnail.
 */
#include "processor/media/encode/cut.h"
#include "processor/media/scenes/grid.h"
#include "processor/media/encode/lane.h"
#include "processor/media/stills/thumbs.h"

#include <errno.h>
#include <math.h>

/* Decoders need a run-up: AAC one frame; a transport stream has no index, its
 * seek may land behind the key frame. */
#define RUN_UP 0.5
#define RUN_UP_TS 10.0
#define SIDE_MAX 1080 /* of a reframed clip, its shorter side */

struct cutter {
	struct job *job;
	struct source *src;
	const struct clip_request *clip;
	struct mux mux;
	struct lane video;
	struct lane audio;
	struct grid grid;
	double best_score;
	struct cut_result *result;
};

int
cut_seek(struct job *job, struct source *src, double start)
{
	AVFormatContext *fmt = src->fmt;
	bool ts = strcmp(fmt->iformat->name, "mpegts") == 0;
	double t = fmax(0, start - (ts ? RUN_UP_TS : RUN_UP)) + src->start;
	AVStream *st = src->video ? src->video : src->audio;
	int64_t stamp = llround(t / av_q2d(st->time_base));
	int rc = av_seek_frame(fmt, st->index, stamp, AVSEEK_FLAG_BACKWARD);

	/* No index: from the beginning. */
	if (rc < 0)
		rc = avformat_seek_file(fmt, -1, INT64_MIN, 0, INT64_MAX, 0);
	return rc < 0 ? job_fail_av(job, rc, "seeking") : 0;
}

static int
keep_best(struct cutter *cut, const AVFrame *frame)
{
	double score;

	if (!grid_fill(&cut->grid, frame))
		return 0;
	score = thumbs_score(&cut->grid, 0);
	if (cut->result->picture && score <= cut->best_score)
		return 0;
	av_frame_free(&cut->result->picture);
	cut->result->picture = av_frame_clone(frame);
	cut->best_score = score;
	return cut->result->picture
		   ? 0
		   : job_fail(cut->job, MEDIA_LIMIT, "out of memory");
}

static int
take(struct cutter *cut, struct lane *lane, AVFrame *frame)
{
	AVFrame *kept;

	if (lane == &cut->audio)
		return lane_audio(lane, frame);
	if (!lane->encoder)
		return keep_best(cut, frame);
	if (lane_video(lane, frame, &kept) != 0)
		return -1;
	return kept ? keep_best(cut, kept) : 0;
}

/* @packet NULL drains. Damaged packets are passed over. */
static int
feed(struct cutter *cut, struct lane *lane, const AVPacket *packet,
     AVFrame *frame)
{
	avcodec_send_packet(lane->decoder, packet);
	while (avcodec_receive_frame(lane->decoder, frame) >= 0) {
		int rc =
		    lane->encoder && lane->done ? 0 : take(cut, lane, frame);

		av_frame_unref(frame);
		if (rc != 0)
			return -1;
	}
	return job_late(cut->job)
		   ? job_fail(cut->job, MEDIA_LIMIT, "out of time")
		   : 0;
}

/* A packet of the input, by way of its lane. */
static int
pass(struct cutter *cut, struct lane *lane, const AVPacket *packet,
     AVFrame *frame)
{
	if (lane->done)
		return 0;
	if (lane->encoder)
		return feed(cut, lane, packet, frame);
	if (lane_copy(lane, packet) != 0)
		return -1;
	if (lane->decoder && lane->begun && !lane->done &&
	    packet->flags & AV_PKT_FLAG_KEY)
		return feed(cut, lane, packet, frame);
	return job_late(cut->job)
		   ? job_fail(cut->job, MEDIA_LIMIT, "out of time")
		   : 0;
}

static struct lane *
lane_of(struct cutter *cut, int stream)
{
	if (cut->video.from && cut->video.from->index == stream)
		return &cut->video;
	if (cut->audio.from && cut->audio.from->index == stream)
		return &cut->audio;
	return NULL;
}

static bool
all_done(const struct cutter *cut)
{
	return (!cut->video.from || cut->video.done) &&
	       (!cut->audio.from || cut->audio.done);
}

static int
copy_all(struct cutter *cut, AVPacket *packet, AVFrame *frame)
{
	int rc = 0;

	while (rc == 0 && !all_done(cut) &&
	       av_read_frame(cut->src->fmt, packet) >= 0) {
		struct lane *lane = lane_of(cut, packet->stream_index);

		if (lane)
			rc = pass(cut, lane, packet, frame);
		av_packet_unref(packet);
	}
	if (rc == 0 && cut->video.decoder)
		rc = feed(cut, &cut->video, NULL, frame);
	if (rc == 0 && cut->audio.decoder)
		rc = feed(cut, &cut->audio, NULL, frame);
	if (rc == 0 && cut->video.encoder)
		rc = lane_flush_video(&cut->video);
	if (rc == 0 && cut->audio.encoder)
		rc = lane_flush_audio(&cut->audio);
	return rc;
}

static void
plan_frame(struct cutter *cut)
{
	/* by enum clip_aspect; the side is that of 1080 x 1920 */
	static const double ratios[] = { 0, 9.0 / 16, 1 };
	const struct clip_request *c = cut->clip;

	if (c->aspect == CLIP_ORIGINAL)
		reframe_keep(&cut->video.reframe, cut->src);
	else
		reframe_upright(&cut->video.reframe, cut->src,
				ratios[c->aspect], c->center_x, SIDE_MAX);
}

/* Decoder for thumbnails, and both lanes without encoders where that goes. */
static int
open_copies(struct cutter *cut)
{
	struct source *src = cut->src;

	if (lane_open_copy(&cut->video, cut->job, src, src->video, &cut->mux) !=
		0 ||
	    source_decoder(cut->job, src->video, &cut->video.decoder) != 0)
		return -1;
	if (!src->audio)
		return 0;
	if (lane_can_copy_audio(src->audio))
		return lane_open_copy(&cut->audio, cut->job, src, src->audio,
				      &cut->mux);
	return lane_open_audio(&cut->audio, cut->job, src, &cut->mux);
}

static int
open_encoders(struct cutter *cut)
{
	struct source *src = cut->src;

	if (src->video) {
		plan_frame(cut);
		if (lane_open_video(&cut->video, cut->job, src, &cut->mux) != 0)
			return -1;
	}
	return src->audio
		   ? lane_open_audio(&cut->audio, cut->job, src, &cut->mux)
		   : 0;
}

static int
open_all(struct cutter *cut, int fd)
{
	double start = cut->clip->start;
	struct cut_result *result = cut->result;

	if (cut->clip->copy)
		result->why_not =
		    cut_copy_start(cut->job, cut->src, cut->clip, &start);
	result->copied = cut->clip->copy && !result->why_not;
	cut->video.start = cut->audio.start = start;
	cut->video.end = cut->audio.end = cut->clip->end;
	if (cut->job->code != MEDIA_OK ||
	    mux_open(cut->job, &cut->mux, fd) != 0)
		return -1;
	if ((result->copied ? open_copies(cut) : open_encoders(cut)) != 0 ||
	    mux_start(cut->job, &cut->mux) != 0)
		return -1;
	return cut_seek(cut->job, cut->src, start);
}

int
cut_run(struct job *job, struct source *src, const struct clip_request *clip,
	int fd, struct cut_result *result)
{
	struct cutter *cut = calloc(1, sizeof(*cut));
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	int rc = -1;

	if (!cut || !packet || !frame) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		goto out;
	}
	cut->job = job;
	cut->src = src;
	cut->clip = clip;
	cut->result = result;
	if (src->duration > 0 && clip->start >= src->duration)
		rc = job_fail(job, MEDIA_UNSUPPORTED,
			      "the clip starts after the end of the file");
	else
		rc = open_all(cut, fd);
	if (rc == 0)
		rc = copy_all(cut, packet, frame);
	result->duration = fmax(cut->video.filled, cut->audio.filled);
	if (rc == 0 && result->duration <= 0)
		rc = job_fail(job, MEDIA_CORRUPT,
			      "nothing could be decoded there");
	if (rc == 0)
		rc = mux_finish(job, &cut->mux);
	result->upright = !result->copied && clip->aspect != CLIP_ORIGINAL;
	lane_close(&cut->video);
	lane_close(&cut->audio);
	mux_close(&cut->mux);
out:
	free(cut);
	av_packet_free(&packet);
	av_frame_free(&frame);
	return rc;
}
