/*
 * pictures.h - the pictures of the decode pass on their way to the analysers:
 * reduced, compared, shown in order of display. With more than one thread to
 * use they go there on a thread of their own, so that the decoder need not
 * wait; what is found does not depend on it.
 */
#ifndef PROCESSOR_MEDIA_PICTURES_H
#define PROCESSOR_MEDIA_PICTURES_H

#include "processor/media/pass/decode.h"

struct pictures;

/* NULL after job_fail(). Until pictures_end() the members of @out that are of
 * pictures, and what the sinks keep for pictures, belong to it. */
struct pictures *pictures_start(struct job *job, const struct source *src,
				const struct sink *sinks, size_t n_sinks,
				struct decoded *out);
/* The next one; its content is taken. -1: no more are wanted, pictures_end()
 * says why. */
int MUST_CHECK pictures_show(struct pictures *p, AVFrame *frame);
/* All of them have been shown; releases. 0, or -1 after job_fail(). */
int MUST_CHECK pictures_end(struct pictures *p);

#endif
