/*
 * K-weighting, energies in steps of 10 ms, and the gates over them. Two
 * channels go through the filters side by side in one vector.
 */
#pragma GCC optimize("O3") /* the filters inlined into their loop */
#include "processor/media/audio/r128.h"
#include "processor/media/audio/true_peak.h"

#include <math.h>
#include <stdint.h>

#define STEPS_PER_SECOND (1000 / R128_STEP_MS)
#define STEPS_MOMENTARY (400 / R128_STEP_MS)
#define STEPS_SHORT (3000 / R128_STEP_MS)
/* Between two windows that the gates see. */
#define STEPS_BLOCK (100 / R128_STEP_MS)
#define GATE (-70.0)	   /* LUFS, absolute */
#define GATE_INTEGRATED 10 /* LU below the loudness of what is above it */
#define GATE_RANGE 20
#define OFFSET (-0.691) /* of BS.1770, dB */
#define TINY 1e-18	/* below it a filter has come to rest */

/* Two channels. */
typedef double pair __attribute__((vector_size(16)));

/* One second-order filter, its a0 being 1. */
struct biquad {
	double b0, b1, b2, a1, a2;
};

struct state {
	pair s1, s2;
};

struct list {
	double *v;
	size_t n, room;
};

struct r128 {
	int channels;
	int step;	     /* samples of one */
	int left;	     /* of the running one */
	struct biquad shelf; /* the head */
	struct biquad pass;  /* low frequencies */
	struct state states[R128_CHANNELS_MAX / 2][2];
	pair sums[R128_CHANNELS_MAX / 2]; /* squares of the running step */
	/* Mean squares: a ring, twice over, so that a window is one run. */
	double steps[2 * STEPS_SHORT];
	int64_t n;	    /* steps done */
	struct list blocks; /* energies of 400 ms above the gate */
	struct list shorts; /* of 3 s */
	struct true_peak *peak;
};

/* In libav's default layouts of 1 to 8 channels. */
static const double weights[R128_CHANNELS_MAX][R128_CHANNELS_MAX] = {
	{ 1 },
	{ 1, 1 },
	{ 1, 1, 0 },		       /* 2.1 */
	{ 1, 1, 1, 1 },		       /* front, centre, back */
	{ 1, 1, 1, 1.41, 1.41 },       /* 5.0 */
	{ 1, 1, 1, 0, 1.41, 1.41 },    /* 5.1 */
	{ 1, 1, 1, 0, 1, 1.41, 1.41 }, /* 6.1: back, sides */
	{ 1, 1, 1, 0, 1, 1, 1.41, 1.41 },
};

/*
 * The two filters of BS.1770 are given for 48 kHz; these are the analogue ones
 * behind them, brought to any rate by the bilinear transform.
 */
static struct biquad
shelf_for(int rate)
{
	const double gain = 3.999843853973347, q = 0.7071752369554196;
	double k = tan(M_PI * 1681.974450955533 / rate);
	double high = pow(10, gain / 20), band = pow(high, 0.4996667741545416);
	double a0 = 1 + k / q + k * k;

	return (struct biquad){
		.b0 = (high + band * k / q + k * k) / a0,
		.b1 = 2 * (k * k - high) / a0,
		.b2 = (high - band * k / q + k * k) / a0,
		.a1 = 2 * (k * k - 1) / a0,
		.a2 = (1 - k / q + k * k) / a0,
	};
}

static struct biquad
pass_for(int rate)
{
	const double q = 0.5003270373238773;
	double k = tan(M_PI * 38.13547087602444 / rate);
	double a0 = 1 + k / q + k * k;

	return (struct biquad){
		.b0 = 1,
		.b1 = -2,
		.b2 = 1,
		.a1 = 2 * (k * k - 1) / a0,
		.a2 = (1 - k / q + k * k) / a0,
	};
}

struct r128 *
r128_new(int rate, int channels)
{
	struct r128 *m = aligned_alloc(_Alignof(struct r128), sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct r128){
		.channels = channels,
		.step = (rate + STEPS_PER_SECOND / 2) / STEPS_PER_SECOND,
		.shelf = shelf_for(rate),
		.pass = pass_for(rate),
		.peak = true_peak_new(rate, channels),
	};
	m->left = m->step;
	if (m->peak)
		return m;
	free(m);
	return NULL;
}

void
r128_free(struct r128 *m)
{
	if (!m)
		return;
	true_peak_free(m->peak);
	free(m->blocks.v);
	free(m->shorts.v);
	free(m);
}

static int
append(struct list *l, double v)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		double *grown = realloc(l->v, room * sizeof(*grown));

		if (!grown)
			return -1;
		l->v = grown;
		l->room = room;
	}
	l->v[l->n++] = v;
	return 0;
}

static double
loudness(double energy)
{
	return 10 * log10(energy) + OFFSET;
}

static double
energy_of(double loudness)
{
	return pow(10, (loudness - OFFSET) / 10);
}

/* ---- the filters -------------------------------------------------------- */

