/*
 * blend.h - how one scene gives way to the next, at once or by and by.
 */
#ifndef PROCESSOR_MEDIA_BLEND_H
#define PROCESSOR_MEDIA_BLEND_H

#include "processor/media/scenes/change.h"

enum blend_kind { BLEND_CUT, BLEND_DISSOLVE, BLEND_WIPE, BLEND_PUSH };

/* Pictures in between are neither of the old nor of the new scene alone. */
struct blend {
	enum blend_kind kind;
	int64_t from, to;  /* last picture of the old, first of the new */
	double start, end; /* times of pictures from + 1 and to */
	bool from_blank;   /* of one colour: what follows fades in */
	bool to_blank;
	double quality; /* 0..1, how well the pictures fit */
	double weight;	/* quality times the size of the change */
};

/* In order of time; they do not overlap. */
struct blends {
	struct blend *list;
	size_t n, max;
};

/* Adds one. Those that overlap it give way when all of them are lighter,
 * otherwise it is not added. */
void blends_add(struct blends *list, const struct blend *b);

/* Sets from_blank and to_blank by the textures of the two pictures. */
void blend_see_blank(struct blend *b, double from, double to);
/* Whether blends_add() would add it. */
bool blends_want(const struct blends *list, const struct blend *b);

#endif
