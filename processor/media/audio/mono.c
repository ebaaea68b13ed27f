/*
 * Resampling by a windowed sinc in 64 phases; the nearest is taken, which is
 * far more exact than what is measured on it.
 */
#include "processor/media/audio/mono.h"
#include "processor/media/audio/lanes.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CROSSINGS 6 /* of zero, on each side */
#define PASS 0.9    /* of the lower one of the two half rates */
#define CHUNK 1024  /* input samples at once */
#define SANE 8.0f   /* floats far beyond full scale are damage, as is NAN */

static void
make_phase(float *taps, int n, double cutoff, double fraction)
{
	double sum = 0;

	for (int i = 0; i < n; i++) {
		double x = i - (n / 2 - 1) - fraction;
		double a = 2 * cutoff * x * M_PI;
		double sinc = fabs(a) < 1e-9 ? 1 : sin(a) / a;
		double window = 0.5 + 0.5 * cos(2 * M_PI * x / (n + 2));

		taps[i] = (float)(sinc * window);
		sum += taps[i];
	}
	for (int i = 0; i < n; i++)
		taps[i] = (float)(taps[i] / sum);
}

int
mono_open(struct mono *m, int rate, int to)
{
	double lower = rate < to ? rate : to;
	double cutoff = PASS * lower / 2 / rate;
	int half = (int)ceil(CROSSINGS / (2 * cutoff));

	*m = (struct mono){ .rate = rate,
			    .to = to,
			    .taps = (2 * half + 3) / 4 * 4 };
	m->filter = calloc((size_t)m->taps * MONO_PHASES, sizeof(float));
	m->history = calloc((size_t)m->taps + CHUNK, sizeof(float));
	if (!m->filter || !m->history)
		return -1;
	for (int i = 0; i < MONO_PHASES; i++)
		make_phase(m->filter + (ptrdiff_t)i * m->taps, m->taps, cutoff,
			   (double)i / MONO_PHASES);
	/* The first sample has silence before it. */
	m->n = m->taps / 2 - 1;
	m->start = -m->n;
	return 0;
}

void
mono_close(struct mono *m)
{
	free(m->filter);
	free(m->history);
	*m = (struct mono){ 0 };
}

static void
take(struct mono *m, const float *p, int n, int channels)
{
	float *to = m->history + m->n;

	m->n += n;
	if (!p) {
		memset(to, 0, (size_t)n * sizeof(*to));
		return;
	}
	for (int i = 0; i < n; i++) {
		float sum = 0;

		for (int c = 0; c < channels; c++)
			sum += *p++;
		sum /= (float)channels;
		to[i] = fabsf(sum) < SANE ? sum : 0;
	}
}

/* All samples whose neighbourhood is known. */
static void
produce(struct mono *m, void (*emit)(void *arg, float sample), void *arg)
{
	int64_t first = m->start;

	for (;;) {
		int64_t at = m->made * m->rate; /* in 1/to of a sample */
		int64_t phase = at % m->to * MONO_PHASES / m->to;

		first = at / m->to - (m->taps / 2 - 1);
		if (first + m->taps > m->start + m->n)
			break;
		emit(arg, lanes_dot(m->history + (first - m->start),
				    m->filter + phase * m->taps, m->taps));
		m->made++;
	}
	if (first > m->start + m->n)
		first = m->start + m->n;
	m->n -= (int)(first - m->start);
	memmove(m->history, m->history + (first - m->start),
		(size_t)m->n * sizeof(*m->history));
	m->start = first;
}

void
mono_feed(struct mono *m, const float *samples, int64_t n, int channels,
	  void (*emit)(void *arg, float sample), void *arg)
{
	while (n > 0) {
		int part = n < CHUNK ? (int)n : CHUNK;

		take(m, samples, part, channels);
		produce(m, emit, arg);
		if (samples)
			samples += (ptrdiff_t)part * channels;
		n -= part;
	}
}

void
mono_skip(struct mono *m, int64_t seconds)
{
	m->start += seconds * m->rate;
	m->made += seconds * m->to;
}
