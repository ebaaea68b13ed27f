/*
 * hooks.h - the moments at which something begins: a sudden sound, a burst of
 * motion, a strong cut or a fade.
 */
#ifndef PROCESSOR_MEDIA_HOOKS_H
#define PROCESSOR_MEDIA_HOOKS_H

#include "processor/media/pass/analyser.h"

/* The member "hooks" of the analysis. */
void hooks_write(struct buf *b, const struct findings *f);

#endif
