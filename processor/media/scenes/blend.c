/*
 * The list of blends, and what pictures of one colour mean for them.
 */
#include "processor/media/scenes/blend.h"

#include <string.h>

#define BLANK 1.6	 /* texture of a picture of one colour */
#define BLANK_SHARE 0.25 /* at most, of the texture of the other picture */

/* Those that overlap @b: list[*first] to list[end - 1]; returns the end. */
static size_t
overlapping(const struct blends *list, const struct blend *b, size_t *first)
{
	size_t end = list->n;

	while (end > 0 && list->list[end - 1].from + 1 >= b->to)
		end--;
	*first = end;
	while (*first > 0 && list->list[*first - 1].to > b->from + 1)
		--*first;
	return end;
}

bool
blends_want(const struct blends *list, const struct blend *b)
{
	size_t first, end = overlapping(list, b, &first);

	for (size_t i = first; i < end; i++)
		if (list->list[i].weight >= b->weight)
			return false;
	return end > first || list->n < list->max;
}

void
blends_add(struct blends *list, const struct blend *b)
{
	size_t first, end = overlapping(list, b, &first);

	if (!blends_want(list, b))
		return;
	memmove(&list->list[first + 1], &list->list[end],
		(list->n - end) * sizeof(*list->list));
	list->list[first] = *b;
	list->n = list->n - end + first + 1;
}

void
blend_see_blank(struct blend *b, double from, double to)
{
	b->from_blank = from < BLANK && from < BLANK_SHARE * to;
	b->to_blank = to < BLANK && to < BLANK_SHARE * from;
}
