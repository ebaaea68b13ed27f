/*
 * probe_stream.h - one stream in the probe document.
 */
#ifndef PROCESSOR_MEDIA_PROBE_STREAM_H
#define PROCESSOR_MEDIA_PROBE_STREAM_H

#include "base/json_write.h"
#include "processor/media/input/edits.h"
#include "processor/media/input/source.h"

/* @edits: of the file, or NULL. */
void probe_put_stream(struct buf *b, const struct source *src, AVStream *st,
		      const struct edits *edits);

#endif
