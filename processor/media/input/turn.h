/*
 * turn.h - how a decoded picture has to be turned to stand upright: one of
 * the eight ways that a display matrix without shear can name.
 */
#ifndef PROCESSOR_MEDIA_TURN_H
#define PROCESSOR_MEDIA_TURN_H

#include <stdbool.h>

#include <libavformat/avformat.h>

/* Rows become columns first, then the mirrors. */
struct turn {
	bool transpose;
	bool mirror_x;
	bool mirror_y;
};

/* By the stream's display matrix; angles between are brought to the nearest
 * quarter. NULL: as it is. */
struct turn turn_of(const AVStream *st);
bool turn_needed(struct turn t);
/* Three planes of 8 bits, GBRP or YUV that is subsampled the same way in both
 * directions and even in size; @dst has the size that follows from @t. */
void turn_picture(AVFrame *dst, const AVFrame *src, struct turn t);

#endif
