/*
 * true_peak.h - the highest level between the samples (ITU-R BS.1770, annex
 * 2): the sound interpolated to four times its rate, twice from 96 kHz on,
 * and as it is from 192 kHz on.
 */
#ifndef PROCESSOR_MEDIA_TRUE_PEAK_H
#define PROCESSOR_MEDIA_TRUE_PEAK_H

#include "base/banned.h"

struct true_peak;

/* NULL on memory shortage. */
struct true_peak *true_peak_new(int rate, int channels);
void true_peak_free(struct true_peak *t);
/* @n values, the channels interleaved; a call may end between channels. */
void true_peak_add(struct true_peak *t, const float *values, size_t n);
/* Nothing more follows: of all channels and of all that was added; 1 is full
 * scale. */
double true_peak_end(struct true_peak *t);

#endif
