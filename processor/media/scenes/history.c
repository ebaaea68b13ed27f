/*
 * One entry per picture; nothing grows.
 */
#include "processor/media/scenes/history.h"

#include <stdlib.h>

static double
texture_of(const struct outline *o)
{
	int sum = 0;

	for (int y = 0; y < o->h; y++)
		for (int x = 1; x < o->w; x++)
			sum += abs(o->cells[y * o->w + x] -
				   o->cells[y * o->w + x - 1]);
	return o->w > 1 ? (double)sum / (o->h * (o->w - 1)) : 0;
}

void
history_add(struct history *h, double time, const struct grid_change *change,
	    const struct grid *grid)
{
	h->ring[h->seen++ % HISTORY_KEEP] =
	    (struct moment){ .time = time,
			     .change = *change,
			     .texture = texture_of(&grid->outline),
			     .sketch = grid->sketch,
			     .outline = grid->outline };
}
