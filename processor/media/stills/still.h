/*
 * still.h - a picture as a file. Only pixels are written: no maker, place or
 * profile of the source, no name of the encoder.
 */
#ifndef PROCESSOR_MEDIA_STILL_H
#define PROCESSOR_MEDIA_STILL_H

#include "processor/media/outputs.h"

#include <libavcodec/packet.h>
#include <libavutil/frame.h>

enum still_format { STILL_JPEG, STILL_WEBP, STILL_SPRITE };

/* @picture: planar RGB, or what still_pixels() says. The caller's packet in
 * *out. 0 or -1. */
int MUST_CHECK still_encode(struct job *job, const AVFrame *picture,
			    enum still_format format, AVPacket **out);
/* Encoded, written to @out and kept as @role. 0 or -1. */
int MUST_CHECK still_write(struct job *job, const AVFrame *picture,
			   enum still_format format, struct output *out,
			   const char *role);
/* The pixel format that needs no conversion. */
enum AVPixelFormat still_pixels(enum still_format format);

#endif
