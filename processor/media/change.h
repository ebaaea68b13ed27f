/*
 * change.h - how one picture follows another. Works on sketches, the grid
 * reduced again, which cost next to nothing to compare and to keep.
 */
#ifndef PROCESSOR_MEDIA_CHANGE_H
#define PROCESSOR_MEDIA_CHANGE_H

#include "processor/media/grid.h"

/* The sketch and the outline of a filled grid. */
void grid_sketch(struct grid *g);

/* Of pictures of different size: the largest change. */
struct grid_change grid_compare(const struct grid *a, const struct grid *b);

#endif
