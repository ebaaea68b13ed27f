/*
 * At each picture, windows of growing length that end there: when its middle
 * lies between its ends, the whole window is fitted, and the best of the fits
 * that overlap is kept. Long windows are tried at every so many-th picture.
 */
#pragma GCC optimize("O3")
#include "processor/media/scenes/gradual.h"

#include <math.h>
#include <stdlib.h>

#define CHANGE_MIN 8.0	 /* between the ends, grey levels a cell */
#define MIDDLE 0.22	 /* how far from the ends the middle has to be */
#define ASIDE_MAX 0.45	 /* off the line from A to B, in lengths of it */
#define NEITHER_MAX 0.30 /* wipes: what is of neither, share of the change */
#define STEPS_MIN 3	 /* pictures in between */
#define CERTAIN 0.8	 /* a window is no transition by default */
#define QUALITY_MIN 0.5
#define ALIKE_MAX 0.68	 /* times one way: the same scene in another light */
#define CELL_CHANGED 10	 /* grey levels */
#define CHANGED_MIN 0.35 /* share of the cells */
#define RETURN 1.3	 /* seconds in which what passed by is gone again */
#define RETURNED 0.2	 /* novelty: less is the old scene again */
#define RETURN_STEP 5	 /* pictures */
#define SIDE 8		 /* pictures beside a blend it is compared with */

#define LENGTH_MAX 115
static const int lengths[] = { 5,  6,  8,  11, 15, 20,
			       27, 36, 48, 64, 86, LENGTH_MAX };

/* Where one picture lies between A and B. */
struct place {
	double x;	/* along the line from A to B */
	double aside;	/* from that line, in lengths of it */
	double share;	/* of the change: cells that are nearer to B */
	double neither; /* what is of neither A nor B, share of the change */
};

struct ends {
	const uint8_t *a, *b;
	int n;
	double squares; /* of b - a */
	double change;	/* sum of |b - a| */
};

static struct place
place_of(const struct ends *e, const uint8_t *f)
{
	int along = 0, squares = 0, near = 0, share = 0;

	for (int i = 0; i < e->n; i++) {
		int fa = f[i] - e->a[i], ba = e->b[i] - e->a[i];
		int to_a = abs(fa), to_b = abs(fa - ba);

		along += fa * ba;
		squares += fa * fa;
		near += to_a < to_b ? to_a : to_b;
		share += to_b < to_a ? abs(ba) : 0;
	}
	double x = along / e->squares;

	return (struct place){
		.x = x,
		.aside = sqrt(fmax(0, squares / e->squares - x * x)),
		.share = share / e->change,
		.neither = near / e->change,
	};
}

static bool
set_ends(struct ends *e, const struct outline *a, const struct outline *b)
{
	int squares = 0, change = 0;

	if (a->n != b->n || a->w != b->w)
		return false;
	for (int i = 0; i < a->n; i++) {
		int d = b->cells[i] - a->cells[i];

		squares += d * d;
		change += abs(d);
	}
	*e = (struct ends){ a->cells, b->cells, a->n, squares, change };
	return change >= CHANGE_MIN * a->n;
}

/* Correlation of luma: high for one scene under another light. */
static double
alike(const struct outline *a, const struct outline *b)
{
	double n = a->w * a->h, sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;

	for (int i = 0; i < a->w * a->h; i++) {
		double x = a->cells[i], y = b->cells[i];

		sa += x;
		sb += y;
		aa += x * x;
		bb += y * y;
		ab += x * y;
	}
	aa -= sa * sa / n;
	bb -= sb * sb / n;
	return aa > 0 && bb > 0 ? (ab - sa * sb / n) / sqrt(aa * bb) : 0;
}

/* Straight line through the places that are well in between. */
struct line {
	double start, end; /* times at which it is 0 and 1 */
	int steps;
};

static double
progress(const struct place *p, enum blend_kind kind)
{
	return kind == BLEND_WIPE ? p->share : p->x;
}

static bool
fit_line(const struct history *h, int64_t from, const struct place *p, int n,
	 enum blend_kind kind, struct line *line)
{
	double sx = 0, st = 0, sxt = 0, stt = 0, t0 = history_at(h, from)->time;
	double slope;

