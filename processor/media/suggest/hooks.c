/*
 * Hooks by the second: jumps of the loudness and motion series, and the cuts
 * that are beyond doubt. The best MAX of them, in order of time. Questions
 * and statements need a transcript; they are never guessed.
 */
#include "processor/media/suggest/hooks.h"
#include "processor/media/suggest/score.h"

#include <math.h>

#define MAX 20
#define JUMP_LU 8.0	 /* above the mean of the seconds before */
#define JUMP_MOTION 0.25 /* likewise */
#define MOTION_MIN 0.3
#define CUT_SURE 0.9
#define BEFORE 3
#define CLIP 15.0 /* seconds of the clip a hook suggests */

struct hook {
	double time;
	const char *type;
	double confidence;
};

/* Keeps the best MAX; the earlier one when equal. */
static void
add(struct hook *list, size_t *n, struct hook h)
{
	size_t least = 0;

	if (*n < MAX) {
		list[(*n)++] = h;
		return;
	}
	for (size_t i = 1; i < MAX; i++)
		if (list[i].confidence <= list[least].confidence)
			least = i;
	if (h.confidence > list[least].confidence)
		list[least] = h;
}

/* How far second i lies above the seconds before it; NAN at the start. */
static double
jump(const double *series, size_t n, size_t i)
{
	return series[i] - score_mean(series, n, (double)i - BEFORE, (double)i);
}

static void
find_sounds(const struct findings *f, struct hook *list, size_t *n)
{
	for (size_t i = 1; i < f->n_loudness; i++) {
		double up = jump(f->loudness, f->n_loudness, i);

		if (up >= JUMP_LU)
			add(list, n,
			    (struct hook){ (double)i, "audio",
					   fmin(up / (3 * JUMP_LU), 1) });
	}
}

static void
find_motion(const struct findings *f, struct hook *list, size_t *n)
{
	for (size_t i = 1; i < f->n_motion; i++) {
		double up = jump(f->motion, f->n_motion, i);

		if (up >= JUMP_MOTION && f->motion[i] >= MOTION_MIN)
			add(list, n,
			    (struct hook){ (double)i, "visual",
					   fmin(up / (3 * JUMP_MOTION), 1) });
	}
}

static void
find_cuts(const struct findings *f, struct hook *list, size_t *n)
{
	for (size_t i = 0; i < f->n_cuts; i++)
		if (f->cuts[i].transition != TRANSITION_CUT ||
		    f->cuts[i].confidence >= CUT_SURE)
			add(list, n,
			    (struct hook){ f->cuts[i].time, "transition",
					   f->cuts[i].confidence / 2 });
}

static int
by_time(const void *a, const void *b)
{
	const struct hook *x = a, *y = b;

	if (x->time < y->time || x->time > y->time)
		return x->time < y->time ? -1 : 1;
	return strcmp(x->type, y->type);
}

void
hooks_write(struct buf *b, const struct findings *f)
{
	struct hook list[MAX];
	size_t n = 0;

	find_sounds(f, list, &n);
	find_motion(f, list, &n);
	find_cuts(f, list, &n);
	qsort(list, n, sizeof(*list), by_time);
	json_open_array(b, "hooks");
	for (size_t i = 0; i < n; i++) {
		double end = fmin(list[i].time + CLIP, f->duration);

		json_open_object(b, NULL);
		json_put_num(b, "timestamp", round_to(list[i].time, 3));
		json_put_str(b, "type", list[i].type);
		json_put_num(b, "confidence", round_to(list[i].confidence, 3));
		json_put_null(b, "text");
		json_put_num(b, "suggested_clip_start",
			     round_to(list[i].time, 3));
		json_put_num(b, "suggested_clip_end", round_to(end, 3));
		json_close_object(b);
	}
	json_close_array(b);
}
