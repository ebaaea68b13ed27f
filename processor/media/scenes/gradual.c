/*
 * At each picture, windows of growing length that end there: when its middle
 * lies between its ends, the whole window is fitted, and the best of the fits
 * that overlap is kept. Long windows are tried at every so many-th picture.
 */
#pragma GCC optimize("O3")
#include "processor/media/scenes/gradual.h"
#include "processor/media/scenes/outline.h"

#include <math.h>
#include <stdlib.h>

#define CHANGE_MIN 8.0	  /* between the ends, grey levels a cell */
#define MIDDLE 0.22	  /* how far from the ends the middle has to be */
#define ASIDE_MAX 0.45	  /* off the line from A to B, in lengths of it */
#define NEITHER_MAX 0.30  /* wipes: what is of neither, share of the change */
#define STEPS_MIN 3	  /* pictures in between */
#define CERTAIN 0.5	  /* by the model */
#define RELIT_MAX 0.8	  /* above: the same scene in another light */
#define FADE_QUALITY 0.75 /* into or out of one colour: by its fit alone */
#define QUALITY_MIN 0.5
#define RETURN 1.3	/* seconds in which what passed by is gone again */
#define RETURN_STEP 0.2 /* seconds */
#define SIDE 8		/* pictures beside a blend it is compared with */

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

static double
novelty(const struct history *h, int64_t a, int64_t b)
{
	return sketch_novelty(&history_at(h, a)->sketch,
			      &history_at(h, b)->sketch);
}

/* Least novelty from before the blend to after it, on either side further
 * away: what hides the view for a moment is no scene, the old one comes
 * back. */
static double
returns(const struct history *h, const struct blend *b)
{
	double least = 1, t = history_at(h, b->from)->time;
	double next = RETURN_STEP / 2;

	for (int64_t i = b->from - 1; i >= 0 && i > h->seen - HISTORY_KEEP &&
				      t - history_at(h, i)->time < RETURN;
	     i--) {
		if (t - history_at(h, i)->time < next)
			continue;
		least = fmin(least, novelty(h, i, b->to));
		next += RETURN_STEP;
	}
	t = history_at(h, b->to)->time;
	next = RETURN_STEP / 2;
	for (int64_t i = b->to + 1;
	     i < h->seen && history_at(h, i)->time - t < RETURN; i++) {
		if (history_at(h, i)->time - t < next)
			continue;
		least = fmin(least, novelty(h, b->from, i));
		next += RETURN_STEP;
	}
	return least;
}

/* Novelty of the middle, seen from the end that it is more like: what moves or
 * is lit is still the old scene, or already the new one. */
static double
middle_new(const struct history *h, const struct blend *b)
{
	int64_t middle = (b->from + b->to) / 2;

	return fmin(novelty(h, b->from, middle), novelty(h, b->to, middle));
}

/* How new the picture becomes beside the blend in as long a time, on the side
 * where it does less: a camera that moves does not do so for the blend
 * alone. */
static double
novelty_beside(const struct history *h, const struct blend *b)
{
	int64_t length = b->to - b->from, before = b->from - length;
	int64_t after = b->to + length;

	before =
	    before > h->seen - HISTORY_KEEP ? before : h->seen - HISTORY_KEEP;
	before = before > 0 ? before : 0;
	after = after < h->seen ? after : h->seen - 1;
	return fmin(novelty(h, before, b->from), novelty(h, b->to, after));
}

/* The way the view went in the blend, in views. */
static double
travel(const struct history *h, const struct blend *b)
{
	const struct sketch *s = &history_at(h, b->to)->sketch;
	double x = 0, y = 0;

	for (int64_t i = b->from + 1; i <= b->to; i++) {
		x += history_at(h, i)->change.dx;
		y += history_at(h, i)->change.dy;
	}
	return fmin(hypot(x / s->w, y / s->h), 1);
}

/* Texture of the pictures between in parts of that of the ends: two pictures
 * over each other level each other out. */
static double
dip(const struct history *h, const struct blend *b)
{
	int64_t third = (b->to - b->from + 1) / 3;
	double sum = 0, ends;
	int n = 0;

	for (int64_t i = b->from + third; i <= b->to - third; i++, n++)
		sum += history_at(h, i)->texture;
	ends = history_at(h, b->from)->texture + history_at(h, b->to)->texture;
	return log(fmin(fmax(2 * sum / n / fmax(ends, 0.1), 0.25), 4));
}

