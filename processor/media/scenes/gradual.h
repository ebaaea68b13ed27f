/*
 * gradual.h - one picture that turns into another over several pictures:
 * dissolves, fades to and from one colour, wipes. Looks at outlines alone.
 *
 * Within a blend the pictures are F = A + x (B - A), A the last picture of the
 * old scene alone, B the first of the new one alone, x from 0 to 1: the same
 * for all cells in a dissolve, 0 or 1 for each cell in a wipe.
 */
#ifndef PROCESSOR_MEDIA_GRADUAL_H
#define PROCESSOR_MEDIA_GRADUAL_H

#include "processor/media/scenes/blend.h"
#include "processor/media/scenes/history.h"

/* Looks for blends that end about picture n; of those before and after it what
 * history holds is looked at. */
void gradual_look(const struct history *h, struct blends *found, int64_t n);

#endif
