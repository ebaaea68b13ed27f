/*
 * outline.h - what two outlines, of the same size, say of each other.
 */
#ifndef PROCESSOR_MEDIA_OUTLINE_H
#define PROCESSOR_MEDIA_OUTLINE_H

#include "processor/media/scenes/grid.h"

/* Share of the cells that differ clearly. */
double outline_changed(const struct outline *a, const struct outline *b);

/* Near 1 for one scene in another light: it looks alike, and all of it became
 * brighter or all of it darker. */
double outline_relit(const struct outline *a, const struct outline *b);

#endif
