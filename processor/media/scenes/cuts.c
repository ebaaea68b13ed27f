/*
 * A picture is decided once so many later ones have been seen that a flash
 * would be over. The dear questions are asked only of pictures that the cheap
 * ones leave in doubt.
 */
#include "processor/media/scenes/cuts.h"

#include <math.h>
#include <stdlib.h>

#define SIDE 3		  /* neighbours on each side of a candidate */
#define LOOK 14		  /* pictures looked ahead, and back */
#define FLASH 0.2	  /* longest flash, seconds */
#define CHANGE_MIN 5.0	  /* grey levels: less is never a cut */
#define NEIGHBOUR_MIN 1.0 /* a still picture has no change to compare to */
#define BACK_MIN 0.2	  /* of the change: less is the same picture again */
#define CELL_CHANGED 10	  /* grey levels */
#define BESIDE 2	  /* pictures beside the cut that have to be new too */

/* By logistic regression over synthetic films. */
static const struct {
	double bias, change, ratio, share, novelty, back;
} weights = { -15.86, 0.68, 3.5, 2.11, 5.96, 6.01 };

/* Mean change around n, of the pictures that exist. */
static double
neighbours(const struct history *h, int64_t n)
{
	double sum = 0;
	int count = 0;

	for (int64_t i = n - SIDE; i <= n + SIDE; i++) {
		if (i < 1 || i >= h->seen || i == n)
			continue;
		sum += history_at(h, i)->change.residual;
		count++;
	}
	return fmax(count ? sum / count : 0, NEIGHBOUR_MIN);
}

/* Share of the cells that change. */
static double
share(const struct outline *a, const struct outline *b)
{
	int n = 0;

	if (a->n != b->n)
		return 1;
	for (int i = 0; i < a->n; i++)
		n += abs(a->cells[i] - b->cells[i]) >= CELL_CHANGED;
	return (double)n / a->n;
}

/* Of the pictures at the cut, and of those a little beside it: what passes
 * through the view hides it only for a moment. */
static double
novelty(const struct history *h, int64_t n)
{
	int64_t before = n - 1 - BESIDE, after = n + BESIDE;

	before = before < 0 ? 0 : before;
	after = after < h->seen ? after : h->seen - 1;
	return fmin(sketch_novelty(&history_at(h, n - 1)->sketch,
				   &history_at(h, n)->sketch),
		    sketch_novelty(&history_at(h, before)->sketch,
				   &history_at(h, after)->sketch));
}

static double
change_between(const struct history *h, int64_t a, int64_t b)
{
	if (a < 0 || b >= h->seen ||
	    history_at(h, b)->time - history_at(h, a)->time > FLASH)
		return INFINITY;
	return sketch_compare(&history_at(h, a)->sketch,
			      &history_at(h, b)->sketch)
	    .residual;
}

/* The least change from one side of picture n to the other, that from n - 1
 * to n being 1: a flash goes as it came. */
static double
back(const struct history *h, int64_t n, double change)
{
	double least = change;

	for (int64_t k = 1; k < LOOK; k++)
		least = fmin(least, fmin(change_between(h, n - 1, n + k),
					 change_between(h, n - 1 - k, n)));
	return least / change;
}

/* Whether picture n begins a scene, 0..1. */
static double
certainty(const struct history *h, int64_t n)
{
	const struct moment *a = history_at(h, n - 1);
	const struct moment *b = history_at(h, n);
	double change = b->change.residual, sum, again;

	if (change < CHANGE_MIN)
		return 0;
	sum = weights.bias + weights.change * log(change) +
	      weights.ratio * log(change / neighbours(h, n)) +
	      weights.share * share(&a->outline, &b->outline);
	if (sum + weights.novelty + weights.back < 0)
		return 0;
	sum += weights.novelty * novelty(h, n);
	if (sum + weights.back < 0)
		return 0;
	again = back(h, n, change);
	return again < BACK_MIN ? 0
				: 1 / (1 + exp(-sum - weights.back * again));
}

static void
decide(const struct history *h, struct blends *found, int64_t n)
{
	struct blend b = { .kind = BLEND_CUT, .from = n - 1, .to = n };

	if (n < 1)
		return;
	b.quality = certainty(h, n);
	if (b.quality < 0.5)
		return;
	b.start = b.end = history_at(h, n)->time;
	b.weight = b.quality;
	blend_see_blank(&b, history_at(h, n - 1)->texture,
			history_at(h, n)->texture);
	blends_add(found, &b);
}

void
cuts_decide(const struct history *h, struct blends *found, bool end)
{
	int64_t first = h->seen - 1 - LOOK;

	for (int64_t n = first + end; n < (end ? h->seen : first + 1); n++)
		decide(h, found, n);
}
