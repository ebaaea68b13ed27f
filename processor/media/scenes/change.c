/*
 * Sketches and their comparison. The inner loops are plain and run over whole
 * blocks, so that the compiler turns them into sums of absolute differences
 * of sixteen cells at a time (hence O3 here).
 */
#pragma GCC optimize("O3")
#include "processor/media/scenes/change.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_W 16
#define BLOCK_H 8
#define CHANGE_MAX 48 /* grey levels a block can count for */
#define CHANGE_LOW 2  /* less is not worth a search */

/* Cells in rows without gaps. */
struct cells {
	const uint8_t *p;
	int w, h;
};

/* ---- reduction ---------------------------------------------------------- */

static inline __attribute__((always_inline)) void
mean_row(uint8_t *restrict out, const uint8_t *restrict in, int w, int n,
	 int fx, int fy)
{
	const unsigned cells = (unsigned)(fx * fy);

	for (int x = 0; x < n; x++) {
		unsigned sum = cells / 2;

		for (int j = 0; j < fy; j++)
			for (int i = 0; i < fx; i++)
				sum += in[j * w + x * fx + i];
		out[x] = (uint8_t)(sum / cells);
	}
}

/* Means of square boxes, at most @max of them each way. What is narrower
 * than a box is one. The usual boxes get code of their own. */
static struct cells
shrink(uint8_t *out, struct cells in, int max)
{
	int f = ((in.w > in.h ? in.w : in.h) + max - 1) / max;
	int fx = f < in.w ? f : in.w, fy = f < in.h ? f : in.h;
	struct cells to = { out, 0, 0 };

	if (in.w <= 0 || in.h <= 0)
		return to;
	to.w = in.w / fx;
	to.h = in.h / fy;
	for (int y = 0; y < to.h; y++) {
		const uint8_t *row = in.p + (ptrdiff_t)y * fy * in.w;

		if (fx == 2 && fy == 2)
			mean_row(out + y * to.w, row, in.w, to.w, 2, 2);
		else if (fx == 4 && fy == 4)
			mean_row(out + y * to.w, row, in.w, to.w, 4, 4);
		else
			mean_row(out + y * to.w, row, in.w, to.w, fx, fy);
	}
	return to;
}

void
grid_sketch(struct grid *g)
{
	struct sketch *s = &g->sketch;
	struct outline *o = &g->outline;
	struct cells y =
	    shrink(s->y, (struct cells){ g->y, g->w, g->h }, SKETCH_MAX);
	struct cells u =
	    shrink(s->u, (struct cells){ g->u, g->cw, g->ch }, SKETCH_MAX / 2);
	struct cells v =
	    shrink(s->v, (struct cells){ g->v, g->cw, g->ch }, SKETCH_MAX / 2);

	s->w = y.w;
	s->h = y.h;
	s->cw = u.w;
	s->ch = u.h;
	y = shrink(o->cells, y, OUTLINE_MAX);
	o->w = y.w;
	o->h = y.h;
	o->n = y.w * y.h;
	u = shrink(o->cells + o->n, u, OUTLINE_MAX / 2);
	o->n += u.w * u.h;
	v = shrink(o->cells + o->n, v, OUTLINE_MAX / 2);
	o->n += v.w * v.h;
}

/* ---- comparison --------------------------------------------------------- */

static inline __attribute__((always_inline)) int
block_sad(const uint8_t *a, const uint8_t *b, int stride, int w, int h)
{
	int sum = 0;

	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			sum += abs(a[y * stride + x] - b[y * stride + x]);
	return sum;
}

/*
 * Mean difference of b and a moved by (dx, dy), over blocks of the part they
 * share; the last block of a row or column reaches back to stay inside. Each
 * block counts up to a cap: a cut changes the whole picture, an object that
 * crosses it only a few blocks, if strongly.
 */
static double
plane_change(struct cells a, struct cells b, int dx, int dy)
{
	int w = b.w - abs(dx), h = b.h - abs(dy);
	int bw = w < BLOCK_W ? w : BLOCK_W, bh = h < BLOCK_H ? h : BLOCK_H;
	const uint8_t *pa = a.p, *pb = b.p;
	int64_t sum = 0, n = 0;

	if (w <= 0 || h <= 0)
		return CHANGE_MAX;
	*(dy > 0 ? &pa : &pb) += abs(dy) * b.w;
	*(dx > 0 ? &pa : &pb) += abs(dx);
	for (int y = 0; y < h; y += bh) {
		int from = (y + bh <= h ? y : h - bh) * b.w;

		for (int x = 0; x < w; x += bw, n++) {
			int at = from + (x + bw <= w ? x : w - bw);
			int d = bw == BLOCK_W && bh == BLOCK_H
				    ? block_sad(pa + at, pb + at, b.w, BLOCK_W,
						BLOCK_H)
				    : block_sad(pa + at, pb + at, b.w, bw, bh);

			sum +=
			    d < CHANGE_MAX * bw * bh ? d : CHANGE_MAX * bw * bh;
		}
	}
	return (double)sum / (double)(n * bw * bh);
}

