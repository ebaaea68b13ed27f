/*
 * picture.h - a decoded frame as a JPEG: square pixels, upright, sRGB-like
 * full range as JFIF wants it.
 */
#ifndef PROCESSOR_MEDIA_PICTURE_H
#define PROCESSOR_MEDIA_PICTURE_H

#include "processor/media/job.h"

#include <libavcodec/packet.h>
#include <libavutil/frame.h>

struct picture_size {
	int w, h;
};

/* Of @frame shown with its sample aspect, turned by @rotation (clockwise
 * degrees), at most @max_width wide; never enlarged beyond that. */
struct picture_size picture_fit(const AVFrame *frame, AVRational sar,
				int rotation, int max_width);
/* The encoded picture in *out (free with av_packet_free). 0 or -1. */
int MUST_CHECK picture_jpeg(struct job *job, const AVFrame *frame, int rotation,
			    struct picture_size size, AVPacket **out);

#endif
