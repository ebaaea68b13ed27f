/*
 * boxes.h - the top-level boxes of an MP4 or MOV: where the index lies, and
 * whether the file ends before its boxes do.
 */
#ifndef PROCESSOR_MEDIA_BOXES_H
#define PROCESSOR_MEDIA_BOXES_H

#include "processor/media/job.h"

struct boxes {
	bool truncated; /* an index or media box runs past the end */
	bool moov;
	bool mdat;
	bool moov_first; /* playback can begin before all has arrived */
};

struct boxes boxes_scan(const struct request *req);

#endif
