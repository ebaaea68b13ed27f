/*
 * YIN: the difference of the sound with itself, later by each lag, divided by
 * the mean of all shorter lags. The first dip below the threshold is the
 * period; it is refined by a parabola through its neighbours.
 */
#include "processor/media/audio/pitch.h"
#include "processor/media/audio/lanes.h"
#include "processor/media/audio/mono.h"

#define LAG_FIRST 4 /* of a tone too high for a voice */
#define LAG_MIN (MONO_RATE / PITCH_MAX)
#define LAG_MAX (MONO_RATE / PITCH_MIN)
#define WINDOW 256 /* samples compared: two periods of the deepest voice */
#define DIP 0.15f
#define PERIODIC 0.2f

_Static_assert(WINDOW + LAG_MAX + 1 <= PITCH_SAMPLES, "the lags fit");

static float
refine(const float *d, int lag)
{
	float a = d[lag - 1], b = d[lag], c = d[lag + 1];
	float bend = a - 2 * b + c;

	return bend > 0 ? (float)lag + (a - c) / (2 * bend) : (float)lag;
}

/* The lag of the first dip, else of the least value. What is too short for a
 * voice is looked at, so that a high tone is not heard octaves lower. */
static int
find_dip(const float *d)
{
	int best = LAG_FIRST;

	for (int lag = LAG_FIRST; lag < LAG_MAX; lag++) {
		if (d[lag] < d[best])
			best = lag;
		if (d[lag] >= DIP)
			continue;
		while (lag + 1 < LAG_MAX && d[lag + 1] < d[lag])
			lag++;
		return lag;
	}
	return best;
}

float
pitch_of(const float *samples)
{
	float d[LAG_MAX + 1] = { 1 }, sum = 0;
	int lag;

	for (lag = 1; lag <= LAG_MAX; lag++) {
		d[lag] = lanes_distance(samples, samples + lag, WINDOW);
		sum += d[lag];
		d[lag] = sum > 0 ? d[lag] * (float)lag / sum : 1;
	}
	lag = find_dip(d);
	return lag >= LAG_MIN && d[lag] < PERIODIC ? MONO_RATE / refine(d, lag)
						   : 0;
}
