/*
 * A weighted mean of what makes a picture good to look at, less for what
 * makes it useless, more for a face.
 */
#pragma GCC optimize("O3") /* vector code for the sums over a picture */
#include "processor/media/stills/picture_score.h"

#include <math.h>

#define BLACK 28 /* luma that shows nothing */
#define FACE_BONUS 0.15

static const struct {
	const char *name;
	double weight; /* 0: a factor */
} parts[PICTURE_PARTS] = {
	[PICTURE_SHARPNESS] = { "sharpness", 0.35 },
	[PICTURE_CONTRAST] = { "contrast", 0.25 },
	[PICTURE_COLOUR] = { "colour", 0.2 },
	[PICTURE_EXPOSURE] = { "exposure", 0.2 },
	[PICTURE_VISIBLE] = { "visible", 0 },
	[PICTURE_CALM] = { "calm", 0 },
	[PICTURE_SETTLED] = { "settled", 0 },
	[PICTURE_FACE] = { "face", 0 },
};

/* Mean step between neighbours: what a blurred picture lacks. */
static double
sharpness(const struct grid *g)
{
	int sum = 0, w = g->w - 1, h = g->h - 1;

	for (int y = 0; y < h; y++) {
		const uint8_t *row = g->y + y * g->w;

		for (int x = 0; x < w; x++)
			sum += abs(row[x + 1] - row[x]);
		for (int x = 0; x < w; x++)
			sum += abs(row[x + g->w] - row[x]);
	}
	return w > 0 && h > 0 ? (double)sum / (w * h) : 0;
}

/* Mean distance of chroma from grey. */
static double
colourfulness(const struct grid *g)
{
	int sum = 0, n = g->cw * g->ch;

	for (int i = 0; i < n; i++)
		sum += abs(g->u[i] - 128);
	for (int i = 0; i < n; i++)
		sum += abs(g->v[i] - 128);
	return n ? (double)sum / n : 0;
}

/* One colour keeps a tenth, and so does a picture that is all black but for
 * a line of text. The bars of a wide film (a quarter) cost nothing. */
static double
visible(const struct grid *g)
{
	int black = 0, n = g->w * g->h;

	if (g->dev < 6)
		return 0.1;
	for (int i = 0; i < n; i++)
		black += g->y[i] < BLACK;
	return 1 - 0.9 * fmax(0, 2.0 * black / n - 1);
}

struct picture_score
picture_score(const struct grid *g, double change)
{
	return (struct picture_score){ {
	    [PICTURE_SHARPNESS] = fmin(sharpness(g) / 24, 1),
	    [PICTURE_CONTRAST] = fmin(g->dev / 60, 1),
	    [PICTURE_COLOUR] = fmin(colourfulness(g) / 40, 1),
	    /* Full marks between 70 and 170, none at black and white. */
	    [PICTURE_EXPOSURE] = fmin(
		1, fmax(0, fmin((g->mean - 20) / 50, (240 - g->mean) / 70))),
	    [PICTURE_VISIBLE] = visible(g),
	    [PICTURE_CALM] = 1 - 0.5 * fmin(change / 24, 1),
	    [PICTURE_SETTLED] = NAN,
	    [PICTURE_FACE] = NAN,
	} };
}

void
picture_score_review(struct picture_score *s, const struct findings *f,
		     double time)
{
	size_t second = (size_t)fmax(time, 0);

	s->part[PICTURE_SETTLED] = 1;
	for (size_t i = 0; i < f->n_cuts; i++)
		if (f->cuts[i].transition_start <= time &&
		    time < f->cuts[i].time)
			s->part[PICTURE_SETTLED] = 0.5;
	for (size_t i = 0; i < f->n_blacks; i++)
		if (f->blacks[i].start <= time && time < f->blacks[i].end)
			s->part[PICTURE_VISIBLE] =
			    fmin(s->part[PICTURE_VISIBLE], 0.1);
	if (second < f->n_faces && !isnan(f->faces[second]))
		s->part[PICTURE_FACE] = f->faces[second] > 0 ? 1 : 0;
}

/* An unknown factor is 1. */
static double
factor(const struct picture_score *s, enum picture_part part)
{
	return isnan(s->part[part]) ? 1 : s->part[part];
}

double
picture_score_total(const struct picture_score *s)
{
	double sum = 0;

	for (int i = 0; i < PICTURE_PARTS; i++)
		if (parts[i].weight > 0)
			sum += parts[i].weight * s->part[i];
	if (!isnan(s->part[PICTURE_FACE]))
		sum += FACE_BONUS * s->part[PICTURE_FACE];
	return fmin(sum, 1) * factor(s, PICTURE_VISIBLE) *
	       factor(s, PICTURE_CALM) * factor(s, PICTURE_SETTLED);
}

void
picture_score_write(struct buf *json, const struct picture_score *s)
{
	json_put_num(json, "score", round_to(picture_score_total(s), 3));
	json_open_object(json, "components");
	for (int i = 0; i < PICTURE_PARTS; i++)
		json_put_num(json, parts[i].name, round_to(s->part[i], 3));
	json_close_object(json);
}
