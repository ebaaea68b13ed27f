/*
 * By the container's index: a jump to each key frame that becomes a tile.
 * Without one the file is read through, and a key frame is known to be a tile
 * when the next one turns out to lie behind the tile's time: so one packet
 * waits. (AVDISCARD_NONKEY would make the MP4 demuxer skip the others, but
 * then it gives wrong times: it forgets to skip their composition offsets.)
 */
#include "processor/media/stills/storyboard_keys.h"
#include "processor/media/stills/storyboard.h"

#include <errno.h>
#include <math.h>

#define TICK 1e-4 /* seconds; rounding of a time base, never a frame */
#define TAIL 30.0 /* seconds, and two tiles, that a whole index may lack */
#define FILTERED (4 * TILE_SIDE)

struct keys {
	struct job *job;
	struct source src;
	struct storyboard *sb;
	AVCodecContext *decoder;
	AVPacket *packet;
	AVPacket *waiting; /* the last key frame read; only without index */
	AVFrame *frame;
	double read;  /* time of the last key frame read */
	double slot;  /* the next time for which a picture is wanted */
	double shown; /* time of the last picture; -1: none */
	bool indexed;
	bool landed;   /* the next key frame read is the one */
	int64_t entry; /* stamp of the index entry used last */
	int64_t lead;  /* from the index's stamps to those of display */
};

/* @packet NULL drains. Damaged packets are passed over. */
static int
decode(struct keys *k, const AVPacket *packet)
{
	int rc = avcodec_send_packet(k->decoder, packet);

	while (rc >= 0 && avcodec_receive_frame(k->decoder, k->frame) >= 0) {
		double t = source_time(&k->src, k->src.video,
				       k->frame->best_effort_timestamp);

		/* fmax: never backwards, and NAN is the time before */
		k->shown = fmax(t, fmax(k->shown, 0));
		rc = storyboard_show(k->sb, k->job, k->frame, k->shown);
		av_frame_unref(k->frame);
	}
	return k->job->code == MEDIA_OK ? 0 : -1;
}

static int64_t
stamp_of(const struct keys *k, double time)
{
	return llround((time + k->src.start) / av_q2d(k->src.video->time_base));
}

static const AVIndexEntry *
entry_before(const struct keys *k, int64_t stamp)
{
	AVStream *st = k->src.video;
	int i = av_index_search_timestamp(st, stamp, AVSEEK_FLAG_BACKWARD);

	if (i < 0)
		i = av_index_search_timestamp(st, stamp, 0);
	return i < 0 ? NULL : avformat_index_get_entry(st, i);
}

/* Some containers know only what they have read so far. */
static bool
has_index(const struct keys *k)
{
	AVStream *st = k->src.video;
	int n = avformat_index_get_entries_count(st);
	double least = k->src.duration - 2 * k->sb->interval - TAIL;

	return k->src.duration > 0 && n > 0 &&
	       avformat_index_get_entry(st, n - 1)->timestamp >=
		   stamp_of(k, fmax(least, 0));
}

/* To the next key frame that becomes a tile; false: there is no other. */
static bool
jump(struct keys *k)
{
	for (; k->slot < k->src.duration; k->slot += k->sb->interval) {
		const AVIndexEntry *e =
		    entry_before(k, stamp_of(k, k->slot) - k->lead);

		if (!e || e->timestamp <= k->entry)
			continue;
		k->entry = e->timestamp;
		k->landed = av_seek_frame(k->src.fmt, k->src.video->index,
					  e->timestamp + k->lead,
					  AVSEEK_FLAG_BACKWARD) >= 0;
		return k->landed;
	}
	return false;
}

/* Without an index: the packet waits, and the one before may be wanted. */
static int
wait_for_next(struct keys *k, AVPacket *p)
{
	if (k->waiting->size > 0 && k->slot < k->read - TICK) {
		if (decode(k, k->waiting) != 0)
			return -1;
		k->slot =
		    ceil((k->read - TICK) / k->sb->interval) * k->sb->interval;
	}
	av_packet_unref(k->waiting);
	av_packet_move_ref(k->waiting, p);
	return 0;
}

