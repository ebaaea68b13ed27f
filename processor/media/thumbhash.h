/*
 * thumbhash.h - Evan Wallace's ThumbHash of an opaque picture: its lowest
 * frequencies in at most 24 bytes, to be shown while the picture loads.
 * Format: https://evanw.github.io/thumbhash/
 */
#ifndef PROCESSOR_MEDIA_THUMBHASH_H
#define PROCESSOR_MEDIA_THUMBHASH_H

#include <stddef.h>
#include <stdint.h>

#define THUMBHASH_MAX 24
#define THUMBHASH_SIDE 100 /* a larger picture is scaled down first */

/* Of @w x @h samples of RGB24, rows @stride bytes apart, sides at most
 * THUMBHASH_SIDE. The number of bytes in @out, 0 when out of memory. */
size_t thumbhash(const uint8_t *rgb, ptrdiff_t stride, int w, int h,
		 uint8_t out[THUMBHASH_MAX]);

#endif