static struct cells
luma(const struct sketch *s)
{
	return (struct cells){ s->y, s->w, s->h };
}

/* Chroma changes less than luma: half of its sum is added. */
static double
sketch_change(const struct sketch *a, const struct sketch *b, int dx, int dy)
{
	double d = plane_change(luma(a), luma(b), dx, dy);
	int w = b->cw, h = b->ch;

	if (w > 0)
		d += (plane_change((struct cells){ a->u, w, h },
				   (struct cells){ b->u, w, h }, dx * w / b->w,
				   dy * h / b->h) +
		      plane_change((struct cells){ a->v, w, h },
				   (struct cells){ b->v, w, h }, dx * w / b->w,
				   dy * h / b->h)) /
		     2;
	return fmin(d, CHANGE_MAX);
}

struct shift {
	int dx, dy;
	double change;
};

static void
try_shift(struct shift *best, const struct sketch *a, const struct sketch *b,
	  int dx, int dy)
{
	double change = plane_change(luma(a), luma(b), dx, dy);

	if (change < best->change)
		*best = (struct shift){ dx, dy, change };
}

static void
project(const struct sketch *s, int *columns, int *rows)
{
	memset(columns, 0, SKETCH_MAX * sizeof(*columns));
	memset(rows, 0, SKETCH_MAX * sizeof(*rows));
	for (int y = 0; y < s->h; y++) {
		for (int x = 0; x < s->w; x++) {
			columns[x] += s->y[y * s->w + x];
			rows[y] += s->y[y * s->w + x];
		}
	}
}

/* The shift at which projection b repeats a best: b[i] is a[i + shift]. */
static int
best_shift(const int *a, const int *b, int n, int max)
{
	double least = INFINITY;
	int best = 0;

	for (int k = 0; k <= 2 * max; k++) {
		int s = k & 1 ? (k + 1) / 2 : -k / 2; /* the nearest first */
		int from = s < 0 ? -s : 0, to = s > 0 ? n - s : n, sum = 0;

		for (int i = from; i < to; i++)
			sum += abs(a[i + s] - b[i]);
		if ((double)sum / (to - from) < least) {
			least = (double)sum / (to - from);
			best = s;
		}
	}
	return best;
}

/*
 * The whole picture's shift, at most a @part-th of it: where the sums of its
 * columns and rows repeat, and from there as long as it gets better. Sums say
 * little of a picture that is even along them, so a move along one axis is
 * tried without the other.
 */
static struct shift
find_shift(const struct sketch *a, const struct sketch *b, int part)
{
	int ax[SKETCH_MAX], ay[SKETCH_MAX], bx[SKETCH_MAX], by[SKETCH_MAX];
	struct shift best = { 0, 0, plane_change(luma(a), luma(b), 0, 0) };
	struct shift from;
	int dx, dy;

	project(a, ax, ay);
	project(b, bx, by);
	dx = best_shift(ax, bx, b->w, b->w / part);
	dy = best_shift(ay, by, b->h, b->h / part);
	try_shift(&best, a, b, dx, dy);
	try_shift(&best, a, b, dx, 0);
	try_shift(&best, a, b, 0, dy);
	do {
		from = best;
		for (int i = 0; i < 4; i++)
			try_shift(&best, a, b, from.dx + (i - 1) % 2,
				  from.dy + (2 - i) % 2);
	} while (best.change < from.change && abs(best.dx) < b->w / part &&
		 abs(best.dy) < b->h / part);
	return best;
}

struct grid_change
sketch_compare(const struct sketch *a, const struct sketch *b)
{
	struct grid_change c = { CHANGE_MAX, CHANGE_MAX, 0, 0 };
	struct shift s;

	if (a->w != b->w || a->h != b->h || a->cw != b->cw || a->ch != b->ch)
		return c;
	c.raw = c.residual = sketch_change(a, b, 0, 0);
	if (c.raw < CHANGE_LOW)
		return c;
	s = find_shift(a, b, 4);
	if (s.dx || s.dy) {
		double moved = sketch_change(a, b, s.dx, s.dy);

		if (moved < c.residual)
			c = (struct grid_change){ c.raw, moved, s.dx, s.dy };
	}
	return c;
}

struct grid_change
grid_compare(const struct grid *a, const struct grid *b)
{
	if (a->w != b->w || a->h != b->h || a->cw != b->cw || a->ch != b->ch)
		return (struct grid_change){ CHANGE_MAX, CHANGE_MAX, 0, 0 };
	return sketch_compare(&a->sketch, &b->sketch);
}