	line->steps = 0;
	for (int i = 0; i < n; i++) {
		double x = progress(&p[i], kind),
		       t = history_at(h, from + i)->time;

		if (x < 0.08 || x > 0.92)
			continue;
		t -= t0;
		sx += x;
		st += t;
		sxt += x * t;
		stt += t * t;
		line->steps++;
	}
	if (line->steps < STEPS_MIN)
		return false;
	slope = (sxt - sx * st / line->steps) / (stt - st * st / line->steps);
	if (!(slope > 0))
		return false;
	line->start = t0 + (st - sx / slope) / line->steps;
	line->end = line->start + 1 / slope;
	return true;
}

/* How well the window follows the line; 0..1. */
static double
quality_of(const struct history *h, int64_t from, const struct place *p, int n,
	   enum blend_kind kind, const struct line *line)
{
	double off = 0, aside = 0, count = 0;

	for (int i = 0; i < n; i++) {
		double t = history_at(h, from + i)->time;
		double x = (t - line->start) / (line->end - line->start);
		double d = progress(&p[i], kind) - fmin(fmax(x, 0), 1);

		off += d * d;
		if (x <= 0 || x >= 1)
			continue;
		aside += kind == BLEND_WIPE ? p[i].neither : p[i].aside;
		count++;
	}
	return 1 - aside / fmax(count, 1) - 2 * sqrt(off / n);
}

static int64_t
nearest(const struct history *h, int64_t from, int n, double time)
{
	int64_t best = from;

	for (int64_t i = from; i < from + n; i++)
		if (fabs(history_at(h, i)->time - time) <
		    fabs(history_at(h, best)->time - time))
			best = i;
	return best;
}

/* Share of the cells that differ between the ends. */
static double
changed_share(const struct outline *a, const struct outline *b)
{
	int n = 0;

	for (int i = 0; i < a->n; i++)
		n += abs(a->cells[i] - b->cells[i]) >= CELL_CHANGED;
	return (double)n / a->n;
}

/* 1 when all cells become brighter, or all darker: likely another light. */
static double
one_way(const struct outline *a, const struct outline *b)
{
	int sum = 0, change = 0;

	for (int i = 0; i < a->w * a->h; i++) {
		sum += b->cells[i] - a->cells[i];
		change += abs(b->cells[i] - a->cells[i]);
	}
	return change ? (double)abs(sum) / change : 0;
}

/* What a shift of the whole picture leaves of the changes in the blend. */
static double
unmoved(const struct history *h, const struct blend *b)
{
	double raw = 0, residual = 0;

	for (int64_t i = b->from + 1; i <= b->to; i++) {
		raw += history_at(h, i)->change.raw;
		residual += history_at(h, i)->change.residual;
	}
	return raw > 0 ? residual / raw : 1;
}

/* How much faster the pictures change in the blend than beside it. */
static double
suddenness(const struct history *h, const struct blend *b)
{
	double in = 0, out = 0;
	int n = 0;

	for (int64_t i = b->from + 1; i <= b->to; i++)
		in += history_at(h, i)->change.residual;
	for (int64_t i = b->from - SIDE; i <= b->to + SIDE; i++) {
		if (i < 1 || i >= h->seen || (i > b->from && i <= b->to))
			continue;
		out += history_at(h, i)->change.residual;
		n++;
	}
	return in / (double)(b->to - b->from) / fmax(n ? out / n : 0, 0.3);
}

/*
 * Whether it is one, 0..1, by logistic regression over synthetic films. The
 * search for novelty is the dear part, and is left out where it cannot save
 * the blend.
 */
static const struct weights {
	double bias, quality, change, sudden, changed, unmoved, novelty;
} weights[] = {
	[BLEND_DISSOLVE] = { -45.25, 13.94, 5.99, 1.18, 4.08, 7.01, 13.63 },
	[BLEND_WIPE] = { -22, 8.5, 0, 2.7, 9, 6, 4.8 },
};

static double
certainty(const struct history *h, const struct blend *b)
{
	const struct weights *w = &weights[b->kind];
	const struct moment *from = history_at(h, b->from);
	const struct moment *to = history_at(h, b->to);
	double novelty = 1, changed, sum;
	struct ends e;

	if (!set_ends(&e, &from->outline, &to->outline) ||
	    alike(&from->outline, &to->outline) *
		    one_way(&from->outline, &to->outline) >
		ALIKE_MAX)
		return 0;
	changed = changed_share(&from->outline, &to->outline);
	if (changed < CHANGED_MIN)
		return 0;
	sum = w->bias + w->quality * b->quality +
	      w->change * fmin(log(e.change / e.n), 3.5) +
	      w->sudden * log(fmin(fmax(suddenness(h, b), 0.2), 8)) +
	      w->changed * changed;
	sum += w->unmoved * unmoved(h, b);
	if (sum + w->novelty > 0)
		novelty = sketch_novelty(&from->sketch, &to->sketch);
	return 1 / (1 + exp(-sum - w->novelty * novelty));
}

