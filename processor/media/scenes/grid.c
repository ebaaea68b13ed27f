/*
 * Box reduction. The inner loops are plain and unconditional,
 * so that the compiler turns them into vector code (hence O3 here).
 */
#pragma GCC optimize("O3")
#include "processor/media/scenes/grid.h"
#include "processor/media/scenes/change.h"
#include "processor/media/input/plane.h"

#include <math.h>

/*
 * Two or four rows stand for the height of a box, evenly spread over it (of a
 * lower box some count twice): to read them all costs more and tells little
 * more. Columns are first added by twos or fours where that divides the width
 * of a box, several rows at once, in runs of whole boxes that stay on the
 * stack.
 */
#define ROWS_MAX 4
#define RUN 1024

/* Bytes as they lie in memory, at any address. */
typedef uint16_t pair __attribute__((may_alias, aligned(1)));
typedef uint32_t quad __attribute__((may_alias, aligned(1)));

struct rows {
	const uint8_t *at[ROWS_MAX];
};

static inline __attribute__((always_inline)) void
add_quads(uint16_t *restrict sums, const struct rows *r, int rows, int n)
{
	for (int i = 0; i < n; i++) {
		uint32_t sum = 0; /* two of 16 bits */

		for (int k = 0; k < rows; k++) {
			uint32_t four =
			    ((const quad *)(const void *)r->at[k])[i];

			sum += (four & 0xff00ff) + (four >> 8 & 0xff00ff);
		}
		sums[i] = (uint16_t)(sum + (sum >> 16));
	}
}

static inline __attribute__((always_inline)) void
add_pairs(uint16_t *restrict sums, const struct rows *r, int rows, int n)
{
	for (int i = 0; i < n; i++) {
		unsigned sum = 0;

		for (int k = 0; k < rows; k++) {
			unsigned two =
			    ((const pair *)(const void *)r->at[k])[i];

			sum += (two & 0xff) + (two >> 8);
		}
		sums[i] = (uint16_t)sum;
	}
}

/* One by one, from any layout. */
static inline __attribute__((always_inline)) void
add_samples(uint16_t *restrict sums, const struct plane *v,
	    const struct rows *r, int rows, int n)
{
	for (int i = 0; i < n; i++) {
		unsigned sum = 0;

		for (int k = 0; k < rows; k++) {
			const uint8_t *p = r->at[k] + (ptrdiff_t)i * v->step;

			sum += v->wide ? plane_high_byte(p, v->shift) : *p;
		}
		sums[i] = (uint16_t)sum;
	}
}

/* How many columns are added at first. */
static int
unit_of(const struct plane *v, int fx)
{
	if (v->wide || v->step != 1)
		return 1;
	return fx % 4 == 0 ? 4 : fx % 2 == 0 ? 2 : 1;
}

/* n sums of @unit columns each. */
static inline __attribute__((always_inline)) void
add_rows(uint16_t *sums, const struct plane *v, const struct rows *r, int rows,
	 int unit, int n)
{
	if (unit == 4)
		add_quads(sums, r, rows, n);
	else if (unit == 2)
		add_pairs(sums, r, rows, n);
	else
		add_samples(sums, v, r, rows, n);
}

/* n boxes of @per sums each, as means of @cells. */
static inline __attribute__((always_inline)) void
mean_boxes(uint8_t *restrict out, const uint16_t *restrict sums, int n, int per,
	   int cells)
{
	const float scale = 1.0f / (float)cells;

	for (int i = 0; i < n; i++) {
		int sum = 0;

		for (int k = 0; k < per; k++)
			sum += sums[i * per + k];
		/* The half keeps rounding away from the next number: exact. */
		out[i] = (uint8_t)(int)(((float)sum + 0.5f) * scale);
	}
}

/* The usual pictures have few sums a box: they get code of their own. */
static void
mean_row(uint8_t *out, const uint16_t *sums, int n, int per, int cells)
{
	switch (per) {
	case 1:
		mean_boxes(out, sums, n, 1, cells);
		break;
	case 2:
		mean_boxes(out, sums, n, 2, cells);
		break;
	case 3:
		mean_boxes(out, sums, n, 3, cells);
		break;
	default:
		mean_boxes(out, sums, n, per, cells);
	}
}

/* The rows jump, which hardware does not foresee. */
static void
fetch_rows(const struct plane *v, int y, int fy, int rows)
{
	for (int i = 0; i < rows; i++) {
		const uint8_t *p = v->p + (y + i * fy / rows) * v->stride;

		for (int x = 0; x < v->w * v->step; x += 64)
			__builtin_prefetch(p + x);
	}
}

static inline __attribute__((always_inline)) void
reduce(uint8_t *out, const struct plane *v, int most, int rows, int *gw,
       int *gh)
{
	int big = ((v->w > v->h ? v->w : v->h) + most - 1) / most;
	int fx = big < v->w ? big : v->w, fy = big < v->h ? big : v->h;
	int w = v->w / fx, h = v->h / fy, per_run = RUN / fx;
	int unit = unit_of(v, fx);
	uint16_t sums[RUN];

	for (int gy = 0; gy < h; gy++) {
		if (gy + 1 < h)
			fetch_rows(v, (gy + 1) * fy, fy, rows);
		for (int gx = 0; gx < w; gx += per_run) {
			int n = w - gx < per_run ? w - gx : per_run;
			struct rows r;

			for (int i = 0; i < rows; i++)
				r.at[i] =
				    v->p +
				    (gy * fy + i * fy / rows) * v->stride +
				    (ptrdiff_t)gx * fx * v->step;
			add_rows(sums, v, &r, rows, unit, n * fx / unit);
			mean_row(out + gy * w + gx, sums, n, fx / unit,
				 rows * fx);
		}
	}
	*gw = w;
	*gh = h;
}

static void
reduce_luma(uint8_t *out, const struct plane *v, int *gw, int *gh)
{
	reduce(out, v, GRID_MAX, 4, gw, gh);
}

static void
reduce_chroma(uint8_t *out, const struct plane *v, int *gw, int *gh)
{
	reduce(out, v, GRID_CHROMA_MAX, 2, gw, gh);
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
	reduce_luma(g->y, &plane, &g->w, &g->h);
	g->cw = g->ch = 0;
	if (plane_of(&plane, frame, PLANE_U)) {
		reduce_chroma(g->u, &plane, &g->cw, &g->ch);
		if (plane_of(&plane, frame, PLANE_V))
			reduce_chroma(g->v, &plane, &w, &h);
	}
	grid_measure(g);
	return true;
}
