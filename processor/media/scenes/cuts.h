/*
 * cuts.h - hard cuts: a change from one picture to the next, the move of the
 * whole picture taken out, that stands out of its neighbours, and after which
 * the old pictures do not come back, as they do after a flash.
 */
#ifndef PROCESSOR_MEDIA_CUTS_H
#define PROCESSOR_MEDIA_CUTS_H

#include "processor/media/scenes/blend.h"
#include "processor/media/scenes/history.h"

/* Whether a scene begins with picture n; of those before and after it what
 * history holds is looked at. */
void cuts_look(const struct history *h, struct blends *found, int64_t n);

#endif
