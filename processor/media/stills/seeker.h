/*
 * seeker.h - the picture on the screen at a time: the last one that begins at
 * or before it, exactly; or the last key frame there, which costs least.
 * Times are best asked for in rising order.
 *
 * On the way from the key frame to the time, pictures that no other is
 * predicted from are not decoded.
 */
#ifndef PROCESSOR_MEDIA_SEEKER_H
#define PROCESSOR_MEDIA_SEEKER_H

#include "processor/media/input/source.h"

struct seeker;

/* NULL after job_fail(). */
struct seeker *seeker_new(struct job *job, struct source *src);
void seeker_free(struct seeker *s);
/* In *out (the seeker's, until the next call) and its time in *at; before
 * the first picture that one. NULL when nothing could be decoded. 0 or -1. */
int MUST_CHECK seeker_find(struct seeker *s, double time, bool exact,
			   const AVFrame **out, double *at);

#endif
