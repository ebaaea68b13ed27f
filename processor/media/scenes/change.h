/*
 * change.h - how one picture follows another. Works on sketches, the grid
 * reduced again, which cost next to nothing to compare and to keep.
 */
#ifndef PROCESSOR_MEDIA_CHANGE_H
#define PROCESSOR_MEDIA_CHANGE_H

#include "processor/media/scenes/grid.h"

/* The sketch and the outline of a filled grid. */
void grid_sketch(struct grid *g);

/* How b follows a. Of those of different size: the largest change. */
struct grid_change sketch_compare(const struct sketch *a,
				  const struct sketch *b);
struct grid_change grid_compare(const struct grid *a, const struct grid *b);

/* What of b is not to be found in a, however it has moved or was lit: each
 * block is compared with the places near its own, and near where the whole
 * picture has moved to. 0 is the same scene, 1 another one. */
double sketch_novelty(const struct sketch *a, const struct sketch *b);

#endif
