/*
 * Covers are JPEG or PNG. The PNG decoder is used for nothing else, so it is
 * not on the list of source.c and no stream reaches it by itself.
 */
#include "processor/media/stills/cover.h"

static const enum AVCodecID codecs[] = { AV_CODEC_ID_MJPEG, AV_CODEC_ID_PNG };

static bool
is_cover(const AVStream *st)
{
	if (!(st->disposition & AV_DISPOSITION_ATTACHED_PIC) ||
	    st->attached_pic.size <= 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
		if (st->codecpar->codec_id == codecs[i])
			return true;
	return false;
}

/* NULL: it does not decode. */
static AVFrame *
decode(const AVStream *st)
{
	const AVCodec *codec = avcodec_find_decoder(st->codecpar->codec_id);
	AVCodecContext *ctx = codec ? avcodec_alloc_context3(codec) : NULL;
	AVFrame *frame = av_frame_alloc();
	int rc = ctx && frame ? 0 : AVERROR(ENOMEM);

	if (rc == 0) {
		ctx->thread_count = 1;
		ctx->max_pixels = SOURCE_PIXELS_MAX;
		rc = avcodec_open2(ctx, codec, NULL);
	}
	if (rc >= 0)
		rc = avcodec_send_packet(ctx, &st->attached_pic);
	if (rc >= 0)
		rc = avcodec_receive_frame(ctx, frame);
	if (rc < 0)
		av_frame_free(&frame);
	avcodec_free_context(&ctx);
	return frame;
}

void
cover_decode(struct job *job, const struct source *src, AVFrame **out,
	     const AVStream **st)
{
	*out = NULL;
	for (unsigned i = 0; i < src->fmt->nb_streams && !*out; i++) {
		*st = src->fmt->streams[i];
		if (is_cover(*st) && !job_late(job))
			*out = decode(*st);
	}
}
