/*
 * Spectra from 200 to 3800 Hz. Notes are peaks that stay where they are;
 * those of a voice move, those of noise are everywhere.
 */
#include "processor/media/audio/timbre.h"
#include "processor/media/audio/lanes.h"
#include "processor/media/audio/mono.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include <libavutil/mem.h>
#include <libavutil/tx.h>

#define FIRST (200 * TIMBRE_SAMPLES / MONO_RATE)
#define BINS ((3800 - 200) * TIMBRE_SAMPLES / MONO_RATE) /* of 16 Hz */
#define AROUND 12    /* bins on each side that a peak stands out from .. */
#define OUT 1.38f    /* .. by 6 dB, as the logarithm of energy */
#define STAYS 4	     /* hops a peak must stay to be steady */
#define BACK 2	     /* hops between the spectra compared */
#define LEAST 1e-12f /* energy */

struct spectrum {
	float magnitude[BINS];
	bool near[BINS]; /* a peak is here or beside */
	float energy;
};

struct timbre {
	AVTXContext *tx;
	av_tx_fn transform;
	float window[TIMBRE_SAMPLES];
	_Alignas(64) float in[TIMBRE_SAMPLES];
	_Alignas(64) AVComplexFloat out[TIMBRE_SAMPLES / 2 + 1];
	float logs[BINS];
	bool peak[BINS];
	struct spectrum past[STAYS + 1]; /* a ring */
	unsigned now;
};

struct timbre *
timbre_new(void)
{
	struct timbre *t = av_mallocz(sizeof(*t));
	float scale = 1;

	if (!t)
		return NULL;
	for (int i = 0; i < TIMBRE_SAMPLES; i++)
		t->window[i] =
		    (float)(0.5 - 0.5 * cos(2 * M_PI * i / TIMBRE_SAMPLES));
	if (av_tx_init(&t->tx, &t->transform, AV_TX_FLOAT_RDFT, 0,
		       TIMBRE_SAMPLES, &scale, 0) == 0)
		return t;
	av_free(t);
	return NULL;
}

void
timbre_free(struct timbre *t)
{
	if (t)
		av_tx_uninit(&t->tx);
	av_free(t);
}

static struct spectrum *
past(struct timbre *t, unsigned hops)
{
	return &t->past[(t->now + STAYS + 1 - hops) % (STAYS + 1)];
}

static void
transform(struct timbre *t, const float *samples, struct spectrum *s)
{
	for (int i = 0; i < TIMBRE_SAMPLES; i++)
		t->in[i] = samples[i] * t->window[i];
	t->transform(t->tx, t->out, t->in, sizeof(float));
	s->energy = 0;
	for (int i = 0; i < BINS; i++) {
		AVComplexFloat c = t->out[FIRST + i];
		float energy = c.re * c.re + c.im * c.im + LEAST;

		s->magnitude[i] = sqrtf(energy);
		t->logs[i] = logf(energy);
		s->energy += energy;
	}
}

static float
flatness(const struct timbre *t, const struct spectrum *s)
{
	float sum = 0;

	for (int i = 0; i < BINS; i++)
		sum += t->logs[i];
	return expf(sum / BINS) * BINS / s->energy;
}

/* Local maxima that stand out from the mean around them. */
static void
find_peaks(struct timbre *t, struct spectrum *s)
{
	float sum = 0;
	int from = 0, to = 0;

	memset(t->peak, 0, sizeof(t->peak));
	memset(s->near, 0, sizeof(s->near));
	for (int i = 1; i < BINS - 1; i++) {
		while (to < BINS && to <= i + AROUND)
			sum += t->logs[to++];
		while (from < i - AROUND)
			sum -= t->logs[from++];
		if (t->logs[i] < t->logs[i - 1] ||
		    t->logs[i] < t->logs[i + 1] ||
		    t->logs[i] < sum / (float)(to - from) + OUT)
			continue;
		t->peak[i] = true;
		s->near[i - 1] = s->near[i] = s->near[i + 1] = true;
	}
}

static float
steady_share(struct timbre *t)
{
	int all = 0, steady = 0;

	for (int i = 0; i < BINS; i++) {
		bool stays = t->peak[i];

		for (unsigned k = 1; stays && k <= STAYS; k++)
			stays = past(t, k)->near[i];
		all += t->peak[i];
		steady += stays;
	}
	return all ? (float)steady / (float)all : 0;
}

static float
change_since(const struct spectrum *then, const struct spectrum *now)
{
	float sum = 0;

	if (then->energy <= 0)
		return 1;
	for (int i = 0; i < BINS; i++)
		sum += then->magnitude[i] * now->magnitude[i];
	return fmaxf(0, 1 - sum / sqrtf(then->energy * now->energy));
}

static int
strongest(const struct spectrum *s)
{
	int top = 0;

	for (int i = 1; i < BINS; i++)
		if (s->magnitude[i] > s->magnitude[top])
			top = i;
	return top;
}

struct timbre_frame
timbre_next(struct timbre *t, const float *samples)
{
	struct spectrum *s;

	t->now = (t->now + 1) % (STAYS + 1);
	s = past(t, 0);
	if (!samples) {
		memset(s, 0, sizeof(*s));
		return (struct timbre_frame){ .flatness = 1, .change = 1 };
	}
	transform(t, samples, s);
	find_peaks(t, s);
	return (struct timbre_frame){
		.flatness = flatness(t, s),
		.steady = steady_share(t),
		.change = change_since(past(t, BACK), s),
		.top = strongest(s),
	};
}
