/*
 * likeness.h - how much two seconds of sound are like speech and like music.
 * Pure.
 */
#ifndef PROCESSOR_MEDIA_LIKENESS_H
#define PROCESSOR_MEDIA_LIKENESS_H

#include "processor/media/audio/timbre.h"

#define LIKENESS_FRAMES 64 /* hops of TIMBRE_HOP */
#define LIKENESS_PARTS 2   /* of a hop, each with its own level */

/* One hop of sound. */
struct sound_frame {
	float energy; /* mean square; below FRAME_SILENT the rest is unset */
	float level[LIKENESS_PARTS]; /* RMS, smoothed over 64 ms */
	float pitch;		     /* Hz, 0: none */
	struct timbre_frame timbre;
};

#define FRAME_SILENT 1e-6f /* -60 dBFS */

/* 0..1 each, 0.5 is the border. Speech over music may be both. */
struct likeness {
	float speech, music;
};

struct likeness likeness_of(const struct sound_frame frames[LIKENESS_FRAMES]);

#endif
