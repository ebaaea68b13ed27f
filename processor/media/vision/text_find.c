/*
 * A sample belongs to a stroke when those REACH to its left and right are
 * both darker, or both brighter. Strokes are counted in cells of COLUMNS x 1;
 * three cells side by side whose counts rise at one row and fall at another
 * hold a line of text when the strokes look like letters. The glance is also
 * looked at in half and in quarter size, for larger letters; and with two
 * thresholds, since a line may lie on a texture that has weaker strokes.
 */
#pragma GCC optimize("O3") /* vector code for strokes and counts */
#include "processor/media/vision/text_find.h"

#include <stdlib.h>
#include <string.h>

#define SIZES 3
#define REACH 3	   /* strokes are at most so wide */
#define COLUMNS 32 /* of a cell */
#define CELLS 3	   /* of a line at least */
#define WIDTH (COLUMNS * CELLS)
#define HEIGHT_MIN 6
#define HEIGHT_MAX 28
#define DENSE 14	/* strokes in a row of a line, of WIDTH samples */
#define CLEAR 0.1	/* of the strokes of a line's row, beside the line */
#define SAME_COLOUR 20	/* levels */
#define SAME_SHARE 0.65 /* of the strokes, of one of both kinds */
#define LYING_SHARE 0.1
#define UNEVEN 0.06 /* (deviation / mean)^2 of steps from stroke to stroke */

static const uint8_t thresholds[] = { 28, 56 };

struct text_room {
	uint8_t smaller[GLANCE_SIDE * GLANCE_SIDE / 4];
	uint8_t strokes[GLANCE_SIDE * GLANCE_SIDE]; /* by how many levels */
	uint8_t counts[GLANCE_SIDE][GLANCE_SIDE / COLUMNS];
};

struct luma {
	const uint8_t *p;
	int w, h;
};

struct text_room *
text_room_new(void)
{
	return calloc(1, sizeof(struct text_room));
}

/* ---- strokes ------------------------------------------------------------ */

/* By how much b stands out from both a and c, on the same side. */
static inline uint8_t
stands_out(uint8_t a, uint8_t b, uint8_t c)
{
	uint8_t high = a > c ? a : c, low = a < c ? a : c;
	uint8_t above = b > high ? (uint8_t)(b - high) : 0;
	uint8_t below = b < low ? (uint8_t)(low - b) : 0;

	return above | below; /* one of them is nothing */
}

static void
find_strokes(uint8_t *restrict out, struct luma v)
{
	for (int y = 0; y < v.h; y++) {
		const uint8_t *row = v.p + (ptrdiff_t)y * v.w;
		uint8_t *to = out + (ptrdiff_t)y * v.w;

		memset(to, 0, REACH);
		for (int x = REACH; x < v.w - REACH; x++)
			to[x] =
			    stands_out(row[x - REACH], row[x], row[x + REACH]);
		memset(to + v.w - REACH, 0, REACH);
	}
}

static void
count_strokes(struct text_room *room, struct luma v, uint8_t threshold)
{
	for (int y = 0; y < v.h; y++)
		for (int k = 0; k < v.w / COLUMNS; k++) {
			const uint8_t *s =
			    room->strokes + (ptrdiff_t)y * v.w + k * COLUMNS;
			uint8_t n = 0;

			for (int x = 0; x < COLUMNS; x++)
				n = (uint8_t)(n + (s[x] > threshold));
			room->counts[y][k] = n;
		}
}

/* Of the three cells from k on in row y; none outside. */
static int
count_at(const struct text_room *room, struct luma v, int k, int y)
{
	int n = 0;

	if (y < 0 || y >= v.h)
		return 0;
	for (int i = 0; i < CELLS; i++)
		n += room->counts[y][k + i];
	return n;
}

/* ---- letters ------------------------------------------------------------ */

/* The most of @levels that lie within SAME_COLOUR of each other, as a share;
 * 0 of too few to say. */
static double
of_one_colour(const int *levels)
{
	int all = 0, near = 0, most = 0;

	for (int i = 0; i < 256; i++) {
		all += levels[i];
		near += levels[i];
		if (i > SAME_COLOUR)
			near -= levels[i - SAME_COLOUR - 1];
		most = near > most ? near : most;
	}
	return all > COLUMNS / 2 ? (double)most / all : 0;
}

/* Steps from one stroke to the next. Railings have equal ones. */
struct steps {
	int n;
	double sum, squares;
};

static void
add_steps(struct steps *steps, const uint8_t *p, const uint8_t *s, int left,
	  int right, uint8_t threshold)
{
	int last = -1;

	for (int x = left; x < right; x++) {
		bool begins =
		    s[x] > threshold && p[x] > p[x - REACH] &&
		    !(s[x - 1] > threshold && p[x - 1] > p[x - 1 - REACH]);

		if (!begins)
			continue;
		if (last >= 0) {
			steps->n++;
			steps->sum += x - last;
			steps->squares += (x - last) * (x - last);
		}
		last = x;
	}
}

