/*
 * clips.h - the job "clips": each asked stretch of the file as an MP4 and a
 * JPEG. A clip that cannot be made is an entry with an error; the others of
 * the job are made all the same.
 */
#ifndef PROCESSOR_MEDIA_CLIPS_H
#define PROCESSOR_MEDIA_CLIPS_H

#include "processor/media/outputs.h"

/* Sends the result; 0, or -1 after job_fail(). */
int MUST_CHECK clips_run(struct job *job, const struct outputs *out);

#endif