/* What speaks for a blend; the dear ones last. */
enum {
	QUALITY,
	CHANGE,
	SUDDEN,
	CHANGED,
	UNMOVED,
	RELIT,
	TRAVEL,
	DIP,
	NOVELTY,
	BETWEEN,
	BESIDE,
	RETURNS,
	SIGNS
};

/* By logistic regression on films of the train split, the best window of each
 * transition against the worst of each stretch without one;
 * docs/media-truth.md says on which and how. */
static const struct model {
	double bias, weights[SIGNS];
} models[] = {
	[BLEND_DISSOLVE] = { -17.06,
			     { [QUALITY] = 2.84,
			       [CHANGE] = 1.01,
			       [SUDDEN] = 1.38,
			       [CHANGED] = 3.58,
			       [UNMOVED] = 3.29,
			       [RELIT] = -0.53,
			       [TRAVEL] = -3.47,
			       [DIP] = -4.35,
			       [NOVELTY] = 5.37,
			       [BETWEEN] = 5.68,
			       [BESIDE] = -6.93,
			       [RETURNS] = 3.48 } },
	[BLEND_WIPE] = { -11.84,
			 { [QUALITY] = 2.31,
			   [CHANGE] = -1.09,
			   [SUDDEN] = 1.42,
			   [CHANGED] = 7.61,
			   [UNMOVED] = 2.28,
			   [RELIT] = 0.87,
			   [TRAVEL] = -3.18,
			   [DIP] = -1.73,
			   [NOVELTY] = 3.96,
			   [BETWEEN] = 5.56,
			   [BESIDE] = -6.08,
			   [RETURNS] = 3.35 } },
};

static double
weigh(const struct model *m, const double *signs, int n)
{
	double sum = m->bias;

	for (int i = 0; i < n; i++)
		sum += m->weights[i] * signs[i];
	return sum;
}

/* The other signs are 0 to 1: not even at their best do they make a blend. */
static bool
hopeless(const struct model *m, const double *signs, int n)
{
	double sum = weigh(m, signs, n);

	for (int i = n; i < SIGNS; i++)
		sum += fmax(m->weights[i], 0);
	return sum < 0;
}

/* Whether it is one, 0..1. */
static double
certainty(const struct history *h, const struct blend *b)
{
	const struct model *m = &models[b->kind];
	const struct moment *from = history_at(h, b->from);
	const struct moment *to = history_at(h, b->to);
	double signs[SIGNS];
	struct ends e;

	if (!set_ends(&e, &from->outline, &to->outline))
		return 0;
	signs[QUALITY] = b->quality;
	signs[CHANGE] = fmin(log(fmax(e.change / e.n, 1)), 3.5);
	signs[SUDDEN] = log(fmin(fmax(suddenness(h, b), 0.2), 8));
	signs[CHANGED] = outline_changed(&from->outline, &to->outline);
	signs[UNMOVED] = unmoved(h, b);
	signs[RELIT] = outline_relit(&from->outline, &to->outline);
	signs[TRAVEL] = travel(h, b);
	signs[DIP] = dip(h, b);
	if (signs[RELIT] > RELIT_MAX || hopeless(m, signs, NOVELTY))
		return 0;
	signs[NOVELTY] = novelty(h, b->from, b->to);
	if (hopeless(m, signs, BETWEEN))
		return 0;
	signs[BETWEEN] = middle_new(h, b);
	if (hopeless(m, signs, BESIDE))
		return 0;
	signs[BESIDE] = novelty_beside(h, b);
	if (hopeless(m, signs, RETURNS))
		return 0;
	signs[RETURNS] = returns(h, b);
	return 1 / (1 + exp(-weigh(m, signs, SIGNS)));
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
	blend.start = history_at(h, blend.from + 1)->time;
	blend.end = history_at(h, blend.to)->time;
	if (blend.from_blank || blend.to_blank) {
		if (blend.quality < FADE_QUALITY)
			return;
	} else {
		blend.quality = certainty(h, &blend);
		if (blend.quality < CERTAIN)
			return;
	}
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
gradual_look(const struct history *h, struct blends *found, int64_t n)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		int step = 1 + lengths[i] / 12;

		if (n >= lengths[i] && n % step == 0)
			try_window(h, found, n - lengths[i], lengths[i]);
	}
}
