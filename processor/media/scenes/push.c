/*
 * Where a steady move begins, its speed says about how long a push would take
 * to cross the view; for each such length the pictures between are put
 * together from both ends and compared with those that were seen.
 */
#pragma GCC optimize("O3")
#include "processor/media/scenes/outline.h"
#include "processor/media/scenes/push.h"

#include <math.h>
#include <stdlib.h>

#define LONGEST 1.0 /* seconds */
#define STEPS_MIN 4 /* pictures */
#define SAMPLES 5   /* pictures that are put together */
#define SIDE 2	    /* pictures beside it */
#define CERTAIN 0.6

/* By logistic regression on films of the train split, as in cuts.c. Misfit;
 * share of the cells that change; speed beside it; share of steady steps. */
enum { MISFIT, CHANGE, SPEED, STEADY, SIGNS };

static const double bias = -5.8;
static const double weights[SIGNS] = {
	[MISFIT] = -5.36, [CHANGE] = 4.11, [SPEED] = -2.22, [STEADY] = 6.97
};

/* The whole picture's shift from picture i - 1 to i along one axis. */
static int
shift_at(const struct history *h, int64_t i, bool down)
{
	const struct grid_change *c = &history_at(h, i)->change;

	return down ? c->dy : c->dx;
}

/* Sum of the differences of a row of @n cells. */
static int
row_differs(const uint8_t *a, const uint8_t *b, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += abs(a[i] - b[i]);
	return sum;
}

/* How f differs from the picture of which @s columns, or rows, are b's and the
 * rest a's; mean of the cells. @forward: b comes in where cells have high
 * indices. */
static double
differs(const struct sketch *a, const struct sketch *b, const struct sketch *f,
	int s, bool down, bool forward)
{
	int w = f->w, h = f->h, side = down ? h : w;
	int first = forward ? side - s : s; /* where the seam is */
	/* What lies before the seam, and what after it, comes from where. */
	const struct sketch *low = forward ? a : b, *high = forward ? b : a;
	int low_from = forward ? s : side - s;
	int sum = 0;

	for (int y = 0; y < h; y++) {
		const uint8_t *row = f->y + y * w;

		if (down) {
			sum +=
			    row_differs(row,
					y < first ? low->y + (y + low_from) * w
						  : high->y + (y - first) * w,
					w);
		} else {
			sum +=
			    row_differs(row, low->y + y * w + low_from, first);
			sum += row_differs(row + first, high->y + y * w,
					   w - first);
		}
	}
	return (double)sum / (w * h);
}

/* The difference of the pictures between from those put together of the ends,
 * in parts of that from the nearer end as it is. */
static double
misfit(const struct history *h, int64_t from, int64_t to, bool down,
       bool forward)
{
	const struct sketch *a = &history_at(h, from)->sketch;
	const struct sketch *b = &history_at(h, to)->sketch;
	int side = down ? a->h : a->w;
	double sum = 0, still = 0;

	for (int i = 1; i <= SAMPLES; i++) {
		int64_t at = from + (to - from) * i / (SAMPLES + 1);
		const struct sketch *f = &history_at(h, at)->sketch;
		int s = (int)lround((double)(at - from) * side /
				    (double)(to - from));

		sum += differs(a, b, f, s, down, forward);
		still += fmin(differs(a, b, f, 0, down, forward),
			      differs(a, b, f, side, down, forward));
	}
	return still > 0 ? sum / still : 1;
}

/* A steady move that begins after picture n: its speed in cells a picture, 0
 * if there is none. */
static double
speed_after(const struct history *h, int64_t n, bool down)
{
	int first = shift_at(h, n + 1, down), sum = 0;

	for (int64_t i = n + 1; i <= n + STEPS_MIN; i++) {
		int d = shift_at(h, i, down);

		if (d * first <= 0 || abs(d - first) > 1 + abs(first) / 4 ||
		    abs(shift_at(h, i, !down)) > abs(d))
			return 0;
		sum += d;
	}
	return (double)sum / STEPS_MIN;
}

/* Mean speed beside the push in parts of that within. */
static double
speed_beside(const struct history *h, int64_t from, int64_t to, bool down)
{
	double in = 0, out = 0;
	int n = 0;

	for (int64_t i = from - SIDE; i <= to + SIDE; i++) {
		if (i < 1 || i >= h->seen)
			continue;
		if (i > from && i <= to) {
			in += abs(shift_at(h, i, down));
		} else {
			out += abs(shift_at(h, i, down));
			n++;
		}
	}
	return n ? fmin(out / n / fmax(in / (double)(to - from), 0.5), 1.5) : 0;
}

/* Share of the steps that are as long as they should be. */
static double
steadiness(const struct history *h, int64_t from, int64_t to, bool down,
	   double speed)
{
	int n = 0;

	for (int64_t i = from + 1; i <= to; i++)
		n += fabs(shift_at(h, i, down) - speed) <= 1;
	return n / (double)(to - from);
}

static double
certainty(const struct history *h, const struct blend *b, double misfit,
	  bool down, double speed)
{
	const struct moment *from = history_at(h, b->from);
	const struct moment *to = history_at(h, b->to);
	double signs[SIGNS] = { [MISFIT] = misfit }, sum = bias;

	signs[CHANGE] = outline_changed(&from->outline, &to->outline);
	signs[SPEED] = speed_beside(h, b->from, b->to, down);
	signs[STEADY] = steadiness(h, b->from, b->to, down, speed);
	for (int i = 0; i < SIGNS; i++)
		sum += weights[i] * signs[i];
	return 1 / (1 + exp(-sum));
}

static void
look_along(const struct history *h, struct blends *found, int64_t n, bool down)
{
	const struct sketch *s = &history_at(h, n)->sketch;
	double speed = speed_after(h, n, down), least = 1;
	int side = down ? s->h : s->w;
	struct blend b = { .kind = BLEND_PUSH, .from = n, .to = n };

	if (speed == 0 || (n > 0 && speed_after(h, n - 1, down) != 0))
		return;
	for (int64_t to = n + STEPS_MIN;
	     to <= n + HISTORY_AHEAD && to < h->seen; to++) {
		double v = (double)side / (double)(to - n), m;

		if (fabs(v - fabs(speed)) > 0.6 + 0.1 * v)
			continue;
		if (history_at(h, to)->time - history_at(h, n)->time > LONGEST)
			break;
		m = misfit(h, n, to, down, speed > 0);
		if (m < least) {
			least = m;
			b.to = to;
		}
	}
	if (b.to == n)
		return;
	b.quality =
	    certainty(h, &b, least, down,
		      (speed > 0 ? 1.0 : -1.0) * side / (double)(b.to - n));
	if (b.quality < CERTAIN)
		return;
	b.start = history_at(h, n + 1)->time;
	b.end = history_at(h, b.to)->time;
	b.weight = 100 * b.quality;
	blends_add(found, &b);
}

void
push_look(const struct history *h, struct blends *found, int64_t n)
{
	if (n + STEPS_MIN >= h->seen)
		return;
	look_along(h, found, n, false);
	look_along(h, found, n, true);
}
