/*
 * storyboard_index.h - where each tile of a storyboard is: WebVTT with media
 * fragments (#xywh=), as players want it, and JSON.
 */
#ifndef PROCESSOR_MEDIA_STORYBOARD_INDEX_H
#define PROCESSOR_MEDIA_STORYBOARD_INDEX_H

#include "processor/media/stills/storyboard.h"

/* The role of all its files, and what their names begin with. */
#define STORYBOARD "storyboard"

/* Writes both files and the member "storyboard". 0 or -1. */
int MUST_CHECK storyboard_index(const struct storyboard *sb, struct job *job,
				struct outputs *out, double end,
				struct buf *json);

#endif
