/*
 * Opening libx264, in one place for clips and for HLS.
 */
#include "processor/media/encode/x264.h"

static void
describe(AVCodecContext *enc, const struct source *src,
	 const struct reframe *plan)
{
	AVRational fps = av_guess_frame_rate(src->fmt, src->video, NULL);

	enc->width = plan->w;
	enc->height = plan->h;
	enc->pix_fmt = AV_PIX_FMT_YUV420P;
	enc->sample_aspect_ratio = plan->sar;
	enc->time_base = src->video->time_base;
	enc->framerate =
	    fps.num > 0 && fps.den > 0 ? fps : (AVRational){ 25, 1 };
	enc->color_primaries = plan->primaries;
	enc->color_trc = plan->transfer;
	enc->colorspace = plan->space;
	enc->color_range = plan->range;
	enc->chroma_sample_location = src->video->codecpar->chroma_location;
}

AVCodecContext *
x264_open(struct job *job, const struct source *src, const struct reframe *plan,
	  const struct x264_options *o)
{
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	AVCodecContext *enc = codec ? avcodec_alloc_context3(codec) : NULL;
	AVDictionary *options = NULL;
	int rc;

	if (!codec || !enc) {
		job_fail(job, codec ? MEDIA_LIMIT : MEDIA_INTERNAL,
			 codec ? "out of memory" : "there is no libx264");
		return NULL;
	}
	describe(enc, src, plan);
	enc->thread_count = o->threads;
	enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	enc->rc_max_rate = o->max_rate;
	enc->rc_buffer_size = (int)(2 * o->max_rate);
	av_dict_set(&options, "preset", "veryfast", 0);
	av_dict_set(&options, "forced-idr", "1", 0);
	av_dict_set_int(&options, "crf", o->crf, 0);
	rc = avcodec_open2(enc, NULL, &options);
	av_dict_free(&options);
	if (rc < 0) {
		avcodec_free_context(&enc);
		job_fail_av(job, rc, "opening the encoder");
	}
	return enc;
}

int
x264_receive(AVCodecContext *enc, AVPacket *packet)
{
	int rc = avcodec_receive_packet(enc, packet);

	if (rc == 0)
		packet->duration =
		    av_rescale_q(1, av_inv_q(enc->framerate), enc->time_base);
	return rc;
}
