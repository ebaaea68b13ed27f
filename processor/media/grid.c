/*
 * Box reduction and comparison. The inner loops are plain and unconditional,
 * so that the compiler turns them into vector code (hence O3 here).
 */
#pragma GCC optimize("O3")
#include "processor/media/grid.h"
#include "processor/media/plane.h"

#include <math.h>

#define BLOCK 8
#define CHANGE_MAX 48.0
#define SHIFT_MAX 16

static int
box_size(int n)
{
	return (n + GRID_MAX - 1) / GRID_MAX;
}

/*
 * Four rows stand for the height of a box, evenly spread over it (of a lower
 * box some count twice): to read them all costs more and tells little more.
 * Columns are summed in runs of whole boxes, to keep the sums on the stack.
 */
#define ROWS 4
#define RUN 1024

/* The four rows added, column by column. */
static void
add_rows(uint16_t *restrict sums, const struct plane *v,
	 const ptrdiff_t at[ROWS], int w)
{
	const uint8_t *a = v->p + at[0], *b = v->p + at[1];
	const uint8_t *c = v->p + at[2], *d = v->p + at[3];
	int step = v->step;

	if (v->wide)
		for (int x = 0; x < w; x++)
			sums[x] =
			    (uint16_t)(plane_high_byte(a + x * step, v->shift) +
				       plane_high_byte(b + x * step, v->shift) +
				       plane_high_byte(c + x * step, v->shift) +
				       plane_high_byte(d + x * step, v->shift));
	else if (step == 1)
		for (int x = 0; x < w; x++)
			sums[x] = (uint16_t)(a[x] + b[x] + c[x] + d[x]);
	else
		for (int x = 0; x < w; x++)
			sums[x] = (uint16_t)(a[x * step] + b[x * step] +
					     c[x * step] + d[x * step]);
}

/* The sums of n boxes of fx columns each, as means. */
static inline __attribute__((always_inline)) void
mean_boxes(uint8_t *restrict out, const uint16_t *restrict sums, int n, int fx)
{
	/* Multiplying is much faster than dividing, and exact: a sum has 19
	 * bits, the number of cells 11. */
	const uint64_t inverse = (1ull << 40) / (uint32_t)(ROWS * fx) + 1;

	for (int i = 0; i < n; i++) {
		uint32_t sum = 0;

		for (int x = 0; x < fx; x++)
			sum += sums[i * fx + x];
		out[i] = (uint8_t)(sum * inverse >> 40);
	}
}

/* The widths of the usual pictures get code of their own. */
static void
mean_row(uint8_t *out, const uint16_t *sums, int n, int fx)
{
	switch (fx) {
	case 4:
		mean_boxes(out, sums, n, 4);
		break;
	case 6:
		mean_boxes(out, sums, n, 6);
		break;
	case 8:
		mean_boxes(out, sums, n, 8);
		break;
	case 12:
		mean_boxes(out, sums, n, 12);
		break;
	default:
		mean_boxes(out, sums, n, fx);
	}
}

static void
reduce(uint8_t *out, const struct plane *v, int *gw, int *gh)
{
	int big = box_size(v->w > v->h ? v->w : v->h);
	int fx = big < v->w ? big : v->w, fy = big < v->h ? big : v->h;
	int w = v->w / fx, h = v->h / fy, per_run = RUN / fx;
	uint16_t sums[RUN];

	for (int gy = 0; gy < h; gy++) {
		ptrdiff_t at[ROWS];

		for (int i = 0; i < ROWS; i++)
			at[i] = (gy * fy + i * fy / ROWS) * v->stride;
		for (int gx = 0; gx < w; gx += per_run) {
			int n = w - gx < per_run ? w - gx : per_run;
			struct plane part = *v;

			part.p += (ptrdiff_t)gx * fx * v->step;
			add_rows(sums, &part, at, n * fx);
			mean_row(out + gy * w + gx, sums, n, fx);
		}
	}
	*gw = w;
	*gh = h;
}

void
grid_measure(struct grid *g)
{
	int n = g->w * g->h;
	uint64_t sum = 0, squares = 0;

	for (int i = 0; i < n; i++) {
		sum += g->y[i];
		squares += (uint32_t)g->y[i] * g->y[i];
	}
	g->mean = (double)sum / n;
	g->dev = sqrt(fmax(0, (double)squares / n - g->mean * g->mean));
}

bool
grid_fill(struct grid *g, const AVFrame *frame)
{
	struct plane plane;
	int w, h;

	if (!plane_of(&plane, frame, PLANE_Y))
		return false;
	reduce(g->y, &plane, &g->w, &g->h);
	g->cw = g->ch = 0;
	if (plane_of(&plane, frame, PLANE_U)) {
		reduce(g->u, &plane, &g->cw, &g->ch);
		if (plane_of(&plane, frame, PLANE_V))
			reduce(g->v, &plane, &w, &h);
	}
	grid_measure(g);
	return true;
}

