/*
 * One picture of 16 x 16 goes the way that all pictures go: H.264, scaled,
 * JPEG and WebP. It takes about a millisecond.
 */
#include "processor/media/warmup.h"
#include "processor/media/vision/faces.h"
#include "processor/media/stills/picture.h"
#include "processor/media/input/sniff.h"
#include "processor/media/input/source.h"
#include "processor/media/stills/still.h"

#include <malloc.h>
#include <signal.h>

/* Sequence, parameters, one grey picture (x264, baseline). */
static const uint8_t sample[] = {
	0x00, 0x00, 0x00, 0x01, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x1e, 0xc0, 0x44,
	0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x48,
	0x99, 0x20, 0x00, 0x00, 0x00, 0x01, 0x68, 0xcb, 0x83, 0xcb, 0x20, 0x00,
	0x00, 0x01, 0x65, 0x88, 0x84, 0x0a, 0xf2, 0x62, 0x80, 0x01, 0x7c
};

static int
decode_sample(AVCodecContext *ctx, AVPacket *packet, AVFrame *frame)
{
	int rc = av_new_packet(packet, sizeof(sample));

	if (rc < 0)
		return rc;
	memcpy(packet->data, sample, sizeof(sample));
	ctx->thread_count = 1;
	rc = avcodec_open2(ctx, NULL, NULL);
	if (rc >= 0)
		rc = avcodec_send_packet(ctx, packet);
	if (rc >= 0)
		rc = avcodec_send_packet(ctx, NULL);
	return rc >= 0 ? avcodec_receive_frame(ctx, frame) : rc;
}

/* As JPEG and as WebP. */
static int
write_sample(const AVFrame *frame)
{
	struct job job = { .deadline_us = INT64_MAX };
	struct source src = { 0 };
	struct picture_maker maker = { .job = &job,
				       .src = &src,
				       .most = { 8, 8 } };
	AVFrame *picture = NULL;
	AVPacket *packet = NULL;
	int rc = picture_make(&maker, frame, &picture);

	for (int i = STILL_JPEG; i <= STILL_WEBP && rc == 0; i++) {
		rc = still_encode(&job, picture, (enum still_format)i, &packet);
		av_packet_free(&packet);
	}
	av_frame_free(&picture);
	picture_release(&maker);
	return rc;
}

static int
show_sample(void)
{
	AVCodecContext *ctx =
	    avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	int rc = -1;

	if (ctx && packet && frame && decode_sample(ctx, packet, frame) >= 0)
		rc = write_sample(frame);
	av_packet_free(&packet);
	av_frame_free(&frame);
	avcodec_free_context(&ctx);
	return rc;
}

int
warm_up(void)
{
	/* Each arena reserves 64 MiB of address space, which is limited. */
	mallopt(M_ARENA_MAX, 2);
	clearenv();
	tzset();
	signal(SIGPIPE, SIG_IGN);
	sniff_load();
	faces_load();
	source_setup();
	return show_sample();
}
