/*
 * suggest.h - segments, hooks and clip suggestions from the findings. The
 * same findings always give the same text.
 */
#ifndef PROCESSOR_MEDIA_SUGGEST_H
#define PROCESSOR_MEDIA_SUGGEST_H

#include "processor/media/pass/analyser.h"

/* The members "segments", "hooks" and "suggestions". 0 or -1. */
int MUST_CHECK suggest_write(struct analysis *a);

#endif