/* Mean difference of the block of cells at (x, y) of b, moved by (dx, dy). */
static double
plane_block(const uint8_t *a, const uint8_t *b, int w, int h, int x, int y,
	    int dx, int dy)
{
	int x0 = x, x1 = x + BLOCK, y0 = y, y1 = y + BLOCK;
	int sum = 0;

	if (x1 > w)
		x1 = w;
	if (y1 > h)
		y1 = h;
	/* Only where the moved block still lies inside. */
	if (x0 + dx < 0)
		x0 = -dx;
	if (x1 + dx > w)
		x1 = w - dx;
	if (y0 + dy < 0)
		y0 = -dy;
	if (y1 + dy > h)
		y1 = h - dy;
	if (x0 >= x1 || y0 >= y1)
		return NAN;
	for (int j = y0; j < y1; j++) {
		const uint8_t *pa = a + (ptrdiff_t)(j + dy) * w + dx;
		const uint8_t *pb = b + (ptrdiff_t)j * w;

		for (int i = x0; i < x1; i++)
			sum += abs(pa[i] - pb[i]);
	}
	return (double)sum / ((x1 - x0) * (y1 - y0));
}

/*
 * Mean over the blocks, each counted up to a cap: a cut changes the whole
 * picture, an object that crosses it only a few blocks, if strongly.
 */
static double
plane_change(const uint8_t *a, const uint8_t *b, int w, int h, int dx, int dy)
{
	double sum = 0;
	int n = 0;

	for (int y = 0; y < h; y += BLOCK) {
		for (int x = 0; x < w; x += BLOCK) {
			double d = plane_block(a, b, w, h, x, y, dx, dy);

			if (isnan(d))
				continue;
			sum += fmin(d, CHANGE_MAX);
			n++;
		}
	}
	return n ? sum / n : CHANGE_MAX;
}

static double
moved_change(const struct grid *a, const struct grid *b, int dx, int dy)
{
	double d = plane_change(a->y, b->y, a->w, a->h, dx, dy);

	if (a->cw && b->cw) {
		int cx = dx * a->cw / a->w, cy = dy * a->ch / a->h;

		/* Chroma moves less than luma: half of its sum is added. */
		d += (plane_change(a->u, b->u, a->cw, a->ch, cx, cy) +
		      plane_change(a->v, b->v, a->cw, a->ch, cx, cy)) /
		     2;
	}
	return fmin(d, CHANGE_MAX);
}

static void
project(const struct grid *g, int *columns, int *rows)
{
	memset(columns, 0, GRID_MAX * sizeof(*columns));
	memset(rows, 0, GRID_MAX * sizeof(*rows));
	for (int y = 0; y < g->h; y++) {
		for (int x = 0; x < g->w; x++) {
			columns[x] += g->y[y * g->w + x];
			rows[y] += g->y[y * g->w + x];
		}
	}
}

/* The shift at which projection b repeats a best: b[i] is a[i + shift]. */
static int
best_shift(const int *a, const int *b, int n)
{
	int best = 0, max = n / 4 < SHIFT_MAX ? n / 4 : SHIFT_MAX;
	double least = INFINITY;

	for (int s = -max; s <= max; s++) {
		int from = s < 0 ? -s : 0, to = s > 0 ? n - s : n;
		double sum = 0;

		for (int i = from; i < to; i++)
			sum += abs(a[i + s] - b[i]);
		sum /= to - from;
		if (sum < least || (sum <= least && abs(s) < abs(best))) {
			least = sum;
			best = s;
		}
	}
	return best;
}

struct grid_change
grid_compare(const struct grid *a, const struct grid *b)
{
	struct grid_change c = { CHANGE_MAX, CHANGE_MAX };
	int ax[GRID_MAX], ay[GRID_MAX], bx[GRID_MAX], by[GRID_MAX], dx, dy;

	if (a->w != b->w || a->h != b->h || a->cw != b->cw || a->ch != b->ch)
		return c;
	c.raw = c.residual = moved_change(a, b, 0, 0);
	if (c.raw < 2) /* not worth a search */
		return c;
	project(a, ax, ay);
	project(b, bx, by);
	dx = best_shift(ax, bx, a->w);
	dy = best_shift(ay, by, a->h);
	/* A projection says little of a picture that is even along it, so a
	 * move along one axis is tried without the other. */
	if (dx && dy)
		c.residual = fmin(c.residual, moved_change(a, b, dx, dy));
	if (dx)
		c.residual = fmin(c.residual, moved_change(a, b, dx, 0));
	if (dy)
		c.residual = fmin(c.residual, moved_change(a, b, 0, dy));
	return c;
}
