/*
 * A short table of steps, searched from its beginning: the common ones came
 * first.
 */
#include "processor/media/pass/steps.h"

#include <math.h>

#define UNITS 1e5 /* a second */

void
steps_add(struct steps *s, double seconds)
{
	int64_t units = llround(seconds * UNITS);
	size_t i = 0;

	while (i < s->n && s->list[i].units != units)
		i++;
	if (i == STEPS_MAX) {
		s->other++;
		return;
	}
	if (i == s->n) {
		s->list[i].units = units;
		s->list[i].count = 0;
		s->n++;
	}
	s->list[i].count++;
}

void
steps_write(struct buf *b, const struct steps *s)
{
	bool done[STEPS_MAX] = { false };

	json_open_array(b, "frame_steps");
	for (size_t k = 0; k < s->n; k++) {
		size_t best = STEPS_MAX;

		for (size_t i = 0; i < s->n; i++)
			if (!done[i] &&
			    (best == STEPS_MAX ||
			     s->list[i].count > s->list[best].count))
				best = i;
		done[best] = true;
		json_open_object(b, NULL);
		json_put_num(b, "seconds", (double)s->list[best].units / UNITS);
		json_put_int(b, "count", s->list[best].count);
		json_close_object(b);
	}
	json_close_array(b);
	if (s->other)
		json_put_int(b, "frame_steps_other", s->other);
}
