/*
 * Seek to the key frame before the start, decode from there, keep what lies
 * inside, stop when both streams have passed the end.
 */
#include "processor/media/cut.h"
#include "processor/media/lane.h"
#include "processor/media/thumbs.h"

#include <errno.h>
#include <math.h>

/* Decoders need a run-up: AAC one frame; a transport stream has no index, its
 * seek may land behind the key frame. */
#define RUN_UP 0.5
#define RUN_UP_TS 10.0

struct cutter {
	struct job *job;
	struct source *src;
	struct mux mux;
	struct lane video;
	struct lane audio;
	struct grid grid;
	double best_score;
	struct cut_result *result;
};

static int
seek_before(struct cutter *cut, double start)
{
	AVFormatContext *fmt = cut->src->fmt;
	bool ts = strcmp(fmt->iformat->name, "mpegts") == 0;
	double t = fmax(0, start - (ts ? RUN_UP_TS : RUN_UP)) + cut->src->start;
	AVStream *st = cut->src->video ? cut->src->video : cut->src->audio;
	int64_t stamp = llround(t / av_q2d(st->time_base));
	int rc = av_seek_frame(fmt, st->index, stamp, AVSEEK_FLAG_BACKWARD);

	/* No index: from the beginning. */
	if (rc < 0)
		rc = avformat_seek_file(fmt, -1, INT64_MIN, 0, INT64_MAX, 0);
	return rc < 0 ? job_fail_av(cut->job, rc, "seeking") : 0;
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
	bool kept;

	if (lane == &cut->audio)
		return lane_audio(lane, frame);
	if (lane_video(lane, frame, &kept) != 0)
		return -1;
	return kept ? keep_best(cut, frame) : 0;
}

/* @packet NULL drains. Damaged packets are passed over. */
static int
feed(struct cutter *cut, struct lane *lane, const AVPacket *packet,
     AVFrame *frame)
{
	if (lane->done)
		return 0;
	avcodec_send_packet(lane->decoder, packet);
	while (!lane->done &&
	       avcodec_receive_frame(lane->decoder, frame) >= 0) {
		int rc = take(cut, lane, frame);

		av_frame_unref(frame);
		if (rc != 0)
			return -1;
	}
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
			rc = feed(cut, lane, packet, frame);
		av_packet_unref(packet);
	}
	if (rc == 0 && cut->video.from)
		rc = feed(cut, &cut->video, NULL, frame);
	if (rc == 0 && cut->audio.from)
		rc = feed(cut, &cut->audio, NULL, frame);
	if (rc == 0 && cut->video.from)
		rc = lane_flush_video(&cut->video);
	if (rc == 0 && cut->audio.from)
		rc = lane_flush_audio(&cut->audio);
	return rc;
}

static int
open_all(struct cutter *cut, double start, double end, int fd)
{
	cut->video.start = cut->audio.start = start;
	cut->video.end = cut->audio.end = end;
	if (mux_open(cut->job, &cut->mux, fd) != 0)
		return -1;
	if (cut->src->video &&
	    lane_open_video(&cut->video, cut->job, cut->src, &cut->mux) != 0)
		return -1;
	if (cut->src->audio &&
	    lane_open_audio(&cut->audio, cut->job, cut->src, &cut->mux) != 0)
		return -1;
	if (mux_start(cut->job, &cut->mux) != 0)
		return -1;
	return seek_before(cut, start);
}

int
cut_run(struct job *job, struct source *src, double start, double end, int fd,
	struct cut_result *result)
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
	cut->result = result;
	if (src->duration > 0 && start >= src->duration)
		rc = job_fail(job, MEDIA_UNSUPPORTED,
			      "the clip starts after the end of the file");
	else
		rc = open_all(cut, start, end, fd);
	if (rc == 0)
		rc = copy_all(cut, packet, frame);
	result->duration = fmax(cut->video.filled, cut->audio.filled);
	if (rc == 0 && result->duration <= 0)
		rc = job_fail(job, MEDIA_CORRUPT,
			      "nothing could be decoded there");
	if (rc == 0)
		rc = mux_finish(job, &cut->mux);
	lane_close(&cut->video);
	lane_close(&cut->audio);
	mux_close(&cut->mux);
out:
	free(cut);
	av_packet_free(&packet);
	av_frame_free(&frame);
	return rc;
}