static bool
are_uneven(const struct steps *s)
{
	double mean = s->n ? s->sum / s->n : 0;

	return s->n && s->squares / s->n - mean * mean > UNEVEN * mean * mean;
}

/* The strokes in rows top..bottom-1 from cell k on. */
static bool
are_letters(const struct text_room *room, struct luma v, int k, int top,
	    int bottom, uint8_t threshold)
{
	int levels[2][256] = { { 0 } }, strokes = 0, lying = 0;
	int left = k ? k * COLUMNS : REACH + 1;
	struct steps steps = { 0 };
	int right = (k + CELLS) * COLUMNS;

	right = right < v.w - REACH ? right : v.w - REACH;
	for (int y = top; y < bottom; y++) {
		const uint8_t *p = v.p + (ptrdiff_t)y * v.w;
		const uint8_t *s = room->strokes + (ptrdiff_t)y * v.w;
		bool inside = y >= REACH && y < v.h - REACH;

		add_steps(&steps, p, s, left, right, threshold);
		for (int x = left; x < right; x++) {
			if (inside &&
			    stands_out(p[x - REACH * v.w], p[x],
				       p[x + REACH * v.w]) > threshold)
				lying++;
			if (s[x] <= threshold)
				continue;
			strokes++;
			/* The middle of a stroke has its colour. */
			if (p[x] > p[x - REACH]
				? p[x] >= p[x - 1] && p[x] >= p[x + 1]
				: p[x] <= p[x - 1] && p[x] <= p[x + 1])
				levels[p[x] > p[x - REACH]][p[x]]++;
		}
	}
	return lying > LYING_SHARE * strokes && are_uneven(&steps) &&
	       (of_one_colour(levels[0]) >= SAME_SHARE ||
		of_one_colour(levels[1]) >= SAME_SHARE);
}

/* Within the height of the line, two rows in succession hold hardly any
 * strokes: above it (@step -1, from the top) or below. */
static bool
is_clear(const struct text_room *room, struct luma v, int k, int from, int step,
	 int height, double most)
{
	for (int i = 0; i < height; i++) {
		int y = from + i * step;

		if (count_at(room, v, k, y) + count_at(room, v, k, y + step) <=
		    2 * most)
			return true;
	}
	return false;
}

/* ---- lines -------------------------------------------------------------- */

struct lines {
	struct text_line *list;
	size_t n, max;
	int scale;
};

static void
add_line(struct lines *out, int k, int top, int bottom)
{
	if (out->n < out->max)
		out->list[out->n++] =
		    (struct text_line){ k * COLUMNS * out->scale,
					top * out->scale, WIDTH * out->scale,
					(bottom - top) * out->scale };
}

/* From cell k on, all rows. */
static void
find_in_column(struct lines *out, const struct text_room *room, struct luma v,
	       int k, uint8_t threshold)
{
	for (int y = 0, top; y < v.h; y++) {
		int sum = 0, height;
		double most;

		for (top = y; y < v.h; y++) {
			int n = count_at(room, v, k, y);

			if (n < DENSE)
				break;
			sum += n;
		}
		height = y - top;
		if (height < HEIGHT_MIN || height > HEIGHT_MAX)
			continue;
		most = CLEAR * sum / height;
		if (is_clear(room, v, k, top - 1, -1, height, most) &&
		    is_clear(room, v, k, y, 1, height, most) &&
		    are_letters(room, v, k, top, y, threshold))
			add_line(out, k, top, y);
	}
}

static struct luma
halve(uint8_t *out, struct luma v)
{
	struct luma half = { out, v.w / 2, v.h / 2 };

	for (int y = 0; y < half.h; y++) {
		const uint8_t *a = v.p + (ptrdiff_t)2 * y * v.w, *b = a + v.w;

		/* In place: what is written has been read. */
		for (int x = 0; x < half.w; x++)
			out[y * half.w + x] =
			    (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] +
				       b[2 * x + 1] + 2) /
				      4);
	}
	return half;
}

size_t
text_find(struct text_room *room, const struct glance *glance,
	  struct text_line *out, size_t max)
{
	struct luma v = { glance->y, glance->w, glance->h };
	struct lines lines = { out, 0, max, 1 };

	for (int size = 0; size < SIZES && v.w >= WIDTH; size++) {
		find_strokes(room->strokes, v);
		for (size_t t = 0; t < sizeof(thresholds); t++) {
			count_strokes(room, v, thresholds[t]);
			for (int k = 0; k + CELLS <= v.w / COLUMNS; k++)
				find_in_column(&lines, room, v, k,
					       thresholds[t]);
		}
		v = halve(room->smaller, v);
		lines.scale *= 2;
	}
	return lines.n;
}
