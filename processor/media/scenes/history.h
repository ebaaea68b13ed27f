/*
 * history.h - the last pictures, reduced, as the detection of scenes looks
 * back on them.
 */
#ifndef PROCESSOR_MEDIA_HISTORY_H
#define PROCESSOR_MEDIA_HISTORY_H

#include "processor/media/scenes/change.h"

#define HISTORY_KEEP 256
#define HISTORY_AHEAD 64 /* pictures seen after the one that is decided */

struct moment {
	double time;
	struct grid_change change; /* from the picture before */
	double texture; /* mean step between neighbours, grey levels: near 0
			 * for one colour, also between black bars */
	struct sketch sketch;
	struct outline outline;
};

struct history {
	struct moment ring[HISTORY_KEEP]; /* picture n: ring[n % KEEP] */
	int64_t seen;
};

void history_add(struct history *h, double time,
		 const struct grid_change *change, const struct grid *grid);

/* Picture n of the last HISTORY_KEEP. */
static inline const struct moment *
history_at(const struct history *h, int64_t n)
{
	return &h->ring[n % HISTORY_KEEP];
}

#endif
