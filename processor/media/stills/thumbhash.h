/*
 * thumbhash.h - Evan Wallace's ThumbHash of an opaque picture: its lowest
 * frequencies in at most 24 bytes, to be shown while the picture loads.
 * Format: https://evanw.github.io/thumbhash/
 */
#ifndef PROCESSOR_MEDIA_THUMBHASH_H
#define PROCESSOR_MEDIA_THUMBHASH_H

#include <libavutil/frame.h>

#define THUMBHASH_MAX 24
#define THUMBHASH_SIDE 100 /* a larger picture is scaled down first */

/* Of a picture of GBRP, its sides at most THUMBHASH_SIDE. The number of bytes
 * in @out, 0 when out of memory. */
size_t thumbhash(const AVFrame *rgb, uint8_t out[THUMBHASH_MAX]);

#endif
