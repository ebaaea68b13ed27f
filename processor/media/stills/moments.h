/*
 * moments.h - the job "thumbnails": the pictures on the screen at given
 * times, found by seeking.
 */
#ifndef PROCESSOR_MEDIA_MOMENTS_H
#define PROCESSOR_MEDIA_MOMENTS_H

#include "base/json.h"
#include "processor/media/outputs.h"

/* The members "times": seconds, sorted here, each millisecond once; and
 * "exact": false for the key frame at or before each. */
int MUST_CHECK moments_read(struct request *req, const cJSON *doc);
/* at-MS.jpg and at-MS.webp of each: the same time is the same name. */
int MUST_CHECK moments_outputs(struct job *job, struct outputs *out);
/* Sends the result; 0, or -1 after job_fail(). */
int MUST_CHECK moments_run(struct job *job, struct outputs *out);

#endif
