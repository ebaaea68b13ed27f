/*
 * The cascade at every place of a picture, at several sizes: the picture is
 * made smaller step by step while the window stays.
 *
 * Eight windows side by side are asked at once, in the lanes of a vector of
 * 16-bit sums (cells are small enough for that, cascade_read() sees to it).
 * Windows stand STEP apart, so sums are kept in STEP planes, one for each
 * remainder of x: then what eight windows need lies in a row. Windows that pass
 * the first stages are few; around those the cascade is asked to the end.
 */
#pragma GCC optimize("O3")
#include "processor/media/vision/cascade.h"
#include "processor/media/vision/glance.h"

#include <math.h>

#define STEP 6
#define LANES 8
#define FIRST_STAGES 6	/* a window that passes them is looked at closer, .. */
#define NEAR 2		/* .. so far around it */
#define CLOSER_MAX 1000 /* such windows of one picture */
#define SMALLEST 10	/* a window is at least a tenth of the longer side */
#define SHRINK 1.2
#define HITS_MAX 1024
#define NEIGHBOURS 2 /* windows that agree on a place */
#define APART 0.2    /* of their size, at most, when they agree */

#define SUM_W (GLANCE_SIDE / STEP + 2 + LANES)
#define SUM_H (GLANCE_SIDE + 1)

typedef uint16_t lanes __attribute__((vector_size(2 * LANES)));
/* One that may lie anywhere. */
typedef lanes loose_lanes __attribute__((aligned(2)));

struct hit {
	float x, y, w, h; /* samples of the whole picture */
	int group;
};

struct cascade_room {
	uint8_t picture[GLANCE_SIDE * GLANCE_SIDE];
	uint16_t sums[STEP][SUM_H * SUM_W];
	struct hit hits[HITS_MAX];
	size_t n_hits;
	int closer; /* looks left */
};

struct cascade_room *
cascade_room_new(void)
{
	return calloc(1, sizeof(struct cascade_room));
}

/* ---- a size ------------------------------------------------------------- */

/* One row of the smaller picture: between two rows, then between columns. */
static void
shrink_row(uint8_t *out, const uint8_t *a, const uint8_t *b, int part, int w,
	   int to_w)
{
	uint16_t mixed[GLANCE_SIDE + 1];
	uint32_t by = ((uint32_t)w << 16) / (uint32_t)to_w;
	uint32_t at = by / 2 > 0x8000 ? by / 2 - 0x8000 : 0;

	for (int x = 0; x < w; x++)
		mixed[x] = (uint16_t)(a[x] * (256 - part) + b[x] * part);
	mixed[w] = mixed[w - 1];
	for (int x = 0; x < to_w; x++, at += by) {
		uint32_t i = at >> 16, f = at >> 8 & 255;

		out[x] = (uint8_t)((mixed[i] * (256 - f) + mixed[i + 1] * f +
				    0x8000) >>
				   16);
	}
}

static void
shrink(uint8_t *out, const uint8_t *picture, int w, int h, int to_w, int to_h)
{
	for (int y = 0; y < to_h; y++) {
		double at = fmax(0, (y + 0.5) * h / to_h - 0.5);
		int top = (int)at, part = (int)((at - top) * 256);
		const uint8_t *a = picture + (ptrdiff_t)top * w;
		const uint8_t *b = top + 1 < h ? a + w : a;

		shrink_row(out + (ptrdiff_t)y * to_w, a, b, part, w, to_w);
	}
}

/* sums[p][y][i]: of all samples above y and left of STEP * i + p. */
static void
add_up(struct cascade_room *room, const uint8_t *picture, int w, int h)
{
	for (int p = 0; p < STEP; p++)
		memset(room->sums[p], 0, SUM_W * sizeof(room->sums[p][0]));
	for (int y = 0; y < h; y++) {
		const uint8_t *row = picture + (ptrdiff_t)y * w;
		uint16_t left = 0;

		for (int i = 0; i * STEP <= w; i++)
			for (int p = 0; p < STEP && i * STEP + p <= w; p++) {
				uint16_t *sum =
				    &room->sums[p][(y + 1) * SUM_W + i];

				*sum = (uint16_t)(left + sum[-SUM_W]);
				if (i * STEP + p < w)
					left = (uint16_t)(left +
							  row[i * STEP + p]);
			}
	}
}

