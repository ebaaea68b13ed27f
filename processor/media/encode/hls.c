/*
 * One pass: pictures decoded once for all renditions, sound encoded once or
 * passed on as it is.
 */
#include "processor/media/encode/hls.h"
#include "processor/media/encode/hls_rung.h"
#include "processor/media/encode/lane.h"

#include <math.h>

#define PLANNED 0.05 /* of the job, when the plan is made */
#define FILL 2.0     /* seconds without a picture: the last one is repeated */
#define EPSILON 1e-3
#define AUDIO_OUTPUT HLS_RUNGS_MAX

struct hls {
	struct job *job;
	struct source src;
	struct hls_plan plan;
	struct outputs *out;
	struct hls_rung rungs[HLS_RUNGS_MAX];
	size_t n;
	AVCodecContext *decoder; /* NULL: no rendition is encoded */
	AVPacket *packet;
	AVFrame *frame;
	AVFrame *last; /* the picture before */
	double last_t;
	double next; /* where the next segment begins */
	struct lane lane;
	struct cmaf sound;
	double sound_next;
};

int
hls_outputs(struct job *job, struct outputs *out)
{
	for (size_t i = 0; i < HLS_RUNGS_MAX; i++)
		if (outputs_add(job, out, "hls-%zu.mp4", i) != 0)
			return -1;
	return outputs_add(job, out, "hls-audio.mp4");
}

/* ---- pictures ------------------------------------------------------------ */

static int
show(struct hls *h, const AVFrame *frame, double t, bool key)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < h->n; i++)
		if (h->rungs[i].encoder)
			rc = hls_rung_encode(&h->rungs[i], frame, t, key);
	return rc;
}

/* Nothing came for a while: what is seen goes on, in segments of its own. */
static int
fill(struct hls *h, double t)
{
	if (h->plan.copy_video || !h->last->buf[0] || t - h->last_t < FILL)
		return 0;
	for (; h->next < t - EPSILON;
	     h->next = hls_plan_next(&h->plan, h->next))
		if (show(h, h->last, h->next, true) != 0)
			return -1;
	return 0;
}

static int
take_picture(struct hls *h, const AVFrame *frame)
{
	double t =
	    source_time(&h->src, h->src.video, frame->best_effort_timestamp);
	bool key;

	if (isnan(t) || t < -EPSILON)
		return 0;
	if (fill(h, t) != 0)
		return -1;
	key = t >= h->next - EPSILON / 10;
	if (key)
		h->next = hls_plan_next(&h->plan, t);
	if (show(h, frame, fmax(t, 0), key) != 0)
		return -1;
	av_frame_unref(h->last);
	h->last_t = t;
	return av_frame_ref(h->last, frame) < 0
		   ? job_fail(h->job, MEDIA_LIMIT, "out of memory")
		   : 0;
}

/* ---- sound --------------------------------------------------------------- */

static int
add_sound(struct hls *h, const AVPacket *packet)
{
	double t = (double)packet->pts * av_q2d(h->sound.tick);
	double half = (double)packet->duration * av_q2d(h->sound.tick) / 2;
	bool cut = t >= h->sound_next - half;

	if (cut)
		h->sound_next = hls_plan_next(&h->plan, fmax(t + half, 0));
	return cmaf_add(&h->sound, packet, cut);
}

static int
put_sound(struct lane *lane, AVPacket *packet)
{
	int rc = add_sound(lane->sink, packet);

	av_packet_unref(packet);
	return rc;
}

static int
copy_sound(struct hls *h, AVPacket *packet)
{
	int64_t zero = llround(h->src.start / av_q2d(h->sound.tick));
	bool behind =
	    packet->flags & AV_PKT_FLAG_DISCARD && packet->pts >= zero;

	packet->pts -= zero;
	packet->dts = packet->pts;
	return behind ? 0 : add_sound(h, packet);
}

static int
open_sound(struct hls *h)
{
	int fd = h->out->list[AUDIO_OUTPUT].fd;
	AVCodecParameters *par;
	int rc = -1;

	h->sound_next = -INFINITY;
	if (h->plan.copy_audio)
		return cmaf_open(h->job, &h->sound, fd, h->src.audio->codecpar,
				 h->src.audio->time_base);
	h->lane.end = SOURCE_SECONDS_MAX;
	h->lane.put = put_sound;
	h->lane.sink = h;
	if (lane_open_audio(&h->lane, h->job, &h->src, NULL) != 0)
		return -1;
	par = avcodec_parameters_alloc();
	if (par && avcodec_parameters_from_context(par, h->lane.encoder) >= 0)
		rc = cmaf_open(h->job, &h->sound, fd, par,
			       h->lane.encoder->time_base);
	else
		job_fail(h->job, MEDIA_LIMIT, "out of memory");
	avcodec_parameters_free(&par);
	return rc;
}

/* ---- the pass ------------------------------------------------------------ */

/* @packet NULL drains. Damaged packets are passed over. */
static int
decode(struct hls *h, AVCodecContext *decoder, const AVPacket *packet)
{
	int rc = 0;

	avcodec_send_packet(decoder, packet);
	while (rc == 0 && avcodec_receive_frame(decoder, h->frame) >= 0) {
		rc = decoder == h->decoder ? take_picture(h, h->frame)
					   : lane_audio(&h->lane, h->frame);
		av_frame_unref(h->frame);
	}
	return rc;
}

