/*
 * faces.h - faces seen from the front, by the cascade of Debian's package
 * opencv-data. Without the package nothing is known of faces.
 */
#ifndef PROCESSOR_MEDIA_FACES_H
#define PROCESSOR_MEDIA_FACES_H

#include "processor/media/cascade.h"
#include "processor/media/glance.h"

/* Loads the cascade, where it is installed; once, before the sandbox. */
void faces_load(void);
/* The loaded one; NULL: there is none. */
const struct cascade *faces_cascade(void);
/* For tests: this one instead, NULL for none. It must stay. */
void faces_use(const struct cascade *cascade);

/* The faces in a glance, the largest first, at most @max; none without a
 * cascade. Shares of the glance, so of the picture as it is shown. */
size_t faces_find(const struct glance *glance, struct cascade_room *room,
		  struct cascade_box *out, size_t max);

#endif
