/*
 * edits.h - the edit lists of an MP4, which libav follows and does not tell:
 * what of a track is shown, after which gap, at which speed.
 */
#ifndef PROCESSOR_MEDIA_EDITS_H
#define PROCESSOR_MEDIA_EDITS_H

#include "processor/media/job.h"

#define EDIT_TRACKS_MAX 64
#define EDITS_MAX 16 /* of a track that are told */

struct edit {
	double duration; /* seconds */
	double from;	 /* of the track, seconds; NAN: nothing is shown */
	double rate;
};

struct edit_list {
	uint32_t track; /* libav's stream id */
	uint32_t count; /* as the file has it, possibly more than are told */
	int n;
	struct edit list[EDITS_MAX];
};

struct edits {
	size_t n;
	struct edit_list tracks[];
};

/* NULL when there are none; released by free(). */
struct edits *edits_read(const struct request *req);
/* Of the stream with that id, or NULL. */
const struct edit_list *edits_of(const struct edits *edits, int id);

#endif
