/*
 * source.h - the opened input: demuxer pinned by signature, limits set, the
 * video and the audio stream chosen. Used by both jobs.
 */
#ifndef PROCESSOR_MEDIA_SOURCE_H
#define PROCESSOR_MEDIA_SOURCE_H

#include "processor/media/input/input.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

/* Times beyond this are refused: 24 hours. */
#define SOURCE_SECONDS_MAX 86400.0
/* And larger pictures: 8192 x 4320. */
#define SOURCE_PIXELS_MAX 35389440

struct source {
	struct input input;
	AVIOContext *io;
	AVFormatContext *fmt;
	AVStream *video; /* NULL when there is none we decode */
	AVStream *audio;
	AVRational
	    aspect;	 /* of a pixel, as the container has it; 0/1: unknown */
	double start;	 /* container time of our time 0, seconds */
	double duration; /* the file's own claim; 0: unknown */
};

/* Process-wide settings of libav; once, before the sandbox. */
void source_setup(void);
/* 0 or -1. Sends the deadline frame. Release after failure too. */
int MUST_CHECK source_open(struct job *job, struct source *src);
void source_close(struct source *src);
/* A decoder for @st, freed by avcodec_free_context(). */
int MUST_CHECK source_decoder(struct job *job, const AVStream *st,
			      AVCodecContext **out);
/* Seconds since the source's start; NAN for AV_NOPTS_VALUE and for stamps far
 * outside of what the file claims to last. */
double source_time(const struct source *src, const AVStream *st, int64_t pts);
/* Of a pixel: by the frame (NULL: the stream) and the container. */
AVRational source_aspect(const struct source *src, const AVFrame *frame);
/* Clockwise rotation to apply for display: 0, 90, 180 or 270. */
int source_rotation(const AVStream *st);

#endif
