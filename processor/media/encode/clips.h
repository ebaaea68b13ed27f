/*
 * clips.h - the job "clips": each asked stretch of the file as an MP4 and a
 * JPEG. A clip that cannot be made is an entry with an error; the others of
 * the job are made all the same.
 */
#ifndef PROCESSOR_MEDIA_CLIPS_H
#define PROCESSOR_MEDIA_CLIPS_H

#include "base/json.h"
#include "processor/media/outputs.h"

/* Of a media_kind (kinds.h). */
int MUST_CHECK clips_read(struct request *req, const cJSON *doc);
int MUST_CHECK clips_outputs(struct job *job, struct outputs *out);
int MUST_CHECK clips_run(struct job *job, struct outputs *out);

#endif
