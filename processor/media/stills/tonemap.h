/*
 * tonemap.h - pictures of high dynamic range (PQ and HLG) as sRGB.
 *
 * In linear light: the tones by the curve of Report ITU-R BT.2390 (EETF) from
 * the peak of the source to 203 nits, the reference white of BT.2408, applied
 * to the largest of R, G and B so that hues stay; then the primaries to
 * BT.709, what lies outside is cut off; then sRGB's transfer function.
 */
#ifndef PROCESSOR_MEDIA_TONEMAP_H
#define PROCESSOR_MEDIA_TONEMAP_H

#include <stdbool.h>

#include <libavformat/avformat.h>
#include <libavutil/frame.h>

#define TONEMAP_WHITE 203.0 /* nits that become 255 */
#define TONEMAP_PEAK 1000.0 /* nits, when the source does not tell */
#define TONEMAP_MAX 10000.0 /* nits, the end of PQ */

struct tonemap;

/* PQ or HLG? */
bool tonemap_needed(const AVFrame *frame);
/* For pictures like @frame of the stream @st; NULL: out of memory. */
struct tonemap *tonemap_new(const AVFrame *frame, const AVStream *st);
void tonemap_free(struct tonemap *t);
/* GBRP16 as libswscale makes it to GBRP of the same size. */
void tonemap_apply(const struct tonemap *t, AVFrame *gbr, const AVFrame *wide);

#endif
