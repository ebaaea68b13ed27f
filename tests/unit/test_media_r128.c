/*
 * The loudness meter beside libebur128 on noise that comes and goes, for
 * every number of channels; the true peak beside it too.
 */
#include "processor/media/audio/r128.h"
#include "processor/media/audio/true_peak.h"

#include <ebur128.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECONDS 12

/* The places of libav's default layouts in the words of libebur128. */
static const int places[R128_CHANNELS_MAX][R128_CHANNELS_MAX] = {
	{ EBUR128_CENTER },
	{ EBUR128_LEFT, EBUR128_RIGHT },
	{ EBUR128_LEFT, EBUR128_RIGHT, EBUR128_UNUSED },
	{ EBUR128_LEFT, EBUR128_RIGHT, EBUR128_CENTER, EBUR128_Mp180 },
	{ EBUR128_LEFT, EBUR128_RIGHT, EBUR128_CENTER, EBUR128_LEFT_SURROUND,
	  EBUR128_RIGHT_SURROUND },
	{ EBUR128_LEFT, EBUR128_RIGHT, EBUR128_CENTER, EBUR128_UNUSED,
	  EBUR128_LEFT_SURROUND, EBUR128_RIGHT_SURROUND },
	{ EBUR128_LEFT, EBUR128_RIGHT, EBUR128_CENTER, EBUR128_UNUSED,
	  EBUR128_Mp180, EBUR128_Mp090, EBUR128_Mm090 },
	{ EBUR128_LEFT, EBUR128_RIGHT, EBUR128_CENTER, EBUR128_UNUSED,
	  EBUR128_Mp135, EBUR128_Mm135, EBUR128_Mp090, EBUR128_Mm090 },
};

/* Noise of changing loudness, different in each channel; silent at times. */
static void
make_noise(float *out, int n, int channels, int rate)
{
	uint32_t state = 1;

	for (int i = 0; i < n; i++) {
		double t = (double)i / rate;
		double level = t > 4 && t < 5 ? 0 : 0.4 * fabs(sin(t / 2));

		for (int c = 0; c < channels; c++) {
			state = state * 1664525 + 1013904223;
			out[i * channels + c] =
			    (float)(level / (c + 1) *
				    ((int32_t)state / 2147483648.0));
		}
	}
}

static double
add_all(struct r128 *m, const float *samples, int n, int channels)
{
	double most = -INFINITY;
	int done = 0, steps = 0;

	while (done < n) {
		bool step;
		int part = n - done < 777 ? n - done : 777;
		int took = r128_add(m, samples + (ptrdiff_t)done * channels,
				    part, &step);

		assert_true(took > 0);
		done += took;
		if (step && ++steps % 10 == 0)
			most = fmax(most, r128_momentary(m));
	}
	return most;
}

static void
compare(int rate, int channels)
{
	int n = SECONDS * rate, step = rate / 10;
	float *samples = malloc(sizeof(float) * (size_t)(n * channels));
	struct r128 *m = r128_new(rate, channels);
	ebur128_state *their =
	    ebur128_init((unsigned)channels, (unsigned long)rate,
			 EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_M |
			     EBUR128_MODE_TRUE_PEAK);
	double most = -INFINITY, v, peak = 0;

	assert_non_null(samples);
	assert_non_null(m);
	assert_non_null(their);
	for (int c = 0; c < channels; c++)
		ebur128_set_channel(their, (unsigned)c,
				    places[channels - 1][c]);
	make_noise(samples, n, channels, rate);
	for (int i = 0; i + step <= n; i += step) {
		ebur128_add_frames_float(
		    their, samples + (ptrdiff_t)i * channels, (size_t)step);
		ebur128_loudness_momentary(their, &v);
		most = fmax(most, v);
	}
	assert_true(fabs(add_all(m, samples, n, channels) - most) < 0.001);
	ebur128_loudness_global(their, &v);
	assert_true(fabs(r128_integrated(m) - v) < 0.001);
	ebur128_loudness_range(their, &v);
	assert_true(fabs(r128_range(m) - v) < 0.001);
	for (int c = 0; c < channels; c++) {
		ebur128_true_peak(their, (unsigned)c, &v);
		peak = fmax(peak, v);
	}
	assert_true(fabs(r128_true_peak(m) - peak) < 1e-5);
	ebur128_destroy(&their);
	r128_free(m);
	free(samples);
}

static void
test_r128_agrees_with_libebur128(void **state)
{
	static const int rates[] = { 8000, 44100, 48000, 96000, 192000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++)
		compare(rates[i], 2);
	for (int channels = 1; channels <= R128_CHANNELS_MAX; channels++)
		compare(16000, channels);
}

/* A quarter of the rate at 45 degrees: all samples are 3 dB below the peak. It
 * swells and fades, as an edge would ring. */
static void
test_true_peak_between_samples(void **state)
{
	struct true_peak *t = true_peak_new(48000, 1);
	static float tone[4800];

	(void)state;
	for (int i = 0; i < 4800; i++)
		tone[i] = (float)(0.5 * sin(M_PI * i / 4800) *
				  sin(M_PI / 2 * i + M_PI / 4));
	true_peak_add(t, tone, 4800);
	assert_true(fabs(true_peak_end(t) - 0.5) < 0.005);
	true_peak_free(t);
}

static void
test_true_peak_at_the_very_end_counts(void **state)
{
	struct true_peak *t = true_peak_new(48000, 2);
	const float end[] = { 0, 0, 0.5f, 0.1f, 0.5f, 0.1f };

	(void)state;
	true_peak_add(t, end, ARRAY_LEN(end));
	/* Two equal samples in silence: the curve rises above both. */
	assert_true(true_peak_end(t) > 0.55);
	true_peak_free(t);
}

static void
test_r128_forgets_samples_that_are_no_numbers(void **state)
{
	struct r128 *m = r128_new(8000, 2);
	static float samples[2 * 8000 * SECONDS];

	(void)state;
	make_noise(samples, 8000 * SECONDS, 2, 8000);
	samples[4000] = NAN;
	samples[4100] = INFINITY;
	add_all(m, samples, 8000 * SECONDS, 2);
	assert_true(isfinite(r128_integrated(m)));
	assert_true(isfinite(r128_range(m)));
	assert_true(isfinite(r128_momentary(m)));
	r128_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_r128_agrees_with_libebur128),
		cmocka_unit_test(test_true_peak_between_samples),
		cmocka_unit_test(test_true_peak_at_the_very_end_counts),
		cmocka_unit_test(test_r128_forgets_samples_that_are_no_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
