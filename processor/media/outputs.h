/*
 * outputs.h - the files a job may write. The request names them all, so they
 * are created in the output directory before the sandbox closes; afterwards
 * the worker only knows descriptors. Those that were not needed stay empty,
 * and no result names them.
 */
#ifndef PROCESSOR_MEDIA_OUTPUTS_H
#define PROCESSOR_MEDIA_OUTPUTS_H

#include "processor/media/job.h"

#define OUTPUT_THUMBS 3

struct output {
	char name[MEDIA_ID_MAX + 16];
	int fd;
};

struct outputs {
	struct output *list;
	size_t n;
};

/* analyze: poster, then the thumbnails; clips: mp4 and jpg of each clip. */
int MUST_CHECK outputs_open(struct job *job, struct outputs *out);
void outputs_close(struct outputs *out);
/* Replaces the whole content. 0 or -1. */
int MUST_CHECK output_write(struct job *job, const struct output *out,
			    const void *data, size_t n);

#endif
