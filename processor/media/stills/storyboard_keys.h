/*
 * storyboard_keys.h - the job "storyboard": the storyboard from key frames
 * alone. For long files: it reads and decodes only what becomes a tile. A
 * tile shows the last key frame at or before its time.
 */
#ifndef PROCESSOR_MEDIA_STORYBOARD_KEYS_H
#define PROCESSOR_MEDIA_STORYBOARD_KEYS_H

#include "processor/media/outputs.h"

/* Sends the result; 0, or -1 after job_fail(). */
int MUST_CHECK storyboard_keys_run(struct job *job, struct outputs *out);

#endif
