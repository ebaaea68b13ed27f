/*
 * steps.h - how long pictures stay, counted: the frame rate as it is, whatever
 * the headers say. A file of constant rate has one step, or the few that its
 * time stamps are rounded to.
 */
#ifndef PROCESSOR_MEDIA_STEPS_H
#define PROCESSOR_MEDIA_STEPS_H

#include "base/json_write.h"

#define STEPS_MAX 32

struct steps {
	struct {
		int64_t units; /* of 10 microseconds */
		int64_t count;
	} list[STEPS_MAX];
	size_t n;
	int64_t other; /* steps that found no room */
};

void steps_add(struct steps *s, double seconds);
/* "frame_steps":[{"seconds","count"}], the commonest first, and, when there
 * are any, "frame_steps_other". */
void steps_write(struct buf *b, const struct steps *s);

#endif
