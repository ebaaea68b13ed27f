/*
 * Up to four attempts, because containers seek as well as their index is:
 * most times the first one finds the picture.
 */
#include "processor/media/stills/seeker.h"

#include <errno.h>
#include <math.h>

#define TICK 1e-4  /* seconds; rounding of a time base, never a frame */
#define NEAR 1.0   /* seconds before the time, all pictures are decoded */
#define CLOSE 10.0 /* seconds ahead that are read through without an index */

struct seeker {
	struct job *job;
	struct source *src;
	AVCodecContext *decoder;
	AVPacket *packet;
	AVPacket *chosen; /* of read_key() */
	AVFrame *frame;
	AVFrame *kept;	/* the last picture at or before the time */
	AVFrame *ahead; /* the first one behind it */
	double kept_at, ahead_at;
	double read;  /* time of the last packet */
	int64_t key;  /* stamp of the last key frame read */
	bool reading; /* goes on where it was */
	bool skipped; /* not every picture was decoded */
};

static const struct {
	double back; /* seconds that the seek goes back; INFINITY: to 0 */
	bool exact;
} attempts[] = { { 0, false }, { 0, true }, { 10, true }, { INFINITY, true } };

struct seeker *
seeker_new(struct job *job, struct source *src)
{
	struct seeker *s = calloc(1, sizeof(*s));

	if (!s) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		return NULL;
	}
	s->job = job;
	s->src = src;
	s->packet = av_packet_alloc();
	s->chosen = av_packet_alloc();
	s->frame = av_frame_alloc();
	s->kept = av_frame_alloc();
	s->ahead = av_frame_alloc();
	if (!s->packet || !s->chosen || !s->frame || !s->kept || !s->ahead)
		job_fail(job, MEDIA_LIMIT, "out of memory");
	else if (source_decoder(job, src->video, &s->decoder) == 0)
		return s;
	seeker_free(s);
	return NULL;
}

void
seeker_free(struct seeker *s)
{
	if (!s)
		return;
	avcodec_free_context(&s->decoder);
	av_packet_free(&s->packet);
	av_packet_free(&s->chosen);
	av_frame_free(&s->frame);
	av_frame_free(&s->kept);
	av_frame_free(&s->ahead);
	free(s);
}

static bool
is_empty(const AVFrame *f)
{
	return !f->buf[0];
}

/* No key frame lies between here and @time, so reading on is shorter. */
static bool
lies_ahead(const struct seeker *s, double time)
{
	AVStream *st = s->src->video;
	int64_t stamp = llround((time + s->src->start) / av_q2d(st->time_base));
	int i = av_index_search_timestamp(st, stamp, AVSEEK_FLAG_BACKWARD);

	if (!s->reading)
		return false;
	if (i < 0)
		return time - s->read < CLOSE;
	return avformat_index_get_entry(st, i)->timestamp <= s->key;
}

static void
restart(struct seeker *s, double time)
{
	AVFormatContext *fmt = s->src->fmt;
	AVStream *st = s->src->video;
	int64_t stamp =
	    llround((fmax(time, 0) + s->src->start) / av_q2d(st->time_base));
	int rc = -1;

	/* A transport stream is found again at its first byte only. Where
	 * seeking fails, the demuxer stays, and so does the attempt. */
	if (isinf(time))
		rc = av_seek_frame(fmt, -1, 0, AVSEEK_FLAG_BYTE);
	if (rc < 0)
		(void)av_seek_frame(fmt, st->index, stamp,
				    AVSEEK_FLAG_BACKWARD);
	avcodec_flush_buffers(s->decoder);
	av_frame_unref(s->kept);
	av_frame_unref(s->ahead);
	s->reading = true;
	s->skipped = false;
}

/* One packet into the decoder; at the end it is drained. */
static void
feed(struct seeker *s, double time, bool exact)
{
	AVPacket *p = s->packet;
	double t;

	if (av_read_frame(s->src->fmt, p) < 0) {
		s->reading = false;
		(void)avcodec_send_packet(s->decoder, NULL);
		return;
	}
	if (p->stream_index == s->src->video->index) {
		t = source_time(s->src, s->src->video,
				p->pts == AV_NOPTS_VALUE ? p->dts : p->pts);
		s->read = fmax(t, 0);
		if (p->flags & AV_PKT_FLAG_KEY)
			s->key = p->pts > p->dts ? p->pts : p->dts;
		s->decoder->skip_frame = !exact && t < time - NEAR
					     ? AVDISCARD_NONREF
					     : AVDISCARD_DEFAULT;
		s->skipped |= s->decoder->skip_frame == AVDISCARD_NONREF;
		/* Damaged ones are passed over. */
		(void)avcodec_send_packet(s->decoder, p);
	}
	av_packet_unref(p);
}

