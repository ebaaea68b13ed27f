/*
 * Pictures: kept when start <= time < end, scaled only when the encoder needs
 * another format or an even size.
 */
#include "processor/media/lane.h"

#include <math.h>

#include <libavutil/pixdesc.h>

#define HALF_TICK 1e-4 /* seconds; rounding of a time base, never a frame */

static void
describe(struct lane *lane)
{
	AVCodecContext *enc = lane->encoder;
	const AVCodecParameters *par = lane->from->codecpar;
	AVRational fps = av_guess_frame_rate(lane->src->fmt, lane->from, NULL);

	enc->width = par->width & ~1;
	enc->height = par->height & ~1;
	enc->pix_fmt = AV_PIX_FMT_YUV420P;
	enc->sample_aspect_ratio = source_aspect(lane->src, NULL);
	enc->time_base = lane->from->time_base;
	enc->framerate =
	    fps.num > 0 && fps.den > 0 ? fps : (AVRational){ 25, 1 };
	enc->thread_count = lane->job->req.threads;
	enc->color_primaries = par->color_primaries;
	enc->color_trc = par->color_trc;
	enc->colorspace = par->color_space == AVCOL_SPC_RGB ? AVCOL_SPC_BT709
							    : par->color_space;
	/* Other formats are brought to limited range on the way. */
	enc->color_range = par->format == AV_PIX_FMT_YUV420P ? par->color_range
							     : AVCOL_RANGE_MPEG;
	enc->chroma_sample_location = par->chroma_location;
}

/* Phones record sideways and say so: the players go on turning it. */
static int
copy_rotation(struct lane *lane)
{
	size_t size;
	const uint8_t *matrix = av_stream_get_side_data(
	    lane->from, AV_PKT_DATA_DISPLAYMATRIX, &size);
	uint8_t *copy;

	if (!matrix)
		return 0;
	copy =
	    av_stream_new_side_data(lane->to, AV_PKT_DATA_DISPLAYMATRIX, size);
	if (!copy)
		return job_fail(lane->job, MEDIA_LIMIT, "out of memory");
	memcpy(copy, matrix, size);
	return 0;
}

int
lane_open_video(struct lane *lane, struct job *job, const struct source *src,
		struct mux *mux)
{
	const AVCodec *x264 = avcodec_find_encoder_by_name("libx264");
	AVDictionary *options = NULL;
	int rc;

	lane->job = job;
	lane->src = src;
	lane->mux = mux;
	lane->from = src->video;
	lane->last_pts = INT64_MIN;
	if (!x264)
		return job_fail(job, MEDIA_INTERNAL, "there is no libx264");
	lane->packet = av_packet_alloc();
	lane->scaled = av_frame_alloc();
	lane->encoder = avcodec_alloc_context3(x264);
	if (!lane->packet || !lane->scaled || !lane->encoder)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (source_decoder(job, lane->from, &lane->decoder) != 0)
		return -1;
	describe(lane);
	av_dict_set(&options, "preset", "veryfast", 0);
	av_dict_set(&options, "crf", "20", 0);
	rc = lane_open_encoder(lane, &options);
	av_dict_free(&options);
	return rc != 0 ? -1 : copy_rotation(lane);
}

static bool
fits(const struct lane *lane, const AVFrame *f)
{
	return f->format == lane->encoder->pix_fmt &&
	       f->width == lane->encoder->width &&
	       f->height == lane->encoder->height;
}

/* The frame in lane->scaled, with the encoder's size and format. */
static int
scale(struct lane *lane, const AVFrame *f)
{
	const AVCodecContext *enc = lane->encoder;
	const AVPixFmtDescriptor *d =
	    av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
	const int *matrix;
	bool full;
	int rc;

	lane->sws = sws_getCachedContext(
	    lane->sws, f->width, f->height, (enum AVPixelFormat)f->format,
	    enc->width, enc->height, enc->pix_fmt,
	    SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
	if (!lane->sws || !d)
		return job_fail(lane->job, MEDIA_UNSUPPORTED,
				"the pixel format cannot be converted");
	full = f->color_range == AVCOL_RANGE_JPEG ||
	       d->flags & AV_PIX_FMT_FLAG_RGB;
	matrix = sws_getCoefficients((int)enc->colorspace);
	sws_setColorspaceDetails(lane->sws, matrix, full, matrix,
				 enc->color_range == AVCOL_RANGE_JPEG, 0,
				 1 << 16, 1 << 16);
	av_frame_unref(lane->scaled);
	lane->scaled->format = enc->pix_fmt;
	lane->scaled->width = enc->width;
	lane->scaled->height = enc->height;
	rc = av_frame_get_buffer(lane->scaled, 0);
	if (rc >= 0)
		rc = sws_scale(lane->sws, (const uint8_t *const *)f->data,
			       f->linesize, 0, f->height, lane->scaled->data,
			       lane->scaled->linesize);
	return rc < 0 ? job_fail_av(lane->job, rc, "scaling") : 0;
}

int
lane_video(struct lane *lane, AVFrame *frame, bool *kept)
{
	double t =
	    source_time(lane->src, lane->from, frame->best_effort_timestamp);
	AVFrame *use = frame;
	int64_t pts;

	*kept = false;
	if (isnan(t) || t < lane->start - HALF_TICK)
		return 0;
	if (t >= lane->end - HALF_TICK) {
		lane->done = true;
		return 0;
	}
	pts = llround((t - lane->start) / av_q2d(lane->encoder->time_base));
	if (pts <= lane->last_pts)
		return 0;
	if (!fits(lane, frame)) {
		if (scale(lane, frame) != 0)
			return -1;
		use = lane->scaled;
	}
	use->pts = lane->last_pts = pts;
	use->pict_type = AV_PICTURE_TYPE_NONE;
	lane->filled =
	    t - lane->start + av_q2d(av_inv_q(lane->encoder->framerate));
	*kept = true;
	return lane_encode(lane, use);
}

int
lane_flush_video(struct lane *lane)
{
	return lane_encode(lane, NULL);
}