static inline pair
run(const struct biquad *f, struct state *s, pair x)
{
	pair y = f->b0 * x + s->s1;

	s->s1 = f->b1 * x + s->s2 - f->a1 * y;
	s->s2 = f->b2 * x - f->a2 * y;
	return y;
}

/* Channels c and c + 1 of n samples; of an odd last one, it alone. */
static void
weigh(struct r128 *m, const float *p, int n, int c)
{
	const struct biquad shelf = m->shelf, pass = m->pass;
	struct state a = m->states[c / 2][0], b = m->states[c / 2][1];
	pair sum = m->sums[c / 2];
	int step = m->channels, both = c + 1 < step;

	p += c;
	for (int i = 0; i < n; i++, p += step) {
		pair x = { (double)p[0], both ? (double)p[1] : 0 };

		x = run(&pass, &b, run(&shelf, &a, x));
		sum += x * x;
	}
	m->states[c / 2][0] = a;
	m->states[c / 2][1] = b;
	m->sums[c / 2] = sum;
}

/* Filters at rest would count on in denormal numbers, which are slow; and
 * samples that are no numbers must not stay in them. */
static void
settle(struct state *s)
{
	for (int k = 0; k < 2; k++) {
		if (!(fabs(s->s1[k]) > TINY) || isinf(s->s1[k]))
			s->s1[k] = 0;
		if (!(fabs(s->s2[k]) > TINY) || isinf(s->s2[k]))
			s->s2[k] = 0;
	}
}

/* ---- the steps ---------------------------------------------------------- */

/* The mean of the last @count steps, a multiple of 4. */
static double
window(const struct r128 *m, int count)
{
	const double *p = m->steps + STEPS_SHORT + m->n % STEPS_SHORT - count;
	double sums[4] = { 0 };

	for (int i = 0; i < count; i += 4)
		for (int k = 0; k < 4; k++)
			sums[k] += p[i + k];
	return (sums[0] + sums[1] + sums[2] + sums[3]) / count;
}

/* What the gates look at. */
static int
add_block(struct list *list, double energy)
{
	return loudness(energy) >= GATE ? append(list, energy) : 0;
}

static int
end_step(struct r128 *m)
{
	double sum = 0;

	for (int c = 0; c < m->channels; c++)
		sum += weights[m->channels - 1][c] * m->sums[c / 2][c % 2];
	for (int k = 0; k < R128_CHANNELS_MAX / 2; k++) {
		m->sums[k] = (pair){ 0, 0 };
		settle(&m->states[k][0]);
		settle(&m->states[k][1]);
	}
	sum = isfinite(sum) ? sum / m->step : 0;
	m->steps[m->n % STEPS_SHORT] = sum;
	m->steps[m->n % STEPS_SHORT + STEPS_SHORT] = sum;
	m->n++;
	m->left = m->step;
	if (m->n >= STEPS_MOMENTARY && m->n % STEPS_BLOCK == 0 &&
	    add_block(&m->blocks, window(m, STEPS_MOMENTARY)) != 0)
		return -1;
	if (m->n >= STEPS_SHORT && m->n % STEPS_PER_SECOND == 0)
		return add_block(&m->shorts, window(m, STEPS_SHORT));
	return 0;
}

int
r128_add(struct r128 *m, const float *samples, int n, bool *step)
{
	if (n > m->left)
		n = m->left;
	for (int c = 0; c < m->channels; c += 2)
		weigh(m, samples, n, c);
	true_peak_add(m->peak, samples, (size_t)n * (size_t)m->channels);
	m->left -= n;
	*step = m->left == 0;
	return *step && end_step(m) != 0 ? -1 : n;
}

/* ---- the answers -------------------------------------------------------- */

double
r128_momentary(const struct r128 *m)
{
	return loudness(window(m, STEPS_MOMENTARY));
}

double
r128_short_term(const struct r128 *m)
{
	return loudness(window(m, STEPS_SHORT));
}

/* Mean of the energies not below @least. */
static double
mean_from(const struct list *l, double least)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i] >= least) {
			sum += l->v[i];
			n++;
		}
	}
	return n ? sum / (double)n : NAN;
}

/* The energy @gate LU below the mean of all. */
static double
relative_gate(const struct list *l, double gate)
{
	return energy_of(loudness(mean_from(l, 0)) - gate);
}

double
r128_integrated(const struct r128 *m)
{
	if (!m->blocks.n)
		return NAN;
	return loudness(
	    mean_from(&m->blocks, relative_gate(&m->blocks, GATE_INTEGRATED)));
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
r128_range(struct r128 *m)
{
	struct list *l = &m->shorts;
	double gate;
	size_t from = 0, n;

	if (!l->n)
		return NAN;
	gate = relative_gate(l, GATE_RANGE);
	qsort(l->v, l->n, sizeof(*l->v), by_value);
	while (from + 1 < l->n && l->v[from] < gate)
		from++;
	n = l->n - from - 1;
	/* From the 10th to the 95th percentile. */
	return loudness(l->v[from + (size_t)((double)n * 0.95 + 0.5)]) -
	       loudness(l->v[from + (size_t)((double)n * 0.1 + 0.5)]);
}

double
r128_true_peak(struct r128 *m)
{
	return true_peak_end(m->peak);
}
