/*
 * glance.h - now and then a picture as people see it: luma of 8 bits, upright,
 * square pixels, the longer side at most 640. What cannot be told from a grid
 * (letters, faces) is looked for in stills.
 */
#ifndef PROCESSOR_MEDIA_GLANCE_H
#define PROCESSOR_MEDIA_GLANCE_H

#include "processor/media/input/turn.h"

#include <stdint.h>

#include <libavutil/frame.h>

#define GLANCE_SIDE 640

struct glance {
	int w, h;
	uint8_t y[GLANCE_SIDE * GLANCE_SIDE];
	/* While it is made: before it is turned, and where the columns begin
	 * in the source. */
	uint8_t room[GLANCE_SIDE * GLANCE_SIDE];
	int column[GLANCE_SIDE + 1];
};

/* @frame shown with its sample aspect, turned upright. false: the pixel format
 * cannot be read. */
bool glance_take(struct glance *g, const AVFrame *frame, AVRational sar,
		 struct turn turn);

#endif
