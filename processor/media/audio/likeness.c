/*
 * Speech: its level swings three to seven times a second, a good part of it
 * has a pitch, which glides instead of resting on notes, and its spectrum
 * changes all the time without being noise. All of that must hold, so the
 * value is the product. Music: peaks of the spectrum, or the pitch, that stay
 * where they are, and move to another place from time to time.
 */
#include "processor/media/audio/likeness.h"
#include "processor/media/audio/mono.h"

#include <math.h>
#include <stdbool.h>

#define LEVELS (LIKENESS_FRAMES * LIKENESS_PARTS)
/* 20, 2 and 8 Hz, in periods of the whole. */
#define PERIODS(hz) ((hz)*LIKENESS_FRAMES * TIMBRE_HOP / MONO_RATE)
#define SWING_MAX PERIODS(20)
#define SYLLABLES_MIN (PERIODS(2) + 1)
#define SYLLABLES_MAX PERIODS(8)
#define QUIET 1e-3f /* of the loudest hop: 30 dB below */
#define HEARD_MIN 8 /* hops that decide something */
#define APART 2	    /* hops between the pitches compared */
#define LEAP 3.0    /* semitones: another note or an error, no glide */
#define REST 0.2    /* semitones: the pitch has not moved */
#define PAIRS_MIN 4

struct traits {
	int heard;	 /* hops that are not quiet */
	double voiced;	 /* share of them with a pitch */
	double resting;	 /* share of the pitches that rest; NAN */
	double flatness; /* means, weighted by energy */
	double steady;
	double change;
	bool moves;	 /* the strongest place is not always the same */
	double swing;	 /* of the level, standard deviation / mean */
	double syllabic; /* share of the swing at 2..8 Hz */
};

/* 0 at @from, 1 at @to, straight between; either may be the greater. */
static double
ramp(double v, double from, double to)
{
	return fmin(fmax((v - from) / (to - from), 0), 1);
}

/* ---- traits ------------------------------------------------------------- */

static void
measure_pitch(struct traits *t, const struct sound_frame *f, float floor)
{
	int voiced = 0, pairs = 0, rests = 0;

	for (int i = 0; i < LIKENESS_FRAMES; i++) {
		double step;

		if (f[i].energy <= floor || f[i].pitch <= 0)
			continue;
		voiced++;
		if (i < APART || f[i - APART].energy <= floor ||
		    f[i - APART].pitch <= 0)
			continue;
		step = fabs(12 * log2(f[i].pitch / f[i - APART].pitch));
		pairs += step < LEAP;
		rests += step < REST;
	}
	t->voiced = (double)voiced / t->heard;
	t->resting = pairs >= PAIRS_MIN ? (double)rests / pairs : NAN;
}

static void
measure_timbre(struct traits *t, const struct sound_frame *f, float floor)
{
	double sum = 0;
	int top = -1;

	for (int i = 0; i < LIKENESS_FRAMES; i++) {
		if (f[i].energy <= floor)
			continue;
		sum += f[i].energy;
		t->flatness += f[i].energy * f[i].timbre.flatness;
		t->steady += f[i].energy * f[i].timbre.steady;
		t->change += f[i].energy * f[i].timbre.change;
		t->moves |= top >= 0 && abs(f[i].timbre.top - top) > 1;
		top = f[i].timbre.top;
	}
	t->flatness /= sum;
	t->steady /= sum;
	t->change /= sum;
}

/* Energies of the swing at 1, 2, .. @n periods in the two seconds. */
static void
transform_swing(const float *level, double mean, double *energy, int n)
{
	double cosine[LEVELS], windowed[LEVELS];

	for (int i = 0; i < LEVELS; i++) {
		cosine[i] = cos(2 * M_PI * i / LEVELS);
		windowed[i] = (0.5 - 0.5 * cosine[i]) * (level[i] - mean);
	}
	for (int k = 1; k <= n; k++) {
		double re = 0, im = 0;

		for (int i = 0; i < LEVELS; i++) {
			re += windowed[i] * cosine[k * i % LEVELS];
			im +=
			    windowed[i] * cosine[(k * i + LEVELS / 4) % LEVELS];
		}
		energy[k - 1] = re * re + im * im;
	}
}

static void
measure_swing(struct traits *t, const struct sound_frame *f)
{
	float level[LEVELS];
	double energy[SWING_MAX], mean = 0, var = 0, all = 0, syllables = 0;

	for (int i = 0; i < LEVELS; i++) {
		level[i] = f[i / LIKENESS_PARTS].level[i % LIKENESS_PARTS];
		mean += level[i] / LEVELS;
	}
	for (int i = 0; i < LEVELS; i++)
		var += (level[i] - mean) * (level[i] - mean) / LEVELS;
	transform_swing(level, mean, energy, SWING_MAX);
	for (int k = 1; k <= SWING_MAX; k++) {
		all += energy[k - 1];
		if (k >= SYLLABLES_MIN && k <= SYLLABLES_MAX)
			syllables += energy[k - 1];
	}
	t->swing = mean > 0 ? sqrt(var) / mean : 0;
	t->syllabic = all > 0 ? syllables / all : 0;
}

static struct traits
measure(const struct sound_frame *f)
{
	struct traits t = { .heard = 0 };
	float loudest = 0, floor;

	for (int i = 0; i < LIKENESS_FRAMES; i++)
		loudest = fmaxf(loudest, f[i].energy);
	floor = fmaxf(loudest * QUIET, FRAME_SILENT);
	for (int i = 0; i < LIKENESS_FRAMES; i++)
		t.heard += f[i].energy > floor;
	if (t.heard < HEARD_MIN)
		return t;
	measure_pitch(&t, f, floor);
	measure_timbre(&t, f, floor);
	measure_swing(&t, f);
	return t;
}

/* ---- likeness ----------------------------------------------------------- */

static double
speech(const struct traits *t)
{
	double glides = isnan(t->resting) ? 0.5 : ramp(t->resting, 0.8, 0.45);

	return ramp(t->voiced, 0.1, 0.25) * glides * ramp(t->swing, 0.2, 0.38) *
	       ramp(t->syllabic, 0.08, 0.2) * ramp(t->change, 0.12, 0.22) *
	       ramp(t->flatness, 0.25, 0.1);
}

static double
music(const struct traits *t)
{
	double rests = isnan(t->resting) ? 0 : 0.3 * (t->resting - 0.5);

	return t->moves ? ramp(t->steady + rests, 0.2, 0.4) *
			      ramp(t->change, 0.005, 0.02)
			: 0;
}

struct likeness
likeness_of(const struct sound_frame frames[LIKENESS_FRAMES])
{
	struct traits t = measure(frames);

	if (t.heard < HEARD_MIN)
		return (struct likeness){ 0, 0 };
	return (struct likeness){ (float)speech(&t), (float)music(&t) };
}
