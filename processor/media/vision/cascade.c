/*
 * The XML of a cascade: stages with their patterns first, which name their
 * cells by number; the table of cells follows. What is unknown is passed
 * over; what is known is checked.
 */
#include "processor/media/vision/cascade.h"
#include "base/xml_read.h"

#include <math.h>
#include <stdlib.h>

#define VALUE_MAX 1e6

struct reading {
	struct cascade *c;
	int cell_of[CASCADE_WEAK_MAX]; /* number, before the table is known */
	uint32_t set[8]; /* of the running one; bit i: pattern i is in it */
	int n_weak;
	int n_leaves; /* pairs read: as many as weak ones in the end */
	struct cascade_cell cells[CASCADE_FEATURES_MAX];
	int n_cells;
	bool boost, lbp;
};

/* Exactly @n numbers, finite and bounded. */
static int
read_numbers(struct slice text, double *out, int n)
{
	char room[512], *p = room, *end;

	if (text.n >= sizeof(room))
		return -1;
	memcpy(room, text.p, text.n);
	room[text.n] = '\0';
	for (int i = 0; i < n; i++) {
		out[i] = strtod(p, &end);
		if (end == p || !isfinite(out[i]))
			return -1;
		p = end;
	}
	return p[strspn(p, " \t\r\n")] == '\0' ? 0 : -1;
}

/* Likewise, whole ones of least..most. */
static int
read_integers(struct slice text, int64_t *out, int n, int64_t least,
	      int64_t most)
{
	double values[16];

	if (read_numbers(text, values, n) != 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if (!(values[i] >= (double)least && values[i] <= (double)most))
			return -1;
		out[i] = (int64_t)values[i];
		if ((double)out[i] < values[i] || (double)out[i] > values[i])
			return -1;
	}
	return 0;
}

static int
read_side(struct slice text, int *side)
{
	int64_t v;

	if (read_integers(text, &v, 1, 3, CASCADE_SIDE_MAX) != 0)
		return -1;
	*side = (int)v;
	return 0;
}

static int
on_width(void *ctx, struct slice text)
{
	struct reading *r = ctx;

	return read_side(text, &r->c->w);
}

static int
on_height(void *ctx, struct slice text)
{
	struct reading *r = ctx;

	return read_side(text, &r->c->h);
}

static int
on_stage_type(void *ctx, struct slice text)
{
	struct reading *r = ctx;

	r->boost = slice_eq_str(text, "BOOST");
	return r->boost ? 0 : -1;
}

static int
on_feature_type(void *ctx, struct slice text)
{
	struct reading *r = ctx;

	r->lbp = slice_eq_str(text, "LBP");
	return r->lbp ? 0 : -1;
}

static int
on_stage(void *ctx)
{
	struct reading *r = ctx;

	if (r->c->n_stages == CASCADE_STAGES_MAX)
		return -1;
	r->c->stages[r->c->n_stages++] = (struct cascade_stage){
		.first = r->n_weak, .end = r->n_weak, .least = NAN
	};
	return 0;
}

static int
on_threshold(void *ctx, struct slice text)
{
	struct reading *r = ctx;
	double v;

	if (r->c->n_stages == 0 || read_numbers(text, &v, 1) != 0 ||
	    fabs(v) > VALUE_MAX)
		return -1;
	/* The training's sums were rounded otherwise. */
	r->c->stages[r->c->n_stages - 1].least = (float)(v - 1e-5);
	return 0;
}

/* A tree of one node: "0 -1 cell" and a set of 256 bits. */
static int
on_node(void *ctx, struct slice text)
{
	struct reading *r = ctx;
	int64_t v[11];

	if (r->c->n_stages == 0 || r->n_weak == CASCADE_WEAK_MAX ||
	    r->n_leaves != r->n_weak ||
	    read_integers(text, v, 11, INT32_MIN, INT32_MAX) != 0 ||
	    v[0] != 0 || v[1] != -1 || v[2] < 0 || v[2] >= CASCADE_FEATURES_MAX)
		return -1;
	for (int i = 0; i < 8; i++)
		r->set[i] = (uint32_t)v[3 + i];
	r->cell_of[r->n_weak++] = (int)v[2];
	r->c->stages[r->c->n_stages - 1].end = r->n_weak;
	return 0;
}

static int
on_leaves(void *ctx, struct slice text)
{
	struct reading *r = ctx;
	double v[2];

	if (r->n_leaves + 1 != r->n_weak || read_numbers(text, v, 2) != 0 ||
	    fabs(v[0]) > VALUE_MAX || fabs(v[1]) > VALUE_MAX)
		return -1;
	for (int i = 0; i < 256; i++) {
		bool in = r->set[i >> 5] >> (i & 31) & 1;

		r->c->weak[r->n_leaves].value[i] = (float)v[in ? 0 : 1];
	}
	r->n_leaves++;
	return 0;
}

static int
on_cell(void *ctx, struct slice text)
{
	struct reading *r = ctx;
	int64_t v[4];

	if (r->n_cells == CASCADE_FEATURES_MAX ||
	    read_integers(text, v, 4, 0, CASCADE_SIDE_MAX) != 0)
		return -1;
	r->cells[r->n_cells++] = (struct cascade_cell){ .x = (uint8_t)v[0],
							.y = (uint8_t)v[1],
							.w = (uint8_t)v[2],
							.h = (uint8_t)v[3] };
	return 0;
}

/* In the window, and with sums of 16 bits. */
static bool
cell_fits(const struct cascade *c, struct cascade_cell cell)
{
	return cell.w > 0 && cell.h > 0 &&
	       cell.w * cell.h <= UINT16_MAX / UINT8_MAX &&
	       cell.x + 3 * cell.w <= c->w && cell.y + 3 * cell.h <= c->h;
}

/* Everything is there and fits together. */
static bool
complete(struct reading *r)
{
	struct cascade *c = r->c;

	if (!r->boost || !r->lbp || !c->w || !c->h || !c->n_stages ||
	    r->n_leaves != r->n_weak)
		return false;
	for (int i = 0; i < c->n_stages; i++)
		if (isnan(c->stages[i].least) ||
		    c->stages[i].end == c->stages[i].first)
			return false;
	for (int i = 0; i < r->n_weak; i++) {
		if (r->cell_of[i] >= r->n_cells ||
		    !cell_fits(c, r->cells[r->cell_of[i]]))
			return false;
		c->weak[i].cell = r->cells[r->cell_of[i]];
	}
	return true;
}

#define TOP "opencv_storage/cascade/"
#define STAGE TOP "stages/_"
#define WEAK STAGE "/weakClassifiers/_"

static const struct xml_rule rules[] = {
	{ TOP "stageType", NULL, on_stage_type },
	{ TOP "featureType", NULL, on_feature_type },
	{ TOP "width", NULL, on_width },
	{ TOP "height", NULL, on_height },
	{ STAGE, on_stage, NULL },
	{ STAGE "/stageThreshold", NULL, on_threshold },
	{ WEAK "/internalNodes", NULL, on_node },
	{ WEAK "/leafValues", NULL, on_leaves },
	{ TOP "features/_/rect", NULL, on_cell },
};

struct cascade *
cascade_read(struct slice xml)
{
	struct reading *r = calloc(1, sizeof(*r));
	struct cascade *c = calloc(1, sizeof(*c));

	if (r && c && xml.n <= CASCADE_BYTES_MAX) {
		r->c = c;
		if (xml_read(xml, rules, ARRAY_LEN(rules), r) == 0 &&
		    complete(r)) {
			free(r);
			return c;
		}
	}
	free(r);
	free(c);
	return NULL;
}
