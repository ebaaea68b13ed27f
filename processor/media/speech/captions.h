/*
 * captions.h - the job "captions": what is said, as WebVTT and as words with
 * times. Every value comes from a recogniser that errs often; the result says
 * so.
 */
#ifndef PROCESSOR_MEDIA_CAPTIONS_H
#define PROCESSOR_MEDIA_CAPTIONS_H

#include "processor/media/outputs.h"

/* Names the files and loads the recogniser, which needs paths. 0 or -1: there
 * is none (MEDIA_UNSUPPORTED). */
int MUST_CHECK captions_prepare(struct job *job, struct outputs *out);
/* Sends the result. 0, or -1 after job_fail(). */
int MUST_CHECK captions_run(struct job *job, struct outputs *out);

#endif
