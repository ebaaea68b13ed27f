/*
 * Box reduction. The inner loops are plain and unconditional,
 * so that the compiler turns them into vector code (hence O3 here).
 */
#pragma GCC optimize("O3")
#include "processor/media/grid.h"
#include "processor/media/change.h"
#include "processor/media/plane.h"

#include <math.h>

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
	grid_sketch(g);
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
