/*
 * r128.h - a loudness meter by EBU R128 (ITU-R BS.1770-4, EBU Tech 3341 and
 * 3342): momentary, integrated, range, true peak.
 *
 * Sound is taken in steps of 10 ms; each square is summed once, and every
 * window is a sum of steps. That is why it is not a library's meter, which
 * costs a multiple of this; the tests compare it with one.
 *
 * Channels count by their place: 1.41 between 60 and 120 degrees from the
 * front, not at all for low frequency effects, else 1.
 */
#ifndef PROCESSOR_MEDIA_R128_H
#define PROCESSOR_MEDIA_R128_H

#include "base/banned.h"

#include <stdbool.h>

#define R128_CHANNELS_MAX 8
#define R128_STEP_MS 10

struct r128;

/* @channels: in the default layout of their number. NULL on memory shortage. */
struct r128 *r128_new(int rate, int channels);
void r128_free(struct r128 *m);
/*
 * Takes interleaved samples up to the end of the running step, at most @n per
 * channel, and answers how many; *step when one was completed. -1 on memory
 * shortage.
 */
int MUST_CHECK r128_add(struct r128 *m, const float *samples, int n,
			bool *step);
/* LUFS of the last 400 ms and 3 s, what came before the sound being silent;
 * -INFINITY is digital silence. */
double r128_momentary(const struct r128 *m);
double r128_short_term(const struct r128 *m);
/* LUFS, NAN when all was below the gate of -70. */
double r128_integrated(const struct r128 *m);
/* LU, NAN when all was below the gate. */
double r128_range(struct r128 *m);
/* Nothing more follows: 1 is full scale. */
double r128_true_peak(struct r128 *m);

#endif
