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
/* RGB24 to RGB24; @dst has the size that follows from @t. */
void turn_rgb(AVFrame *dst, const AVFrame *src, struct turn t);
/* The same for planes of 8 bits of 4:2:0, even in size. */
void turn_yuv(AVFrame *dst, const AVFrame *src, struct turn t);

#endif
