/*
 * sound.h - decoded sound in a shape of our choice, which stays the same when
 * the stream changes its own.
 */
#ifndef PROCESSOR_MEDIA_SOUND_H
#define PROCESSOR_MEDIA_SOUND_H

#include "processor/media/job.h"

#include <libavutil/frame.h>
#include <libswresample/swresample.h>

struct sound_shape {
	enum AVSampleFormat format;
	int rate;
	int channels; /* in the default layout of their number */
};

/* Empties @f and gives it the shape, with room for @n samples (0: none). */
int MUST_CHECK sound_prepare(struct job *job, AVFrame *f,
			     const struct sound_shape *shape, int n);
/* @in as @out; *swr is made at first, freed by swr_free(). */
int MUST_CHECK sound_convert(struct job *job, SwrContext **swr, AVFrame *out,
			     const struct sound_shape *shape,
			     const AVFrame *in);

#endif