/* ---- windows ------------------------------------------------------------ */

/* The patterns of eight windows, the first at (x, y). */
static inline __attribute__((always_inline)) lanes
patterns(const struct cascade_room *room, const struct cascade_cell *cell,
	 int x, int y)
{
	lanes wide[4][3], cells[3][3], code = { 0 };

	for (int r = 0; r < 4; r++) {
		int row = (y + cell->y + r * cell->h) * SUM_W;
		lanes at[4];

		for (int c = 0; c < 4; c++) {
			int left = x + cell->x + c * cell->w;

			at[c] = *(const loose_lanes *)&room
				     ->sums[left % STEP][row + left / STEP];
		}
		for (int c = 0; c < 3; c++)
			wide[r][c] = at[c + 1] - at[c];
	}
	for (int r = 0; r < 3; r++)
		for (int c = 0; c < 3; c++)
			cells[r][c] = wide[r + 1][c] - wide[r][c];
#define BIT(r, c, value) code |= (lanes)(cells[r][c] >= cells[1][1]) & (value)
	BIT(0, 0, 128);
	BIT(0, 1, 64);
	BIT(0, 2, 32);
	BIT(1, 2, 16);
	BIT(2, 2, 8);
	BIT(2, 1, 4);
	BIT(2, 0, 2);
	BIT(1, 0, 1);
#undef BIT
	return code;
}

/* Which of the eight windows pass so many stages; @alive: which are asked. */
static unsigned
pass(const struct cascade *c, const struct cascade_room *room, int n_stages,
     int x, int y, unsigned alive)
{
	for (int s = 0; s < n_stages && alive; s++) {
		const struct cascade_stage *stage = &c->stages[s];
		float sums[LANES] = { 0 };

		for (int k = stage->first; k < stage->end; k++) {
			const struct cascade_weak *weak = &c->weak[k];
			uint16_t code[LANES];

			*(loose_lanes *)code =
			    patterns(room, &weak->cell, x, y);
			for (unsigned left = alive; left; left &= left - 1) {
				int n = __builtin_ctz(left);

				sums[n] += weak->value[code[n]];
			}
		}
		for (unsigned n = 0; n < LANES; n++)
			if (sums[n] < stage->least)
				alive &= ~(1u << n);
	}
	return alive;
}

/* The windows around a promising one. */
static void
look_closer(const struct cascade *c, struct cascade_room *room, int w, int h,
	    int at_x, int at_y, double shrunk)
{
	room->closer--;
	for (int dy = -NEAR; dy <= NEAR; dy += NEAR)
		for (int dx = -NEAR; dx <= NEAR; dx += NEAR) {
			int x = at_x + dx, y = at_y + dy;

			if (x < 0 || y < 0 || x + c->w > w || y + c->h > h ||
			    room->n_hits == HITS_MAX ||
			    !pass(c, room, c->n_stages, x, y, 1))
				continue;
			room->hits[room->n_hits++] = (struct hit){
				.x = (float)(x * shrunk),
				.y = (float)(y * shrunk),
				.w = (float)(c->w * shrunk),
				.h = (float)(c->h * shrunk),
			};
		}
}

/* All windows of a picture of w x h, which is @shrunk times smaller. */
static void
scan(const struct cascade *c, struct cascade_room *room, int w, int h,
     double shrunk)
{
	int first = c->n_stages < FIRST_STAGES ? c->n_stages : FIRST_STAGES;
	int last = (w - c->w) / STEP;

	for (int y = 0; y + c->h <= h; y += STEP)
		for (int i = 0; i <= last; i += LANES) {
			int n = last - i + 1 < LANES ? last - i + 1 : LANES;
			unsigned good =
			    pass(c, room, first, i * STEP, y, (1u << n) - 1);

			for (; good && room->closer > 0; good &= good - 1)
				look_closer(c, room, w, h,
					    (i + __builtin_ctz(good)) * STEP, y,
					    shrunk);
		}
}

/* ---- places ------------------------------------------------------------- */

