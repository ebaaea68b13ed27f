/*
 * cover.h - the cover picture that a file of sound carries.
 */
#ifndef PROCESSOR_MEDIA_COVER_H
#define PROCESSOR_MEDIA_COVER_H

#include "processor/media/input/source.h"

/* The first one that decodes in *out (the caller's) and its stream in *st.
 * NULL when there is none: damage in a cover is no failure of the file. */
void cover_decode(struct job *job, const struct source *src, AVFrame **out,
		  const AVStream **st);

#endif
