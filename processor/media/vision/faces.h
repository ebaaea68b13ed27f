/*
 * faces.h - faces seen from the front, by the cascade of Debian's package
 * opencv-data. Without the package nothing is known of faces.
 */
#ifndef PROCESSOR_MEDIA_FACES_H
#define PROCESSOR_MEDIA_FACES_H

#include "processor/media/vision/cascade.h"

/* Loads the cascade, where it is installed; once, before the sandbox. */
void faces_load(void);
/* Takes this one instead, NULL for none; it must stay. */
void faces_use(const struct cascade *cascade);

#endif
