/*
 * picture.h - a decoded frame as a viewer sees it: planar RGB of 8 bits,
 * sRGB, square pixels, upright.
 */
#ifndef PROCESSOR_MEDIA_PICTURE_H
#define PROCESSOR_MEDIA_PICTURE_H

#include "processor/media/input/source.h"
#include "processor/media/stills/tonemap.h"
#include "processor/media/input/turn.h"

#include <libswscale/swscale.h>

#define PICTURE_PIXELS AV_PIX_FMT_GBRP

struct picture_size {
	int w, h;
};

/* Brings frames of one stream to pictures; {0} but for the first four. It
 * keeps its tables from one frame to the next. */
struct picture_maker {
	struct job *job;
	const struct source *src; /* NULL: square pixels */
	const AVStream *st;	  /* of the frames; NULL: of none */
	struct picture_size most; /* a picture fits into this */
	struct SwsContext *sws;
	struct tonemap *tones;
};

/* The size of @frame shown with the aspect @sar of its pixels, turned by @t,
 * that fits into @most; never enlarged. */
struct picture_size picture_fit(const AVFrame *frame, AVRational sar,
				struct turn t, struct picture_size most);
/* The caller's frame in *out. 0 or -1. */
int MUST_CHECK picture_make(struct picture_maker *m, const AVFrame *frame,
			    AVFrame **out);
void picture_release(struct picture_maker *m);

/* A picture scaled to the size of @dst, which has memory. A libav error or 0.
 */
int MUST_CHECK picture_scale(struct SwsContext **sws, AVFrame *dst,
			     const AVFrame *rgb);
/* With memory; NULL: out of it. */
AVFrame *picture_frame(enum AVPixelFormat format, struct picture_size size);

#endif
