/*
 * cut.h - a stretch of the source as an MP4 of H.264 and AAC. Exact to the
 * frame, because everything is decoded and encoded again: pictures with
 * start <= time < end, samples likewise, both shifted by the same start.
 */
#ifndef PROCESSOR_MEDIA_CUT_H
#define PROCESSOR_MEDIA_CUT_H

#include "processor/media/source.h"

struct cut_result {
	double duration;  /* seconds written, of the longer stream */
	AVFrame *picture; /* the best one seen; NULL without video */
};

/* Writes to @fd. 0 or -1. @result->picture is the caller's in any case. */
int MUST_CHECK cut_run(struct job *job, struct source *src, double start,
		       double end, int fd, struct cut_result *result);

#endif
