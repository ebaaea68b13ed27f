/*
 * x264.h - an encoder of H.264 for the pictures of a source.
 */
#ifndef PROCESSOR_MEDIA_X264_H
#define PROCESSOR_MEDIA_X264_H

#include "processor/media/encode/reframe.h"

struct x264_options {
	int crf;
	int64_t max_rate; /* bits a second, 0: as it comes */
	int threads;
};

/* Takes the stream's time base, colours and rate, the plan's size and
 * colours.
 * A picture of type I becomes an IDR. NULL after job_fail(). */
AVCodecContext *x264_open(struct job *job, const struct source *src,
			  const struct reframe *plan,
			  const struct x264_options *o);
/* Its next packet, with the duration that x264 does not tell. libav's
 * answers: 0, AVERROR(EAGAIN), AVERROR_EOF, .. */
int x264_receive(AVCodecContext *encoder, AVPacket *packet);

#endif
