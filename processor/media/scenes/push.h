/*
 * push.h - pushes: the next scene moves in and moves the last one out. From
 * picture to picture they look like a fast pan; but each picture between is
 * made of two parts, of the last of the old scene and the first of the new.
 */
#ifndef PROCESSOR_MEDIA_PUSH_H
#define PROCESSOR_MEDIA_PUSH_H

#include "processor/media/scenes/blend.h"
#include "processor/media/scenes/history.h"

/* Looks for a push that begins after picture n; it has to end within
 * HISTORY_AHEAD pictures. */
void push_look(const struct history *h, struct blends *found, int64_t n);

#endif
