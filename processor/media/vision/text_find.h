/*
 * text_find.h - lines of text in a glance. What makes a line, in any script
 * that is written in rows: many thin strokes side by side, of one colour,
 * some of them lying, that begin and end at common heights with clear space
 * above and below. What it says is not read.
 */
#ifndef PROCESSOR_MEDIA_TEXT_FIND_H
#define PROCESSOR_MEDIA_TEXT_FIND_H

#include "processor/media/vision/glance.h"

#include <stddef.h>

/* A place in the glance; of a long line several lie side by side. */
struct text_line {
	int x, y, w, h;
};

struct text_room;
/* free() it; NULL on memory shortage. */
struct text_room *text_room_new(void);
/* At most @max of the lines. */
size_t text_find(struct text_room *room, const struct glance *glance,
		 struct text_line *out, size_t max);

#endif