static bool
same_scene(const struct history *h, int64_t a, int64_t b)
{
	return sketch_novelty(&history_at(h, a)->sketch,
			      &history_at(h, b)->sketch) < RETURNED;
}

/* What hides the view for a moment is no scene: the old one comes back. It
 * may have come and gone in parts that follow each other closely. */
static void
take_back(const struct history *h, struct blends *found)
{
	int64_t n = h->seen - 1, to;
	size_t first = found->n;

	if (found->n == 0)
		return;
	to = found->list[--first].to;
	if (n <= to || (n - to) % RETURN_STEP != 0 ||
	    history_at(h, n)->time - found->list[first].end > RETURN)
		return;
	while (first > 0 && found->list[first].from <
				found->list[first - 1].to + RETURN_STEP)
		first--;
	if (!found->list[first].from_blank && !found->list[first].to_blank &&
	    n - found->list[first].from < HISTORY_KEEP &&
	    same_scene(h, found->list[first].from, n))
		found->n = first;
}

/* The same, seen from where it comes back. */
static bool
was_there(const struct history *h, const struct blend *b)
{
	for (int64_t i = b->from - RETURN_STEP;
	     i >= 0 && i > h->seen - HISTORY_KEEP &&
	     history_at(h, b->from)->time - history_at(h, i)->time < RETURN;
	     i -= RETURN_STEP)
		if (same_scene(h, i, b->to))
			return true;
	return false;
}

static void
fit(const struct history *h, struct blends *found, const struct ends *e,
    int64_t from, int length, enum blend_kind kind)
{
	struct place p[LENGTH_MAX + 1];
	struct blend blend = { .kind = kind };
	struct line line;

	for (int i = 0; i <= length; i++)
		p[i] = place_of(e, history_at(h, from + i)->outline.cells);
	if (!fit_line(h, from, p, length + 1, kind, &line))
		return;
	blend.quality = quality_of(h, from, p, length + 1, kind, &line);
	if (blend.quality < QUALITY_MIN)
		return;
	blend.weight = blend.quality * blend.quality * e->change / e->n;
	blend.from = nearest(h, from, length + 1, line.start);
	blend.to = nearest(h, from, length + 1, line.end);
	if (blend.to - blend.from <= STEPS_MIN || !blends_want(found, &blend))
		return;
	blend_see_blank(&blend, history_at(h, from)->texture,
			history_at(h, from + length)->texture);
	if (!blend.from_blank && !blend.to_blank)
		blend.quality = certainty(h, &blend);
	if (blend.quality < CERTAIN ||
	    (!blend.from_blank && !blend.to_blank && was_there(h, &blend)))
		return;
	blend.start = history_at(h, blend.from + 1)->time;
	blend.end = history_at(h, blend.to)->time;
	blends_add(found, &blend);
}

static void
try_window(const struct history *h, struct blends *found, int64_t from,
	   int length)
{
	struct ends e;
	struct place middle;

	if (!set_ends(&e, &history_at(h, from)->outline,
		      &history_at(h, from + length)->outline))
		return;
	middle = place_of(&e, history_at(h, from + length / 2)->outline.cells);
	if (middle.x > MIDDLE && middle.x < 1 - MIDDLE &&
	    middle.aside < ASIDE_MAX)
		fit(h, found, &e, from, length, BLEND_DISSOLVE);
	if (middle.share > MIDDLE && middle.share < 1 - MIDDLE &&
	    middle.neither < NEITHER_MAX)
		fit(h, found, &e, from, length, BLEND_WIPE);
}

void
gradual_look(const struct history *h, struct blends *found)
{
	int64_t n = h->seen - 1;

	take_back(h, found);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		int step = 1 + lengths[i] / 12;

		if (n >= lengths[i] && n % step == 0)
			try_window(h, found, n - lengths[i], lengths[i]);
	}
}
