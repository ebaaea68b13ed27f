/*
 * reframe.h - from a decoder's picture to an encoder's: which part of it, how
 * large, turned upright or not, as 4:2:0 of 8 bits. HDR becomes BT.709, by
 * the curve of the still pictures (tonemap.h). The plan is made once from
 * what the stream claims; a picture of another size gets the same part.
 */
#ifndef PROCESSOR_MEDIA_REFRAME_H
#define PROCESSOR_MEDIA_REFRAME_H

#include "processor/media/input/source.h"
#include "processor/media/stills/tonemap.h"
#include "processor/media/input/turn.h"

#include <libswscale/swscale.h>

struct reframe {
	/* the plan */
	int w, h; /* of the result, even */
	AVRational sar;
	bool upright; /* turned, with square pixels; else as it is stored */
	struct turn turn;
	/* the part taken, as shares of the coded picture */
	double left, top, across, down;
	bool hdr; /* of the source */
	enum AVColorRange range;
	enum AVColorSpace space;
	enum AVColorPrimaries primaries;
	enum AVColorTransferCharacteristic transfer;
	/* what it works with */
	const AVStream *st;
	struct SwsContext *sws, *sws_wide;
	struct tonemap *tones;
	AVFrame *part, *scaled, *turned, *wide, *rgb;
};

/* As it is: the stream's own size (even), aspect and direction. */
void reframe_keep(struct reframe *r, const struct source *src);
/*
 * Upright, square pixels, of the shape @ratio (width by height; 0: its own)
 * around @center_x (0 left .. 1 right, as displayed) and the middle of the
 * height; at most @max_side on its shorter side, and never enlarged.
 */
void reframe_upright(struct reframe *r, const struct source *src, double ratio,
		     double center_x, int max_side);
/* Shorter side of the picture as displayed. */
int reframe_side(const struct source *src);
/* The picture for the encoder in *out, valid until the next call; only its
 * pts and type may be changed. 0 or -1. */
int MUST_CHECK reframe_apply(struct job *job, struct reframe *r,
			     const AVFrame *frame, AVFrame **out);
void reframe_release(struct reframe *r);

#endif
