/*
 * The test signals of EBU Tech 3341 (loudness, true peak) and Tech 3342
 * (loudness range), made from their published descriptions. Left out are the
 * recordings (3341: 7, 8; 3342: 5, 6) and what only a live meter can show
 * (3341: 11, 14).
 */
#include "tests/unit/media_feed.h"

#define RATE 48000
#define CHANNELS_MAX 5
#define OFF (-1000.0)

/* A tone of 1 kHz, its level by channel in dBFS. */
struct part {
	double seconds;
	double db[CHANNELS_MAX];
};

struct meter {
	void *self;
	int channels;
	double time;
};

static struct meter
meter_open(int channels)
{
	return (struct meter){ analyser_loudness.start(NULL), channels, 0 };
}

static void
meter_feed(struct meter *m, const float *samples, int n)
{
	struct job job = { 0 };
	struct audio_block b = { .time = m->time,
				 .rate = RATE,
				 .channels = m->channels,
				 .n = n,
				 .samples = samples };

	assert_int_equal(analyser_loudness.on_audio(m->self, &job, &b), 0);
	m->time += (double)n / RATE;
}

static void
meter_tone(struct meter *m, const struct part *p)
{
	enum { BLOCK = 1000 };
	static float samples[CHANNELS_MAX * BLOCK];
	double gain[CHANNELS_MAX];
	long left = lround(p->seconds * RATE), at = 0;

	for (int c = 0; c < m->channels; c++)
		gain[c] = pow(10, p->db[c] / 20);
	while (left > 0) {
		int n = left < BLOCK ? (int)left : BLOCK;

		for (int i = 0; i < n; i++) {
			double tone =
			    sin(2 * M_PI * 1000 * (double)(at + i) / RATE);

			for (int c = 0; c < m->channels; c++)
				samples[i * m->channels + c] =
				    (float)(gain[c] * tone);
		}
		meter_feed(m, samples, n);
		left -= n;
		at += n;
	}
}

static void
meter_stereo(struct meter *m, double seconds, double db)
{
	meter_tone(m, &(struct part){ seconds, { db, db } });
}

/* The member "loudness"; the findings go to *a. */
static cJSON *
meter_close(struct meter *m, struct analysis *a)
{
	cJSON *doc = feed_finish(&analyser_loudness, m->self, a);
	cJSON *l = cJSON_DetachItemFromObject(doc, "loudness");

	cJSON_Delete(doc);
	return l;
}

static void
expect(const cJSON *loudness, const char *name, double want, double below,
       double above)
{
	double v = NAN;

	assert_true(json_num(loudness, name, &v));
	if (!(v >= want - below && v <= want + above))
		fail_msg("%s is %.2f, not %.2f", name, v, want);
}

static void
expect_end(struct meter *m, const char *name, double want, double tolerance)
{
	struct analysis a = { 0 };
	cJSON *l = meter_close(m, &a);

	expect(l, name, want, tolerance, tolerance);
	cJSON_Delete(l);
	findings_release(&a.found);
}

static void
test_3341_1_2_a_steady_tone(void **state)
{
	static const double levels[] = { -23, -33 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct meter m = meter_open(2);
		struct analysis a = { 0 };
		cJSON *l;

		meter_stereo(&m, 20, levels[i]);
		l = meter_close(&m, &a);
		expect(l, "integrated", levels[i], 0.1, 0.1);
		expect(l, "momentary_max", levels[i], 0.1, 0.1);
		expect(l, "short_term_max", levels[i], 0.1, 0.1);
		for (size_t k = 0; k < a.found.n_loudness; k++)
			assert_true(fabs(a.found.loudness[k] - levels[i]) <=
				    0.1);
		cJSON_Delete(l);
		findings_release(&a.found);
	}
}

/* Stereo tones one after the other. */
static void
expect_sequence(const double (*parts)[2], size_t n, const char *name,
		double want)
{
	struct meter m = meter_open(2);

	for (size_t i = 0; i < n; i++)
		meter_stereo(&m, parts[i][0], parts[i][1]);
	expect_end(&m, name, want, 0.1);
}

