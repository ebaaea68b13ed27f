/*
 * hls.h - the job "hls": the file as CMAF renditions, one file of segments
 * each. Their names are known before anything is read: hls-0.mp4 (the
 * largest) .. hls-4.mp4, hls-audio.mp4. The playlists are the broker's, from
 * the numbers in the result.
 */
#ifndef PROCESSOR_MEDIA_HLS_H
#define PROCESSOR_MEDIA_HLS_H

#include "processor/media/outputs.h"

/* Of a media_kind (kinds.h). */
int MUST_CHECK hls_outputs(struct job *job, struct outputs *out);
int MUST_CHECK hls_run(struct job *job, struct outputs *out);

#endif
