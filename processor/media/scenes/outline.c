/*
 * Sums over the few hundred cells of two outlines.
 */
#include "processor/media/scenes/outline.h"

#include <math.h>
#include <stdlib.h>

#define CELL_CHANGED 10 /* grey levels */

double
outline_changed(const struct outline *a, const struct outline *b)
{
	int n = 0;

	if (a->n != b->n)
		return 1;
	for (int i = 0; i < a->n; i++)
		n += abs(a->cells[i] - b->cells[i]) >= CELL_CHANGED;
	return (double)n / a->n;
}

/* Correlation of luma. */
static double
alike(const struct outline *a, const struct outline *b)
{
	double n = a->w * a->h, sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;

	for (int i = 0; i < a->w * a->h; i++) {
		double x = a->cells[i], y = b->cells[i];

		sa += x;
		sb += y;
		aa += x * x;
		bb += y * y;
		ab += x * y;
	}
	aa -= sa * sa / n;
	bb -= sb * sb / n;
	return aa > 0 && bb > 0 ? (ab - sa * sb / n) / sqrt(aa * bb) : 0;
}

/* 1 when all cells become brighter, or all darker. */
static double
one_way(const struct outline *a, const struct outline *b)
{
	int sum = 0, change = 0;

	for (int i = 0; i < a->w * a->h; i++) {
		sum += b->cells[i] - a->cells[i];
		change += abs(b->cells[i] - a->cells[i]);
	}
	return change ? (double)abs(sum) / change : 0;
}

double
outline_relit(const struct outline *a, const struct outline *b)
{
	return a->n == b->n ? alike(a, b) * one_way(a, b) : 0;
}
