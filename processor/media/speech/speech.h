/*
 * speech.h - what was found of voices in a stretch of time. Pure.
 */
#ifndef PROCESSOR_MEDIA_SPEECH_H
#define PROCESSOR_MEDIA_SPEECH_H

#include "processor/media/pass/analyser.h"

/* How much of @from..@to is speech. */
double speech_seconds(const struct findings *f, double from, double to);
/* Syllables per second of speech; NAN for less than a second of it. */
double speech_rate(const struct findings *f, double from, double to);
/* Of whatever has a pitch, in Hz; NAN when hardly anything has. */
double pitch_median(const struct findings *f, double from, double to);

#endif
