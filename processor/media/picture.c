/*
 * Frame -> scaled RGB (with the stream's own matrix and range) -> turned ->
 * JPEG. By way of RGB, because a plain YUV to YUV scale keeps BT.709 numbers
 * where JFIF means BT.601. Bicubic: SWS_FAST_BILINEAR would generate code,
 * which the sandbox forbids.
 */
#include "processor/media/picture.h"

#include <errno.h>
#include <math.h>

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#define JPEG_QUALITY 3 /* qscale, 2 best .. 31 */

struct picture_size
picture_fit(const AVFrame *frame, AVRational sar, int rotation, int max_width)
{
	double ratio = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;
	double w, h, scale;

	if (ratio < 0.05 || ratio > 20)
		ratio = 1;
	w = frame->width * ratio;
	h = frame->height;
	if (rotation % 180) {
		double t = w;

		w = h;
		h = t;
	}
	scale = fmin(1, max_width / w);
	/* A very tall picture must not become a very large one. */
	scale = fmin(scale, 4.0 * max_width / h);
	return (struct picture_size){ (int)fmax(1, lround(w * scale)),
				      (int)fmax(1, lround(h * scale)) };
}

static int
scale_to(const AVFrame *src, AVFrame *dst, int src_space, bool src_full)
{
	struct SwsContext *sws = sws_getContext(
	    src->width, src->height, (enum AVPixelFormat)src->format,
	    dst->width, dst->height, (enum AVPixelFormat)dst->format,
	    SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL,
	    NULL);
	int rc;

	if (!sws)
		return AVERROR_PATCHWELCOME;
	sws_setColorspaceDetails(sws, sws_getCoefficients(src_space), src_full,
				 sws_getCoefficients(SWS_CS_ITU601), 1, 0,
				 1 << 16, 1 << 16);
	rc = av_frame_get_buffer(dst, 0);
	if (rc >= 0)
		rc = sws_scale(sws, (const uint8_t *const *)src->data,
			       src->linesize, 0, src->height, dst->data,
			       dst->linesize);
	sws_freeContext(sws);
	return rc < 0 ? rc : 0;
}

static AVFrame *
new_frame(enum AVPixelFormat format, int w, int h)
{
	AVFrame *f = av_frame_alloc();

	if (f) {
		f->format = format;
		f->width = w;
		f->height = h;
	}
	return f;
}

/* dst gets src (RGB24) turned clockwise. */
static void
turn(AVFrame *dst, const AVFrame *src, int rotation)
{
	for (int y = 0; y < src->height; y++) {
		const uint8_t *from = src->data[0] + y * src->linesize[0];

		for (int x = 0; x < src->width; x++, from += 3) {
			int tx = rotation == 90	   ? src->height - 1 - y
				 : rotation == 270 ? y
						   : src->width - 1 - x;
			int ty = rotation == 90	   ? x
				 : rotation == 270 ? src->width - 1 - x
						   : src->height - 1 - y;

			memcpy(dst->data[0] + ty * dst->linesize[0] + 3 * tx,
			       from, 3);
		}
	}
}

static int
encode(const AVFrame *frame, AVPacket **out)
{
	AVCodecContext *ctx =
	    avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
	AVPacket *packet = av_packet_alloc();
	int rc = AVERROR(ENOMEM);

	if (!ctx || !packet)
		goto out;
	ctx->width = frame->width;
	ctx->height = frame->height;
	ctx->pix_fmt = (enum AVPixelFormat)frame->format;
	ctx->color_range = AVCOL_RANGE_JPEG;
	ctx->time_base = (AVRational){ 1, 1 };
	ctx->flags |= AV_CODEC_FLAG_QSCALE;
	ctx->global_quality = FF_QP2LAMBDA * JPEG_QUALITY;
	ctx->thread_count = 1;
	rc = avcodec_open2(ctx, NULL, NULL);
	if (rc >= 0)
		rc = avcodec_send_frame(ctx, frame);
	if (rc >= 0)
		rc = avcodec_receive_packet(ctx, packet);
	if (rc >= 0) {
		*out = packet;
		packet = NULL;
	}
out:
	av_packet_free(&packet);
	avcodec_free_context(&ctx);
	return rc < 0 ? rc : 0;
}

int
picture_jpeg(struct job *job, const AVFrame *frame, int rotation,
	     struct picture_size size, AVPacket **out)
{
	bool sideways = rotation % 180 != 0;
	AVFrame *rgb = new_frame(AV_PIX_FMT_RGB24, sideways ? size.h : size.w,
				 sideways ? size.w : size.h);
	AVFrame *upright = new_frame(AV_PIX_FMT_RGB24, size.w, size.h);
	AVFrame *yuv = new_frame(AV_PIX_FMT_YUVJ420P, size.w, size.h);
	int rc = AVERROR(ENOMEM);

	if (!rgb || !upright || !yuv)
		goto out;
	yuv->quality = FF_QP2LAMBDA * JPEG_QUALITY;
	rc = scale_to(frame, rgb, (int)frame->colorspace,
		      frame->color_range == AVCOL_RANGE_JPEG);
	if (rc >= 0 && rotation) {
		rc = av_frame_get_buffer(upright, 0);
		if (rc >= 0)
			turn(upright, rgb, rotation);
	}
	if (rc >= 0)
		rc = scale_to(rotation ? upright : rgb, yuv, SWS_CS_ITU601,
			      true);
	if (rc >= 0)
		rc = encode(yuv, out);
out:
	av_frame_free(&rgb);
	av_frame_free(&upright);
	av_frame_free(&yuv);
	return rc < 0 ? job_fail_av(job, rc, "writing a picture") : 0;
}
