/*
 * Means of boxes: rows are added first, then a running sum along the row
 * gives any box by one subtraction, so boxes may be of uneven width.
 */
#pragma GCC optimize("O3") /* vector code for the sums of rows */
#include "processor/media/vision/glance.h"
#include "processor/media/input/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4	 /* of a box; of a higher one, so many spread over it */
#define RUN 1024 /* columns at a time; any box is much smaller */
#define ASPECT_MAX 20.0

/* Where box i of n begins, of a side of @size samples. */
static int
box_at(int i, int n, int size)
{
	return (int)((int64_t)i * size / n);
}

static void
add_row(uint16_t *restrict sums, const uint8_t *restrict row, int n)
{
	for (int x = 0; x < n; x++)
		sums[x] = (uint16_t)(sums[x] + row[x]);
}

/* Means of n boxes of @width columns, both numbers being constants. */
static inline __attribute__((always_inline)) void
mean_boxes(uint8_t *restrict out, const uint16_t *restrict sums, int n,
	   int width, int n_rows)
{
	for (int i = 0; i < n; i++) {
		uint16_t sum = 0;

		for (int x = 0; x < width; x++)
			sum = (uint16_t)(sum + sums[i * width + x]);
		out[i] = (uint8_t)(sum / (uint16_t)(width * n_rows));
	}
}

/* Boxes of uneven width, the first column of which is at[0]. */
static void
mean_uneven(uint8_t *out, const uint16_t *sums, const int *at, int n,
	    int n_rows)
{
	uint32_t before[RUN + 1];
	int columns = at[n] - at[0];

	before[0] = 0;
	for (int x = 0; x < columns; x++)
		before[x + 1] = before[x] + sums[x];
	for (int i = 0; i < n; i++) {
		int from = at[i] - at[0], to = at[i + 1] - at[0];

		if (to > from)
			out[i] = (uint8_t)((before[to] - before[from]) /
					   (uint32_t)((to - from) * n_rows));
		else /* wider than the source */
			out[i] = (uint8_t)(sums[from] / n_rows);
	}
}

/* Of the usual pictures, all boxes are equal. */
static void
mean_columns(uint8_t *out, const uint16_t *sums, const int *at, int n,
	     int n_rows)
{
	int width = at[1] - at[0];
	bool even = at[n] - at[0] == n * width;

	if (even && width == 2 && n_rows == 2)
		mean_boxes(out, sums, n, 2, 2);
	else if (even && width == 3 && n_rows == 3)
		mean_boxes(out, sums, n, 3, 3);
	else if (even && width == 6 && n_rows == 4)
		mean_boxes(out, sums, n, 6, 4);
	else
		mean_uneven(out, sums, at, n, n_rows);
}

static void
reduce_row(uint8_t *out, const struct plane *v, const int *at, int w, int h,
	   int y)
{
	int top = box_at(y, h, v->h), high = box_at(y + 1, h, v->h) - top;
	int n_rows = high < 1 ? 1 : high < ROWS ? high : ROWS;
	uint8_t room[RUN];

	for (int from = 0, to; from < w; from = to) {
		uint16_t sums[RUN] = { 0 };
		int n;

		for (to = from + 1; to < w; to++)
			if (at[to + 1] - at[from] > RUN)
				break;
		n = at[to] - at[from];
		for (int i = 0; i < n_rows; i++)
			add_row(sums,
				plane_bytes(v, at[from],
					    top + i * high / n_rows, n, room),
				n);
		mean_columns(out + from, sums, at + from, to - from, n_rows);
	}
}

/* @from, @stride wide, into @to of w x h. */
static void
turn_luma(uint8_t *to, int w, int h, const uint8_t *from, int stride,
	  struct turn turn)
{
	for (int y = 0; y < h; y++) {
		int v = turn.mirror_y ? h - 1 - y : y;

		for (int x = 0; x < w; x++) {
			int u = turn.mirror_x ? w - 1 - x : x;

			to[y * w + x] = turn.transpose ? from[u * stride + v]
						       : from[v * stride + u];
		}
	}
}

bool
glance_take(struct glance *g, const AVFrame *frame, AVRational sar,
	    struct turn turn)
{
	double ratio = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;
	double scale;
	struct plane v;
	int w, h;

	if (!plane_of(&v, frame, PLANE_Y))
		return false;
	if (ratio < 1 / ASPECT_MAX || ratio > ASPECT_MAX)
		ratio = 1;
	scale = fmin(1, GLANCE_SIDE / fmax(v.w * ratio, v.h));
	w = (int)fmax(1, lround(v.w * ratio * scale));
	h = (int)fmax(1, lround(v.h * scale));
	for (int x = 0; x <= w; x++)
		g->column[x] = box_at(x, w, v.w);
	for (int y = 0; y < h; y++)
		reduce_row((turn_needed(turn) ? g->room : g->y) +
			       (ptrdiff_t)y * w,
			   &v, g->column, w, h, y);
	g->w = turn.transpose ? h : w;
	g->h = turn.transpose ? w : h;
	if (turn_needed(turn))
		turn_luma(g->y, g->w, g->h, g->room, w, turn);
	return true;
}
