/*
 * thumbs.h - the poster and the thumbnails: the best pictures seen, spread
 * over the time of the file.
 */
#ifndef PROCESSOR_MEDIA_THUMBS_H
#define PROCESSOR_MEDIA_THUMBS_H

#include "processor/media/pass/analyser.h"

/* 0..1: picture_score() as one number. */
double thumbs_score(const struct grid *g, double change);

#endif
