/*
 * The list of blends, and what pictures of one colour mean for them.
 */
#include "processor/media/scenes/blend.h"

#define BLANK 1.0	/* texture of a picture of one colour */
#define BLANK_SHARE 0.3 /* at most, of the texture of the other picture */

/* Where @b would go; those from there on overlap it. */
static size_t
place_for(const struct blends *list, const struct blend *b)
{
	size_t first = list->n;

	while (first > 0 && list->list[first - 1].to > b->from + 1)
		first--;
	return first;
}

bool
blends_want(const struct blends *list, const struct blend *b)
{
	size_t first = place_for(list, b);

	for (size_t i = first; i < list->n; i++)
		if (list->list[i].weight >= b->weight)
			return false;
	return first < list->max;
}

void
blends_add(struct blends *list, const struct blend *b)
{
	if (!blends_want(list, b))
		return;
	list->n = place_for(list, b);
	list->list[list->n++] = *b;
}

void
blend_see_blank(struct blend *b, double from, double to)
{
	b->from_blank = from < BLANK && from < BLANK_SHARE * to;
	b->to_blank = to < BLANK && to < BLANK_SHARE * from;
}