static bool
agree(const struct hit *a, const struct hit *b)
{
	float least = fminf(a->w, b->w) + fminf(a->h, b->h);
	float d = (float)(APART * 0.5) * least;

	return fabsf(a->x - b->x) <= d && fabsf(a->y - b->y) <= d &&
	       fabsf(a->x + a->w - b->x - b->w) <= d &&
	       fabsf(a->y + a->h - b->y - b->h) <= d;
}

/* Numbers the groups of hits that agree, directly or through others. */
static int
group(struct hit *hits, size_t n)
{
	int groups = 0;

	for (size_t i = 0; i < n; i++) {
		hits[i].group = groups++;
		for (size_t k = 0; k < i; k++) {
			int old = hits[k].group, now = hits[i].group;

			if (old == now || !agree(&hits[i], &hits[k]))
				continue;
			for (size_t m = 0; m <= i; m++)
				if (hits[m].group == now)
					hits[m].group = old;
		}
	}
	return groups;
}

/* The mean of a group; w 0 when it is too small. */
static struct hit
mean_of(const struct hit *hits, size_t n, int number)
{
	struct hit sum = { .group = 0 };

	for (size_t i = 0; i < n; i++) {
		if (hits[i].group != number)
			continue;
		sum.x += hits[i].x;
		sum.y += hits[i].y;
		sum.w += hits[i].w;
		sum.h += hits[i].h;
		sum.group++;
	}
	if (sum.group < NEIGHBOURS)
		return (struct hit){ .w = 0 };
	sum.x /= (float)sum.group;
	sum.y /= (float)sum.group;
	sum.w /= (float)sum.group;
	sum.h /= (float)sum.group;
	return sum;
}

static bool
is_inside(const struct hit *a, const struct cascade_box *b, int w, int h)
{
	float x = (a->x + a->w / 2) / (float)w;
	float y = (a->y + a->h / 2) / (float)h;

	return x > b->x && x < b->x + b->w && y > b->y && y < b->y + b->h;
}

static int
by_size(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->w < y->w || x->w > y->w)
		return x->w < y->w ? 1 : -1;
	if (x->x < y->x || x->x > y->x)
		return x->x < y->x ? -1 : 1;
	return (x->y > y->y) - (x->y < y->y);
}

/* Means of groups, in place of the hits. */
static size_t
join(struct cascade_room *room)
{
	int groups = group(room->hits, room->n_hits);
	struct hit found[64];
	size_t n = 0;

	for (int g = 0; g < groups && n < ARRAY_LEN(found); g++) {
		struct hit mean = mean_of(room->hits, room->n_hits, g);

		if (mean.w > 0)
			found[n++] = mean;
	}
	memcpy(room->hits, found, n * sizeof(*found));
	qsort(room->hits, n, sizeof(*found), by_size);
	return n;
}

size_t
cascade_find(const struct cascade *c, struct cascade_room *room,
	     const uint8_t *picture, int w, int h, struct cascade_box *out,
	     size_t max)
{
	double side = w > h ? w : h;
	double shrunk =
	    fmax(1, side / (SMALLEST * (c->w > c->h ? c->w : c->h)));
	size_t n = 0, places;

	room->n_hits = 0;
	room->closer = CLOSER_MAX;
	for (;; shrunk *= SHRINK) {
		int sw = (int)(w / shrunk), sh = (int)(h / shrunk);

		if (sw < c->w || sh < c->h)
			break;
		shrink(room->picture, picture, w, h, sw, sh);
		add_up(room, room->picture, sw, sh);
		scan(c, room, sw, sh, shrunk);
	}
	places = join(room);
	for (size_t i = 0; i < places && n < max; i++) {
		const struct hit *hit = &room->hits[i];
		bool inside = false;

		/* The nose of a large face is no small one. */
		for (size_t k = 0; k < n; k++)
			inside = inside || is_inside(hit, &out[k], w, h);
		if (!inside)
			out[n++] = (struct cascade_box){
				.x = hit->x / (float)w,
				.y = hit->y / (float)h,
				.w = hit->w / (float)w,
				.h = hit->h / (float)h,
			};
	}
	return n;
}