static int
take(struct keys *k)
{
	AVPacket *p = k->packet;
	double t = source_time(&k->src, k->src.video,
			       p->pts == AV_NOPTS_VALUE ? p->dts : p->pts);

	if (p->stream_index != k->src.video->index ||
	    !(p->flags & AV_PKT_FLAG_KEY))
		return 0;
	k->read = fmax(t, k->read);
	if (!k->indexed)
		return wait_for_next(k, p);
	k->landed = false;
	k->slot += k->sb->interval;
	/* An index of decoding times is asked for times of display. */
	if (p->pts != AV_NOPTS_VALUE && p->dts == k->entry)
		k->lead = p->pts - k->entry;
	return decode(k, p);
}

static int
read_all(struct keys *k)
{
	int rc = 0;

	k->indexed = has_index(k);
	while (rc == 0 && (!k->indexed || k->landed || jump(k)) &&
	       av_read_frame(k->src.fmt, k->packet) >= 0) {
		rc = take(k);
		av_packet_unref(k->packet);
		if (k->src.duration > 0)
			job_send_progress(k->job, k->read / k->src.duration);
		if (rc == 0 && job_late(k->job))
			rc = job_fail(k->job, MEDIA_LIMIT, "out of time");
	}
	if (rc == 0 && k->waiting->size > 0 &&
	    (k->slot < k->src.duration || k->shown < 0))
		rc = decode(k, k->waiting);
	if (rc == 0)
		rc = decode(k, NULL);
	if (rc == 0 && k->shown < 0)
		rc = job_fail(k->job, MEDIA_CORRUPT,
			      "no key frame could be decoded");
	return rc;
}

static int
open_decoder(struct keys *k)
{
	if (source_decoder(k->job, k->src.video, &k->decoder) != 0)
		return -1;
	/* Nobody sees the edges of blocks in a picture a fourth as large, and
	 * no other picture is predicted from it. */
	if (k->src.video->codecpar->width >= FILTERED)
		k->decoder->skip_loop_filter = AVDISCARD_ALL;
	return 0;
}

static int
open_all(struct keys *k, struct job *job)
{
	if (source_open(job, &k->src) != 0)
		return -1;
	if (!k->src.video)
		return job_fail(job, MEDIA_UNSUPPORTED,
				"there are no pictures");
	if (k->src.audio)
		k->src.audio->discard = AVDISCARD_ALL;
	/* Matroska reads its index on the first seek; a transport stream has
	 * none, and would look for the place by trial. */
	if (strcmp(k->src.fmt->iformat->name, "mpegts") != 0)
		(void)av_seek_frame(k->src.fmt, k->src.video->index,
				    stamp_of(k, 0), AVSEEK_FLAG_BACKWARD);
	k->sb = storyboard_new(&k->src);
	k->packet = av_packet_alloc();
	k->waiting = av_packet_alloc();
	k->frame = av_frame_alloc();
	if (!k->sb || !k->packet || !k->waiting || !k->frame)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	return open_decoder(k);
}

static int
send(struct keys *k, struct outputs *out)
{
	double end = fmax(k->src.duration, k->shown);
	struct buf json = BUF_INIT;
	int rc;

	job_begin_result(&json);
	rc = storyboard_finish(k->sb, k->job, out, end, &json);
	outputs_list(&json, out);
	if (rc == 0)
		rc = job_send_result(k->job, &json);
	buf_release(&json);
	return rc;
}

int
storyboard_keys_run(struct job *job, struct outputs *out)
{
	struct keys k = { .job = job, .shown = -1, .entry = INT64_MIN };
	int rc = open_all(&k, job);

	if (rc == 0)
		rc = read_all(&k);
	if (rc == 0)
		rc = send(&k, out);
	avcodec_free_context(&k.decoder);
	storyboard_free(k.sb);
	av_packet_free(&k.packet);
	av_packet_free(&k.waiting);
	av_frame_free(&k.frame);
	source_close(&k.src);
	return rc;
}
