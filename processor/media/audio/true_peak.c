/*
 * A polyphase filter, channels interleaved as they come: a tap of the filter
 * is one product of two rows of numbers, which is vector code for any number
 * of channels.
 *
 * Most of the sound is passed over: no interpolated value can exceed the
 * greatest sample in reach of the filter times the sum of its coefficients'
 * magnitudes, so where that is below the peak so far there is nothing to
 * find. This changes the time that it takes and never the result.
 */
#pragma GCC optimize("O3") /* vector code for the sums */
#include "processor/media/audio/true_peak.h"

#include <math.h>

#define SPAN 48	 /* of the filter, in interpolated samples: Hann window */
#define STEP 128 /* values looked at together, a multiple of LANES */
#define LANES 8
#define CHANNELS_MAX 8
#define BACK_MAX (SPAN / 2 * CHANNELS_MAX)

struct true_peak {
	int channels;
	int factor; /* 1: no interpolation */
	int taps;   /* of each phase */
	int back; /* values that the filter reaches back, a multiple of LANES */
	int n;	  /* values in the step that is being filled */
	float filter[4][SPAN / 2];
	float gain; /* no phase amplifies more than this */
	float peak;
	float work[BACK_MAX + STEP]; /* what came before, then the step */
};

/* The windowed sinc at @j of 0..SPAN. */
static double
coefficient(int j, int factor)
{
	double x = M_PI * (j - SPAN / 2) / factor;

	return (j == SPAN / 2 ? 1 : sin(x) / x) *
	       (1 - cos(2 * M_PI * j / SPAN)) / 2;
}

struct true_peak *
true_peak_new(int rate, int channels)
{
	struct true_peak *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->channels = channels;
	t->factor = rate < 96000 ? 4 : rate < 192000 ? 2 : 1;
	t->taps = SPAN / t->factor;
	t->back = (t->taps * channels + LANES - 1) / LANES * LANES;
	/* Phase 0 is the samples themselves. */
	for (int p = 1; p < t->factor; p++) {
		float sum = 0;

		for (int k = 0; k < t->taps; k++) {
			t->filter[p][k] =
			    (float)coefficient(p + k * t->factor, t->factor);
			sum += fabsf(t->filter[p][k]);
		}
		t->gain = fmaxf(t->gain, sum);
	}
	t->gain = fmaxf(t->gain * 1.0001f, 1); /* sums are rounded */
	return t;
}

void
true_peak_free(struct true_peak *t)
{
	free(t);
}

/* The greatest magnitude of n values (a multiple of LANES). */
static float
greatest(const float *p, int n)
{
	float most[LANES] = { 0 }, peak = 0;

	for (int i = 0; i < n; i += LANES)
		for (int k = 0; k < LANES; k++)
			most[k] = fabsf(p[i + k]) > most[k] ? fabsf(p[i + k])
							    : most[k];
	for (int k = 0; k < LANES; k++)
		peak = fmaxf(peak, most[k]);
	return peak;
}

/* The greatest magnitude of one phase over the step at @p. */
static float
interpolate(const float *p, const float *filter, int taps, int channels)
{
	float most[LANES] = { 0 }, peak = 0;

	for (int i = 0; i < STEP; i += LANES) {
		float sum[LANES] = { 0 };

		for (int k = 0; k < taps; k++) {
			const float *x = p + i - k * channels;

			for (int l = 0; l < LANES; l++)
				sum[l] += filter[k] * x[l];
		}
		for (int l = 0; l < LANES; l++)
			most[l] =
			    fabsf(sum[l]) > most[l] ? fabsf(sum[l]) : most[l];
	}
	for (int l = 0; l < LANES; l++)
		peak = fmaxf(peak, most[l]);
	return peak;
}

/* The step is full. */
static void
take_step(struct true_peak *t)
{
	const float *fresh = t->work + t->back;

	t->peak = fmaxf(t->peak, greatest(fresh, STEP));
	if (t->factor > 1 &&
	    greatest(t->work, t->back + STEP) * t->gain > t->peak)
		for (int p = 1; p < t->factor; p++)
			t->peak =
			    fmaxf(t->peak, interpolate(fresh, t->filter[p],
						       t->taps, t->channels));
	memmove(t->work, t->work + STEP, (size_t)t->back * sizeof(*t->work));
	t->n = 0;
}

void
true_peak_add(struct true_peak *t, const float *values, size_t n)
{
	while (n) {
		size_t room = (size_t)(STEP - t->n);
		size_t part = n < room ? n : room;

		memcpy(t->work + t->back + t->n, values,
		       part * sizeof(*values));
		t->n += (int)part;
		if (t->n == STEP)
			take_step(t);
		values += part;
		n -= part;
	}
}

double
true_peak_end(struct true_peak *t)
{
	static const float silence[BACK_MAX + STEP];

	/* Until the filter has seen the last value and the step is full. */
	true_peak_add(t, silence, (size_t)t->back);
	if (t->n)
		true_peak_add(t, silence, (size_t)(STEP - t->n));
	return t->peak;
}
