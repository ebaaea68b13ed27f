/*
 * The signs of a cut, weighed by a logistic model. The dear ones are asked
 * only of pictures that the cheap ones leave in doubt.
 */
#include "processor/media/scenes/cuts.h"
#include "processor/media/scenes/outline.h"

#include <math.h>

#define SIDE 3		  /* neighbours on each side of a candidate */
#define FLASH 0.2	  /* longest flash, seconds */
#define CHANGE_MIN 5.0	  /* grey levels: less is never a cut */
#define NEIGHBOUR_MIN 1.0 /* a still picture has no change to compare to */
#define AWAY 2		  /* pictures: a little beside the cut */
#define CERTAIN 0.69	  /* where cross-validation had the best F1 */

/* What speaks for a cut; the dear ones last. */
enum { RATIO, SHARE, RELIT, PACE, NEW, BACK, BESIDE, SIGNS };

/* By logistic regression on films of the train split; docs/media-truth.md says
 * on which and how. */
static const double bias = -13.58;
static const double weights[SIGNS] = {
	[RATIO] = 2.77, [SHARE] = 2.39, [RELIT] = -3.26,  [PACE] = -25.86,
	[NEW] = 11.62,	[BACK] = 8.75,	[BESIDE] = -2.65,
};

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

/* How fast the view moves around n, in views a picture: a whip pan hardly
 * leaves anything where it was. */
static double
pace(const struct history *h, int64_t n)
{
	double most = 0;

	for (int64_t i = n - 1; i <= n + 1; i++) {
		const struct moment *m;

		if (i < 1 || i >= h->seen || i == n)
			continue;
		m = history_at(h, i);
		most = fmax(most, hypot(m->change.dx, m->change.dy) /
				      fmax(m->sketch.w, m->sketch.h));
	}
	return most;
}

static double
novelty(const struct history *h, int64_t a, int64_t b)
{
	a = a < 0 ? 0 : a;
	b = b < h->seen ? b : h->seen - 1;
	return sketch_novelty(&history_at(h, a)->sketch,
			      &history_at(h, b)->sketch);
}

static double
residual(const struct history *h, int64_t a, int64_t b)
{
	return sketch_compare(&history_at(h, a)->sketch,
			      &history_at(h, b)->sketch)
	    .residual;
}

/* The least that @differs says of pictures before n and after it, on one side
 * a little further away: a flash goes as it came. */
static double
least_around(const struct history *h, int64_t n,
	     double (*differs)(const struct history *, int64_t, int64_t))
{
	double least = INFINITY, t = history_at(h, n)->time;

	for (int64_t k = 1; k <= HISTORY_AHEAD; k += 1 + k / 4) {
		bool after =
		    n + k < h->seen && history_at(h, n + k)->time - t <= FLASH;
		bool before = n - 1 - k >= 0 &&
			      t - history_at(h, n - 1 - k)->time <= FLASH;

		if (after)
			least = fmin(least, differs(h, n - 1, n + k));
		if (before)
			least = fmin(least, differs(h, n - 1 - k, n));
		if (!after && !before)
			break;
	}
	return least;
}

static double
weigh(const double *signs, int n)
{
	double sum = bias;

	for (int i = 0; i < n; i++)
		sum += weights[i] * signs[i];
	return sum;
}

/* The other signs are 0 to 1: not even at their best do they make a cut. */
static bool
hopeless(const double *signs, int n)
{
	double sum = weigh(signs, n);

	for (int i = n; i < SIGNS; i++)
		sum += fmax(weights[i], 0);
	return sum < 0;
}

/* Whether picture n begins a scene, 0..1. */
static double
certainty(const struct history *h, int64_t n)
{
	const struct moment *a = history_at(h, n - 1);
	const struct moment *b = history_at(h, n);
	double signs[SIGNS], change = b->change.residual;

	if (change < CHANGE_MIN)
		return 0;
	signs[RATIO] = log(change / neighbours(h, n));
	signs[SHARE] =
	    log(fmax(outline_changed(&a->outline, &b->outline), 0.02));
	signs[PACE] = pace(h, n);
	signs[RELIT] = outline_relit(&a->outline, &b->outline);
	if (hopeless(signs, NEW))
		return 0;
	signs[NEW] = novelty(h, n - 1, n);
	if (hopeless(signs, BACK))
		return 0;
	signs[BACK] = fmin(least_around(h, n, residual) / change, 1);
	if (hopeless(signs, BESIDE))
		return 0;
	signs[BESIDE] =
	    fmin(novelty(h, n - 1 - AWAY, n - 1), novelty(h, n, n + AWAY));
	/* What passes through the view hides it only for a moment. */
	signs[NEW] = fmin(fmin(signs[NEW], novelty(h, n - 1 - AWAY, n + AWAY)),
			  least_around(h, n, novelty));
	return 1 / (1 + exp(-weigh(signs, SIGNS)));
}

void
cuts_look(const struct history *h, struct blends *found, int64_t n)
{
	struct blend b = { .kind = BLEND_CUT, .from = n - 1, .to = n };

	if (n < 1)
		return;
	b.quality = certainty(h, n);
	if (b.quality < CERTAIN)
		return;
	b.start = b.end = history_at(h, n)->time;
	b.weight = b.quality;
	blend_see_blank(&b, history_at(h, n - 1)->texture,
			history_at(h, n)->texture);
	blends_add(found, &b);
}