static void
test_3341_3_4_5_gates(void **state)
{
	static const double case3[][2] = { { 10, -36 },
					   { 60, -23 },
					   { 10, -36 } };
	static const double case4[][2] = {
		{ 10, -72 }, { 10, -36 }, { 60, -23 }, { 10, -36 }, { 10, -72 }
	};
	static const double case5[][2] = { { 20, -26 },
					   { 20.1, -20 },
					   { 20, -26 } };

	(void)state;
	expect_sequence(case3, ARRAY_LEN(case3), "integrated", -23);
	expect_sequence(case4, ARRAY_LEN(case4), "integrated", -23);
	expect_sequence(case5, ARRAY_LEN(case5), "integrated", -23);
}

static void
test_3341_6_five_channels(void **state)
{
	struct meter m = meter_open(5);

	(void)state;
	meter_tone(&m, &(struct part){ 20, { -28, -28, -24, -30, -30 } });
	expect_end(&m, "integrated", -23, 0.1);
}

/* Constant after the first window: neither more nor less than the mean. */
static void
test_3341_9_short_term_is_the_mean_of_three_seconds(void **state)
{
	struct meter m = meter_open(2);

	(void)state;
	for (int i = 0; i < 5; i++) {
		meter_stereo(&m, 1.34, -20);
		meter_stereo(&m, 1.66, -30);
	}
	expect_end(&m, "short_term_max", -23, 0.1);
}

static void
test_3341_10_short_term_of_a_tone_anywhere(void **state)
{
	(void)state;
	for (int i = 1; i <= 20; i++) {
		struct meter m = meter_open(2);

		meter_stereo(&m, 0.15 * i, OFF);
		meter_stereo(&m, 3, -23);
		meter_stereo(&m, 1, OFF);
		expect_end(&m, "short_term_max", -23, 0.1);
	}
}

static void
test_3341_12_momentary_is_the_mean_of_400_ms(void **state)
{
	struct meter m = meter_open(2);

	(void)state;
	for (int i = 0; i < 25; i++) {
		meter_stereo(&m, 0.18, -20);
		meter_stereo(&m, 0.22, -30);
	}
	expect_end(&m, "momentary_max", -23, 0.1);
}

static void
test_3341_13_momentary_of_a_tone_anywhere(void **state)
{
	(void)state;
	for (int i = 1; i <= 20; i++) {
		struct meter m = meter_open(2);

		meter_stereo(&m, 0.02 * i, OFF);
		meter_stereo(&m, 0.4, -23);
		meter_stereo(&m, 1, OFF);
		expect_end(&m, "momentary_max", -23, 0.1);
	}
}

/* ---- true peak ---------------------------------------------------------- */

static void
expect_peak(float *samples, int n, double want)
{
	struct meter m = meter_open(1);
	struct analysis a = { 0 };
	cJSON *l;

	meter_feed(&m, samples, n);
	l = meter_close(&m, &a);
	expect(l, "true_peak", want, 0.4, 0.2);
	cJSON_Delete(l);
	findings_release(&a.found);
}

/* 1 inside, 0 at the ends, over @ramp samples. */
static double
taper(int i, int n, int ramp)
{
	int edge = i < n - 1 - i ? i : n - 1 - i;

	return edge >= ramp ? 1 : 0.5 - 0.5 * cos(M_PI * edge / ramp);
}

static void
test_3341_15_to_19_peaks_between_samples(void **state)
{
	static const struct {
		int divisor; /* of the sampling rate */
		double amplitude, phase, want;
	} cases[] = {
		{ 4, 0.5, 0, -6 },    { 4, 0.5, 45, -6 }, { 6, 0.5, 60, -6 },
		{ 8, 0.5, 67.5, -6 }, { 4, 1.41, 45, 3 },
	};
	static float samples[RATE / 2];
	int n = ARRAY_LEN(samples);

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		for (int i = 0; i < n; i++)
			samples[i] =
			    (float)(cases[k].amplitude *
				    taper(i, n, RATE / 100) *
				    sin(2 * M_PI * i / cases[k].divisor +
					cases[k].phase * M_PI / 180));
		expect_peak(samples, n, cases[k].want);
	}
}