static int
pass(struct hls *h, AVPacket *packet)
{
	const AVStream *video = h->src.video, *audio = h->src.audio;
	int rc = 0;

	if (video && packet->stream_index == video->index) {
		double t = source_time(&h->src, video, packet->pts);

		if (h->plan.copy_video)
			rc = hls_rung_copy(&h->rungs[0], packet);
		if (rc == 0 && h->decoder)
			rc = decode(h, h->decoder, packet);
		if (h->src.duration > 0 && !isnan(t))
			job_send_progress(h->job,
					  PLANNED + (1 - PLANNED) * t /
							h->src.duration);
	} else if (audio && packet->stream_index == audio->index) {
		rc = h->lane.decoder ? decode(h, h->lane.decoder, packet)
				     : copy_sound(h, packet);
	}
	if (rc == 0 && job_late(h->job))
		rc = job_fail(h->job, MEDIA_LIMIT, "out of time");
	return rc;
}

static int
pass_all(struct hls *h)
{
	int rc = 0;

	while (rc == 0 && av_read_frame(h->src.fmt, h->packet) >= 0) {
		rc = pass(h, h->packet);
		av_packet_unref(h->packet);
	}
	if (rc == 0 && h->decoder)
		rc = decode(h, h->decoder, NULL);
	if (rc == 0 && h->lane.decoder)
		rc = decode(h, h->lane.decoder, NULL);
	if (rc == 0 && h->lane.decoder)
		rc = lane_flush_audio(&h->lane);
	for (size_t i = 0; rc == 0 && i < h->n; i++)
		rc = hls_rung_finish(&h->rungs[i]);
	return rc == 0 && h->src.audio ? cmaf_finish(&h->sound) : rc;
}

static int
open_all(struct hls *h)
{
	if (source_open(h->job, &h->src) != 0 ||
	    hls_plan_make(h->job, &h->src, &h->plan) != 0)
		return -1;
	h->packet = av_packet_alloc();
	h->frame = av_frame_alloc();
	h->last = av_frame_alloc();
	h->next = -INFINITY;
	if (!h->packet || !h->frame || !h->last)
		return job_fail(h->job, MEDIA_LIMIT, "out of memory");
	for (; h->n < h->plan.n_sides; h->n++)
		if (hls_rung_open(&h->rungs[h->n], h->job, &h->src, &h->plan,
				  h->n, h->out->list[h->n].fd) != 0)
			return -1;
	if (h->n > (h->plan.copy_video ? 1 : 0) &&
	    source_decoder(h->job, h->src.video, &h->decoder) != 0)
		return -1;
	return h->src.audio ? open_sound(h) : 0;
}

/* ---- the result ---------------------------------------------------------- */

static void
put_segments(struct buf *b, const struct cmaf *c, bool durations)
{
	json_put_str(b, "codecs", c->codecs);
	json_put_u64(b, "header", c->header);
	json_open_array(b, "bytes");
	for (size_t i = 0; i < c->n_segments; i++)
		json_put_u64(b, NULL, c->segments[i].bytes);
	json_close_array(b);
	if (!durations)
		return;
	json_open_array(b, "durations");
	for (size_t i = 0; i < c->n_segments; i++)
		json_put_num(b, NULL, round_to(c->segments[i].duration, 6));
	json_close_array(b);
}

static double
frame_rate(const struct source *src)
{
	AVRational fps = av_guess_frame_rate(src->fmt, src->video, NULL);

	return fps.num > 0 && fps.den > 0 ? av_q2d(fps) : NAN;
}

static int
send_result(struct hls *h)
{
	struct buf b = BUF_INIT;
	int rc;

	job_begin_result(&b);
	json_open_array(&b, "video");
	for (size_t i = 0; i < h->n; i++) {
		const struct hls_rung *r = &h->rungs[i];

		json_open_object(&b, NULL);
		json_put_str(&b, "file", h->out->list[i].name);
		json_put_int(&b, "width", r->w);
		json_put_int(&b, "height", r->h);
		json_put_num(&b, "frame_rate",
			     round_to(frame_rate(&h->src), 3));
		json_put_bool(&b, "copied", !r->encoder);
		put_segments(&b, &r->file, i == 0);
		json_close_object(&b);
	}
	json_close_array(&b);
	if (h->src.audio && h->sound.n_segments) {
		json_open_object(&b, "audio");
		json_put_str(&b, "file", h->out->list[AUDIO_OUTPUT].name);
		json_put_int(
		    &b, "channels",
		    h->src.audio->codecpar->ch_layout.nb_channels == 1 ? 1 : 2);
		json_put_bool(&b, "copied", h->plan.copy_audio);
		put_segments(&b, &h->sound, true);
		json_close_object(&b);
	} else {
		json_put_null(&b, "audio");
	}
	rc = job_send_result(h->job, &b);
	buf_release(&b);
	return rc;
}

int
hls_run(struct job *job, struct outputs *out)
{
	struct hls *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	h->job = job;
	h->out = out;
	rc = open_all(h);
	if (rc == 0)
		rc = pass_all(h);
	if (rc == 0 && h->n && !h->rungs[0].file.n_segments)
		rc = job_fail(job, MEDIA_CORRUPT, "nothing could be decoded");
	if (rc == 0)
		rc = send_result(h);
	for (size_t i = 0; i < ARRAY_LEN(h->rungs); i++)
		hls_rung_close(&h->rungs[i]);
	cmaf_close(&h->sound);
	lane_close(&h->lane);
	avcodec_free_context(&h->decoder);
	av_packet_free(&h->packet);
	av_frame_free(&h->frame);
	av_frame_free(&h->last);
	hls_plan_release(&h->plan);
	source_close(&h->src);
	free(h);
	return rc;
}
