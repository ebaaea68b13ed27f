/*
 * cut.h - a stretch of the source as an MP4 of H.264 and AAC. Exact to the
 * frame, because everything is decoded and encoded again: pictures with
 * start <= time < end, samples likewise, both shifted by the same start. Or,
 * where that was asked for and an IDR lies at the start, the packets as they
 * are.
 */
#ifndef PROCESSOR_MEDIA_CUT_H
#define PROCESSOR_MEDIA_CUT_H

#include "processor/media/input/source.h"

struct cut_result {
	double duration;  /* seconds written, of the longer stream */
	AVFrame *picture; /* the best one seen; NULL without video */
	bool upright;	  /* as it is, and its pixels are square */
	bool copied;
	const char *why_not; /* copying was asked for: why it was not done */
};

/* Writes to @fd. 0 or -1. @result->picture is the caller's in any case. */
int MUST_CHECK cut_run(struct job *job, struct source *src,
		       const struct clip_request *clip, int fd,
		       struct cut_result *result);

/* To where reading must begin for what starts at @start. 0 or -1. */
int MUST_CHECK cut_seek(struct job *job, struct source *src, double start);
/* NULL: an IDR lies at the clip's start, in *start its own time. Else why the
 * clip cannot be copied, or "" after job_fail(). */
const char *cut_copy_start(struct job *job, struct source *src,
			   const struct clip_request *clip, double *start);

#endif
