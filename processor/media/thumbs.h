/*
 * thumbs.h - the poster and the thumbnails: the best pictures seen, spread
 * over the time of the file.
 */
#ifndef PROCESSOR_MEDIA_THUMBS_H
#define PROCESSOR_MEDIA_THUMBS_H

#include "processor/media/analyser.h"

/* Its finish() writes the files and the members "poster" and "thumbnails" of
 * the result itself, not of the analysis. */
extern const struct analyser analyser_thumbs;

/* 0..1: how well this picture would stand for its video. */
double thumbs_score(const struct grid *g, double change);

#endif