/* ---- novelty ------------------------------------------------------------ */

#define SMALL_MAX 40
#define SMALL_W 8
#define SMALL_H 4
#define NEAR_X 5
#define NEAR_Y 3
#define GAIN_MAX 2.0 /* of light, within which a scene is the same */

static int
block_mean(const uint8_t *p, int stride)
{
	int sum = SMALL_W * SMALL_H / 2;

	for (int y = 0; y < SMALL_H; y++)
		for (int x = 0; x < SMALL_W; x++)
			sum += p[y * stride + x];
	return sum / (SMALL_W * SMALL_H);
}

/* Sum of differences, that of the means (b's less a's) taken out. */
static int
block_differs(const uint8_t *a, const uint8_t *b, int stride, int mean)
{
	int sum = 0;

	for (int y = 0; y < SMALL_H; y++)
		for (int x = 0; x < SMALL_W; x++)
			sum +=
			    abs(b[y * stride + x] - a[y * stride + x] - mean);
	return sum;
}

static int
block_texture(const uint8_t *p, int stride, int mean)
{
	int sum = 0;

	for (int y = 0; y < SMALL_H; y++)
		for (int x = 0; x < SMALL_W; x++)
			sum += abs(p[y * stride + x] - mean);
	return sum;
}

/* Least difference of the block at (x, y) of b from those about (cx, cy) of
 * a, whose means are given; not above @least. */
static int
find_block(struct cells a, const uint8_t *means, const uint8_t *block, int mean,
	   int cx, int cy, int least)
{
	for (int y = cy - NEAR_Y; y <= cy + NEAR_Y; y++) {
		if (y < 0 || y + SMALL_H > a.h)
			continue;
		for (int x = cx - NEAR_X; x <= cx + NEAR_X; x++) {
			int at = y * a.w + x, d;

			if (x < 0 || x + SMALL_W > a.w)
				continue;
			d = block_differs(a.p + at, block, a.w,
					  mean - means[at]);
			least = d < least ? d : least;
		}
	}
	return least;
}

/* Texture of the blocks of a small picture; @means: of the block at each
 * place. */
static int64_t
measure_blocks(struct cells c, uint8_t *means)
{
	int64_t texture = 0;

	for (int y = 0; y + SMALL_H <= c.h; y++)
		for (int x = 0; x + SMALL_W <= c.w; x++)
			means[y * c.w + x] =
			    (uint8_t)block_mean(c.p + y * c.w + x, c.w);
	for (int y = 0; y + SMALL_H <= c.h; y += SMALL_H)
		for (int x = 0; x + SMALL_W <= c.w; x += SMALL_W)
			texture += block_texture(c.p + y * c.w + x, c.w,
						 means[y * c.w + x]);
	return texture;
}

/* Gives a picture @gain times its contrast. */
static void
relight(uint8_t *cells, int n, double gain)
{
	uint8_t to[256];

	for (int i = 0; i < 256; i++)
		to[i] =
		    (uint8_t)fmin(fmax(128 + (i - 128) * gain + 0.5, 0), 255);
	for (int i = 0; i < n; i++)
		cells[i] = to[cells[i]];
}

double
sketch_novelty(const struct sketch *a, const struct sketch *b)
{
	uint8_t small[2][SMALL_MAX * SMALL_MAX], means[SMALL_MAX * SMALL_MAX];
	struct cells sa = shrink(small[0], luma(a), SMALL_MAX);
	struct cells sb = shrink(small[1], luma(b), SMALL_MAX);
	struct shift s = { 0, 0, 0 };
	int64_t differs = 0, texture, before;

	if (a->w != b->w || a->h != b->h)
		return 1;
	s = find_shift(a, b, 2);
	texture = measure_blocks(sb, means);
	before = measure_blocks(sa, means);
	if (texture == 0 || before == 0)
		return 1;
	relight(small[0], sa.w * sa.h,
		fmin(fmax((double)texture / (double)before, 1 / GAIN_MAX),
		     GAIN_MAX));
	measure_blocks(sa, means);
	for (int y = 0; y + SMALL_H <= sb.h; y += SMALL_H) {
		for (int x = 0; x + SMALL_W <= sb.w; x += SMALL_W) {
			const uint8_t *block = sb.p + y * sb.w + x;
			int mean = block_mean(block, sb.w);
			int own = block_texture(block, sb.w, mean), least;

			least = find_block(sa, means, block, mean, x, y, own);
			if (abs(s.dx) > 2 * NEAR_X || abs(s.dy) > 2 * NEAR_Y)
				least =
				    find_block(sa, means, block, mean,
					       x + s.dx * sb.w / b->w,
					       y + s.dy * sb.h / b->h, least);
			differs += least;
		}
	}
	return (double)differs / (double)texture;
}
