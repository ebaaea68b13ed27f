/*
 * probe.h - what the container and the codecs say about the file, with the
 * names and spellings of ffprobe; as the request "probe" that alone, without a
 * pass over the file. What is unknown is left out or null.
 */
#ifndef PROCESSOR_MEDIA_PROBE_H
#define PROCESSOR_MEDIA_PROBE_H

#include "processor/media/pass/decode.h"

/* The member "probe" into @json. @decoded: NULL when nothing was decoded. */
void probe_write(struct buf *json, const struct job *job,
		 const struct source *src, const struct decoded *decoded);

/* The request "probe", as kinds.h has it. */
int MUST_CHECK probe_run(struct job *job, struct outputs *out);

#endif