/* Sorts a decoded picture in; it is the one before @time or the one behind. */
static void
sort_in(struct seeker *s, double time)
{
	double t =
	    source_time(s->src, s->src->video, s->frame->best_effort_timestamp);

	if (isnan(t))
		t = is_empty(s->kept) ? 0 : s->kept_at;
	if (t <= time + TICK) {
		av_frame_unref(s->kept);
		av_frame_move_ref(s->kept, s->frame);
		s->kept_at = t;
	} else {
		av_frame_move_ref(s->ahead, s->frame);
		s->ahead_at = t;
	}
}

static int
read_until(struct seeker *s, double time, bool exact)
{
	if (!is_empty(s->ahead) && s->ahead_at <= time + TICK) {
		av_frame_unref(s->kept);
		av_frame_move_ref(s->kept, s->ahead);
		s->kept_at = s->ahead_at;
	}
	while (is_empty(s->ahead)) {
		int rc = avcodec_receive_frame(s->decoder, s->frame);

		if (rc >= 0)
			sort_in(s, time);
		else if (rc == AVERROR_EOF || !s->reading)
			return 0;
		else
			feed(s, time, exact);
		if (job_late(s->job))
			return job_fail(s->job, MEDIA_LIMIT, "out of time");
	}
	return 0;
}

static bool
is_key(const struct seeker *s, const AVPacket *p)
{
	return p->stream_index == s->src->video->index &&
	       p->flags & AV_PKT_FLAG_KEY;
}

/*
 * The next key frame alone; the decoder is drained behind it. A transport
 * stream is searched by trial and may be anywhere before: there it is the
 * last one that is not behind @time.
 */
static int
read_key(struct seeker *s, double time)
{
	bool ts = strcmp(s->src->fmt->iformat->name, "mpegts") == 0;
	AVPacket *p = s->packet;
	bool done = false;

	while (!done && av_read_frame(s->src->fmt, p) >= 0) {
		if (is_key(s, p)) {
			double t = source_time(s->src, s->src->video, p->pts);

			done = !ts || t > time + TICK;
			if (!done || s->chosen->size == 0) {
				av_packet_unref(s->chosen);
				av_packet_move_ref(s->chosen, p);
			}
		}
		av_packet_unref(p);
		if (job_late(s->job))
			return job_fail(s->job, MEDIA_LIMIT, "out of time");
	}
	(void)avcodec_send_packet(s->decoder, s->chosen);
	(void)avcodec_send_packet(s->decoder, NULL);
	av_packet_unref(s->chosen);
	if (avcodec_receive_frame(s->decoder, s->frame) >= 0)
		sort_in(s, time);
	s->reading = false;
	return 0;
}

static int
find_key(struct seeker *s, double time)
{
	for (size_t i = 1; i < ARRAY_LEN(attempts); i++) {
		restart(s, time - attempts[i].back);
		if (read_key(s, time) != 0)
			return -1;
		if (!is_empty(s->kept))
			break;
	}
	return 0;
}

static int
find_exactly(struct seeker *s, double time)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(attempts) && !found; i++) {
		if (i > 0 || !lies_ahead(s, time))
			restart(s, time - attempts[i].back);
		if (read_until(s, time, attempts[i].exact) != 0)
			return -1;
		/* Left out on the way may be the one, where pictures stay
		 * for long. */
		found = !is_empty(s->kept) &&
			(!s->skipped || s->kept_at > time - NEAR);
	}
	return 0;
}

int
seeker_find(struct seeker *s, double time, bool exact, const AVFrame **out,
	    double *at)
{
	int rc = exact ? find_exactly(s, time) : find_key(s, time);

	if (rc != 0)
		return -1;
	*out = is_empty(s->kept) ? s->ahead : s->kept;
	*at = is_empty(s->kept) ? s->ahead_at : s->kept_at;
	if (is_empty(*out))
		*out = NULL;
	return 0;
}
