/*
 * The encoders of libavcodec, one row each: its own mjpeg and Google's
 * libwebp. One thread and AV_CODEC_FLAG_BITEXACT: the same bytes everywhere,
 * and no comment with a version.
 */
#include "processor/media/stills/still.h"
#include "processor/media/stills/picture.h"
#include "processor/media/stills/ycc.h"

#include <errno.h>

#include <libavcodec/avcodec.h>

static const struct {
	const char *encoder;
	enum AVPixelFormat pixels;
	enum AVColorRange range;
	int quality; /* the encoder's own scale */
	const char *option, *value;
} formats[] = {
	/* qscale: 2 is best, 31 worst. */
	[STILL_JPEG] = { "mjpeg", AV_PIX_FMT_YUVJ420P, AVCOL_RANGE_JPEG, 3,
			 NULL, NULL },
	/* 0 worst, 100 best. Of its methods 0..6 the second is four times as
	 * fast as the default and costs a third more bytes. */
	[STILL_WEBP] = { "libwebp", AV_PIX_FMT_YUV420P, AVCOL_RANGE_MPEG, 80,
			 "compression_level", "1" },
	/* Small pictures in great number. */
	[STILL_SPRITE] = { "mjpeg", AV_PIX_FMT_YUVJ420P, AVCOL_RANGE_JPEG, 5,
			   NULL, NULL },
};

enum AVPixelFormat
still_pixels(enum still_format format)
{
	return formats[format].pixels;
}

static int
open_encoder(enum still_format format, const AVFrame *frame,
	     AVCodecContext **out)
{
	const AVCodec *codec =
	    avcodec_find_encoder_by_name(formats[format].encoder);
	AVCodecContext *ctx = codec ? avcodec_alloc_context3(codec) : NULL;
	AVDictionary *options = NULL;
	int rc;

	if (!ctx)
		return codec ? AVERROR(ENOMEM) : AVERROR_ENCODER_NOT_FOUND;
	ctx->width = frame->width;
	ctx->height = frame->height;
	ctx->pix_fmt = (enum AVPixelFormat)frame->format;
	ctx->color_range = formats[format].range;
	ctx->time_base = (AVRational){ 1, 1 };
	ctx->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
	ctx->global_quality = FF_QP2LAMBDA * formats[format].quality;
	ctx->thread_count = 1;
	if (formats[format].option)
		av_dict_set(&options, formats[format].option,
			    formats[format].value, 0);
	rc = avcodec_open2(ctx, codec, &options);
	av_dict_free(&options);
	if (rc < 0)
		avcodec_free_context(&ctx);
	*out = ctx;
	return rc;
}

/* @frame has the format's own pixels. */
static int
encode(enum still_format format, AVFrame *frame, AVPacket *packet)
{
	AVCodecContext *ctx = NULL;
	int rc = open_encoder(format, frame, &ctx);

	frame->quality = FF_QP2LAMBDA * formats[format].quality;
	frame->pts = 0;
	if (rc >= 0)
		rc = avcodec_send_frame(ctx, frame);
	if (rc >= 0)
		rc = avcodec_receive_packet(ctx, packet);
	avcodec_free_context(&ctx);
	return rc;
}

/* A frame of our own with the format's pixels. */
static int
convert(enum still_format format, const AVFrame *picture, AVFrame **out)
{
	struct picture_size size = { picture->width, picture->height };

	if (picture->format == formats[format].pixels) {
		*out = av_frame_clone(picture);
		return *out ? 0 : AVERROR(ENOMEM);
	}
	*out = picture_frame(formats[format].pixels, size);
	if (!*out)
		return AVERROR(ENOMEM);
	ycc_from_rgb(*out, 0, 0, picture, size.w, size.h);
	return 0;
}

int
still_encode(struct job *job, const AVFrame *picture, enum still_format format,
	     AVPacket **out)
{
	AVFrame *frame = NULL;
	int rc = AVERROR(ENOMEM);

	*out = av_packet_alloc();
	if (*out)
		rc = convert(format, picture, &frame);
	if (rc >= 0)
		rc = encode(format, frame, *out);
	av_frame_free(&frame);
	if (rc >= 0)
		return 0;
	av_packet_free(out);
	return job_fail_av(job, rc, "writing a picture");
}

int
still_write(struct job *job, const AVFrame *picture, enum still_format format,
	    struct output *out, const char *role)
{
	AVPacket *packet;
	int rc = still_encode(job, picture, format, &packet);

	if (rc == 0)
		rc = output_write(job, out, packet->data, (size_t)packet->size);
	if (rc == 0)
		output_keep(out, role);
	av_packet_free(&packet);
	return rc;
}
