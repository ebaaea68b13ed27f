/*
 * plane.h - one component of a decoded picture, as its samples lie in memory:
 * what all readers of pixels share. Nothing is converted.
 *
 * Of RGB pictures, green stands in for luma and the others for chroma.
 */
#ifndef PROCESSOR_MEDIA_PLANE_H
#define PROCESSOR_MEDIA_PLANE_H

#include <stdbool.h>
#include <stdint.h>

#include <libavutil/frame.h>

enum { PLANE_Y, PLANE_U, PLANE_V };

struct plane {
	const uint8_t *p;
	ptrdiff_t stride;
	int w, h;
	int step;  /* bytes to the next sample */
	int shift; /* right, to 8 bits */
	bool wide; /* two bytes, native order */
};

/* false: the format has no such component, or none that can be read
 * (palettes, floating point, foreign byte order). */
bool plane_of(struct plane *out, const AVFrame *frame, int component);

/* The value of 8 bits at @sample of a wide plane. */
static inline uint8_t
plane_high_byte(const uint8_t *sample, int shift)
{
	return (uint8_t)(*(const uint16_t *)(const void *)sample >> shift);
}

/* Samples x..x+n-1 of row @y as bytes: in place where they are, else in
 * @room, which has n. */
const uint8_t *plane_bytes(const struct plane *v, int x, int y, int n,
			   uint8_t *room);

#endif
