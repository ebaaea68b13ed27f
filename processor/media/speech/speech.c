/*
 * Sums over the hops and the spans of speech.
 */
#include "processor/media/speech/speech.h"
#include "processor/media/audio/pitch.h"

#include <math.h>

#define SPEECH_MIN 1.0 /* seconds */
#define VOICED_MIN 5   /* hops */

static size_t
hop_at(const struct findings *f, double time)
{
	double hop = fmax(0, round(time / SOUND_HOP_S));

	return hop < (double)f->n_hops ? (size_t)hop : f->n_hops;
}

double
speech_seconds(const struct findings *f, double from, double to)
{
	double sum = 0;

	for (size_t i = 0; i < f->n_activity; i++)
		if (f->activity[i].speech)
			sum += fmax(0, fmin(f->activity[i].end, to) -
					   fmax(f->activity[i].start, from));
	return sum;
}

static int
count_syllables(const struct findings *f, double from, double to)
{
	int n = 0;

	for (size_t i = hop_at(f, from); i < hop_at(f, to); i++)
		n += f->hops[i].syllable;
	return n;
}

double
speech_rate(const struct findings *f, double from, double to)
{
	double seconds = speech_seconds(f, from, to);
	int syllables = 0;

	if (seconds < SPEECH_MIN)
		return NAN;
	for (size_t i = 0; i < f->n_activity; i++)
		if (f->activity[i].speech)
			syllables +=
			    count_syllables(f, fmax(f->activity[i].start, from),
					    fmin(f->activity[i].end, to));
	return syllables / seconds;
}

double
pitch_median(const struct findings *f, double from, double to)
{
	int count[PITCH_MAX + 2] = { 0 }, all = 0, below = 0;

	for (size_t i = hop_at(f, from); i < hop_at(f, to); i++) {
		int hz = (f->hops[i].pitch + 5) / 10;

		if (hz == 0 || hz > PITCH_MAX + 1)
			continue;
		count[hz]++;
		all++;
	}
	for (int hz = 0; hz <= PITCH_MAX + 1; hz++) {
		below += count[hz];
		if (all >= VOICED_MIN && 2 * below >= all)
			return hz;
	}
	return NAN;
}
