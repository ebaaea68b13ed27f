/*
 * bench-decode: the floor that the analysis is compared with. Reads a file
 * with libav, decodes its video and its audio stream on the given number of
 * threads, and throws everything away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

static const char usage[] =
    "usage: bench-decode [--keyframes] FILE THREADS\n"
    "\n"
    "  --keyframes   read and decode the key frames of the video alone\n";

struct pass {
	AVFormatContext *fmt;
	AVCodecContext *decoders[2]; /* video, audio */
	AVFrame *frame;
	long long frames[2];
	int threads;
	int keyframes;
};

static int
open_decoder(struct pass *p, int which, enum AVMediaType type)
{
	const AVCodec *codec;
	int i = av_find_best_stream(p->fmt, type, -1, -1, &codec, 0);
	AVCodecContext *ctx;

	if (i < 0)
		return 0; /* the file has none */
	ctx = p->decoders[which] = avcodec_alloc_context3(codec);
	if (!ctx || avcodec_parameters_to_context(
			ctx, p->fmt->streams[i]->codecpar) < 0)
		return -1;
	ctx->thread_count = p->threads;
	ctx->pkt_timebase = p->fmt->streams[i]->time_base;
	if (p->keyframes)
		ctx->skip_frame = AVDISCARD_NONKEY;
	p->fmt->streams[i]->discard =
	    p->keyframes ? AVDISCARD_NONKEY : AVDISCARD_DEFAULT;
	return avcodec_open2(ctx, codec, NULL);
}

static int
open_all(struct pass *p, const char *path)
{
	if (avformat_open_input(&p->fmt, path, NULL, NULL) < 0 ||
	    avformat_find_stream_info(p->fmt, NULL) < 0)
		return -1;
	for (unsigned i = 0; i < p->fmt->nb_streams; i++)
		p->fmt->streams[i]->discard = AVDISCARD_ALL;
	if (open_decoder(p, 0, AVMEDIA_TYPE_VIDEO) < 0)
		return -1;
	return p->keyframes ? 0 : open_decoder(p, 1, AVMEDIA_TYPE_AUDIO);
}

/* @packet NULL drains. */
static void
feed(struct pass *p, int which, const AVPacket *packet)
{
	AVCodecContext *ctx = p->decoders[which];

	if (!ctx || avcodec_send_packet(ctx, packet) < 0)
		return;
	while (avcodec_receive_frame(ctx, p->frame) >= 0) {
		p->frames[which]++;
		av_frame_unref(p->frame);
	}
}

static void
decode_all(struct pass *p, AVPacket *packet)
{
	while (av_read_frame(p->fmt, packet) >= 0) {
		const AVStream *st = p->fmt->streams[packet->stream_index];

		if (st->discard != AVDISCARD_ALL)
			feed(p, st->codecpar->codec_type == AVMEDIA_TYPE_AUDIO,
			     packet);
		av_packet_unref(packet);
	}
	feed(p, 0, NULL);
	feed(p, 1, NULL);
}

int
main(int argc, char **argv)
{
	struct pass p = { .frame = av_frame_alloc() };
	AVPacket *packet = av_packet_alloc();

	p.keyframes = argc > 1 && strcmp(argv[1], "--keyframes") == 0;
	if (argc != 3 + p.keyframes || !p.frame || !packet) {
		fputs(usage, stderr);
		return 2;
	}
	p.threads = (int)strtol(argv[2 + p.keyframes], NULL, 10);
	av_log_set_level(AV_LOG_QUIET);
	if (open_all(&p, argv[1 + p.keyframes]) < 0) {
		fputs("bench-decode: the file cannot be opened\n", stderr);
		return 1;
	}
	decode_all(&p, packet);
	printf("%lld pictures, %lld blocks of sound\n", p.frames[0],
	       p.frames[1]);
	avcodec_free_context(&p.decoders[0]);
	avcodec_free_context(&p.decoders[1]);
	avformat_close_input(&p.fmt);
	av_packet_free(&packet);
	av_frame_free(&p.frame);
	return p.frames[0] + p.frames[1] ? 0 : 1;
}
