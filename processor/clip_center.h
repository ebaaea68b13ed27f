/*
 * clip_center.h - where to look, when only a part of a picture's width is
 * shown: at the faces that the analysis found meanwhile.
 */
#ifndef PROCESSOR_CLIP_CENTER_H
#define PROCESSOR_CLIP_CENTER_H

#include "base/json.h"

/* 0 left .. 1 right, as displayed; 0.5 where no face is known. @analysis: the
 * document, or NULL; only what is in it and makes sense counts. */
double clip_center_x(const cJSON *analysis, double start, double end);

#endif
