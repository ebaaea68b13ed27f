/*
 * ycc.h - planar RGB as Y'CbCr 4:2:0 with the matrix of BT.601: of full range
 * as JPEG (JFIF) wants it, of limited range as WebP does. Chroma lies in the
 * middle of four pixels.
 */
#ifndef PROCESSOR_MEDIA_YCC_H
#define PROCESSOR_MEDIA_YCC_H

#include <libavutil/frame.h>

/* @w x @h pixels of @rgb into @dst, YUVJ420P (full) or YUV420P (limited), with
 * their left upper corner at (x, y), both even. There must be room. */
void ycc_from_rgb(AVFrame *dst, int x, int y, const AVFrame *rgb, int w, int h);

#endif