/* Sample @i of @wave, four times as dense, below half of RATE. */
static double
band_limited(const double *wave, int i)
{
	enum { HALF = 128 };
	double sum = 0;

	for (int k = -HALF; k <= HALF; k++) {
		double x = k / 4.0;
		double sinc = k ? sin(M_PI * x) / (M_PI * x) : 1;

		sum += wave[i + k] * sinc / 4 *
		       (0.5 + 0.5 * cos(M_PI * k / (HALF + 1)));
	}
	return sum;
}

/* fs/6 at half scale and, once, a period of fs/4 at full scale, made at four
 * times the rate, of which every fourth sample is kept. */
static void
test_3341_20_to_23_a_peak_at_any_place(void **state)
{
	enum { N = 4096, MARGIN = 256, BURST = 2 * N, PERIOD = 16 };
	static double wave[4 * N + 2 * MARGIN];
	static float samples[N];

	(void)state;
	for (int i = 0; i < 4 * N; i++) {
		bool burst = i >= BURST && i < BURST + PERIOD;
		double w = burst ? sin(2 * M_PI * (i - BURST) / PERIOD)
				 : 0.5 * sin(2 * M_PI * (i - BURST) / 24);

		wave[MARGIN + i] = w * taper(i, 4 * N, RATE / 25);
	}
	for (int offset = 0; offset < 4; offset++) {
		for (int i = 0; i < N; i++)
			samples[i] =
			    (float)band_limited(wave, MARGIN + 4 * i + offset);
		expect_peak(samples, N, 0);
	}
}

/* ---- range -------------------------------------------------------------- */

static void
test_3342_1_to_4_range(void **state)
{
	static const double case1[][2] = { { 20, -20 }, { 20, -30 } };
	static const double case2[][2] = { { 20, -20 }, { 20, -15 } };
	static const double case3[][2] = { { 20, -40 }, { 20, -20 } };
	static const double case4[][2] = {
		{ 20, -50 }, { 20, -35 }, { 20, -20 }, { 20, -35 }, { 20, -50 }
	};

	(void)state;
	expect_sequence(case1, ARRAY_LEN(case1), "range", 10);
	expect_sequence(case2, ARRAY_LEN(case2), "range", 5);
	expect_sequence(case3, ARRAY_LEN(case3), "range", 20);
	expect_sequence(case4, ARRAY_LEN(case4), "range", 15);
}

/* ITU-R BS.1770-4: the sides of 7.1 count 1.5 dB more, its LFE nothing. */
static void
test_bs1770_places_of_many_channels(void **state)
{
	static const struct {
		int channel; /* L R C LFE Lb Rb Ls Rs, the only one that sounds
			      */
		double want;
	} cases[] = { { 2, -23 }, { 3, NAN }, { 4, -23 }, { 6, -21.5 } };
	static float samples[8 * RATE];

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct meter m = meter_open(8);
		struct analysis a = { 0 };
		cJSON *l;

		memset(samples, 0, sizeof(samples));
		for (int i = 0; i < RATE; i++)
			samples[8 * i + cases[k].channel] =
			    (float)(pow(10, -20.0 / 20) *
				    sin(2 * M_PI * 1000 * i / RATE));
		meter_feed(&m, samples, RATE);
		l = meter_close(&m, &a);
		if (isnan(cases[k].want))
			assert_true(
			    cJSON_IsNull(cJSON_GetObjectItem(l, "integrated")));
		else
			expect(l, "integrated", cases[k].want, 0.1, 0.1);
		cJSON_Delete(l);
		findings_release(&a.found);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_3341_1_2_a_steady_tone),
		cmocka_unit_test(test_3341_3_4_5_gates),
		cmocka_unit_test(test_3341_6_five_channels),
		cmocka_unit_test(
		    test_3341_9_short_term_is_the_mean_of_three_seconds),
		cmocka_unit_test(test_3341_10_short_term_of_a_tone_anywhere),
		cmocka_unit_test(test_3341_12_momentary_is_the_mean_of_400_ms),
		cmocka_unit_test(test_3341_13_momentary_of_a_tone_anywhere),
		cmocka_unit_test(test_3341_15_to_19_peaks_between_samples),
		cmocka_unit_test(test_3341_20_to_23_a_peak_at_any_place),
		cmocka_unit_test(test_3342_1_to_4_range),
		cmocka_unit_test(test_bs1770_places_of_many_channels),
	};

	return cmocka_run_group_tests_name("media_ebu", tests, NULL, NULL);
}
