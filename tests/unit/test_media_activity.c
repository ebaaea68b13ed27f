/*
 * Speech, music, pitch and syllables of sounds made by addition, so that the
 * truth is known.
 */
#include "tests/unit/media_feed.h"
#include "processor/media/audio/mono.h"
#include "processor/media/audio/pitch.h"
#include "processor/media/speech/speech.h"

#define RATE 44100

static void
feed(void *self, feed_sound *make, double from, double to)
{
	feed_made(&analyser_activity, self, RATE, make, 1, from, to);
}

static double
silence(double t)
{
	(void)t;
	return 0;
}

/* The same for the same time, whatever came before. */
static double
noise(double t)
{
	uint32_t x = (uint32_t)llround(t * RATE) * 2654435761u;

	x ^= x >> 15;
	x *= 2246822519u;
	x ^= x >> 13;
	return 0.2 * ((double)x / UINT32_MAX - 0.5);
}

static double
partials(double phase, int n)
{
	double v = 0;

	for (int k = 1; k <= n; k++)
		v += sin(k * phase) / k;
	return v;
}

#define SYLLABLES 4.0 /* per second */
#define VOICE 150.0   /* Hz, in the middle */

/* A voice that glides up and down, with a syllable of voice and a little
 * breath every quarter of a second. */
static double
talk(double t)
{
	double beat = t * SYLLABLES - floor(t * SYLLABLES);
	double level = beat < 0.7 ? sin(M_PI * beat / 0.7) : 0;
	double phase =
	    2 * M_PI * VOICE * t - 30 * cos(2 * M_PI * 0.9 * t) / 0.9;

	return 0.1 * level * level * partials(phase, 12) +
	       (beat > 0.75 ? 0.3 * noise(t) : 0);
}

/* Three notes of a chord at a time, each with its overtones. */
static double
tune(double t)
{
	static const double chords[][3] = { { 262, 330, 392 },
					    { 220, 262, 330 },
					    { 175, 220, 262 },
					    { 196, 247, 294 } };
	const double *chord = chords[(int)floor(t * 1.5) % 4];
	double since = t - floor(t * 1.5) / 1.5, v = 0;

	for (int i = 0; i < 3; i++)
		v += partials(2 * M_PI * chord[i] * t, 6);
	return 0.1 * v * exp(-2 * since);
}

static double
tone(double t)
{
	return 0.3 * sin(2 * M_PI * 440 * t);
}

static double
siren(double t)
{
	return 0.3 * sin(2 * M_PI * 600 * t + 300 * sin(M_PI * t));
}

/* Noise in the rhythm of speech. */
static double
waves(double t)
{
	return 3 * noise(t) * (1 + sin(2 * M_PI * 4 * t)) / 2;
}

static double
beeps(double t)
{
	return t - floor(t) < 0.3 ? 0.3 * sin(2 * M_PI * 1000 * t) : 0;
}

static void
expect_span(const struct sound_span *s, bool speech, double start, double end)
{
	assert_int_equal(s->speech, speech);
	assert_true(s->confidence > 0.5 && s->confidence <= 1);
	if (fabs(s->start - start) > 0.6 || fabs(s->end - end) > 0.6)
		fail_msg("%.2f..%.2f, not %.2f..%.2f", s->start, s->end, start,
			 end);
}

static void
test_activity_tells_speech_from_music(void **state)
{
	struct analysis a = { 0 };
	void *self = analyser_activity.start(NULL);

	(void)state;
	feed(self, silence, 0, 3);
	feed(self, talk, 3, 12);
	feed(self, silence, 12, 15);
	feed(self, tune, 15, 25);
	feed(self, silence, 25, 28);
	feed(self, noise, 28, 34);
	cJSON_Delete(feed_finish(&analyser_activity, self, &a));
	assert_int_equal(a.found.n_activity, 2);
	expect_span(&a.found.activity[0], true, 3, 12);
	expect_span(&a.found.activity[1], false, 15, 25);
	assert_true(fabs(speech_seconds(&a.found, 0, 34) - 9) < 1);
	assert_true(speech_seconds(&a.found, 13, 34) == 0);
	findings_release(&a.found);
}

static void
test_activity_of_other_sounds_is_none(void **state)
{
	static feed_sound *const others[] = { silence, noise, tone,
					      siren,   waves, beeps };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct analysis a = { 0 };
		void *self = analyser_activity.start(NULL);

		feed(self, others[i], 0, 6);
		cJSON_Delete(feed_finish(&analyser_activity, self, &a));
		assert_int_equal(a.found.n_activity, 0);
		assert_true(isnan(speech_rate(&a.found, 0, 6)));
		findings_release(&a.found);
	}
}

static void
test_activity_counts_syllables_and_hears_the_pitch(void **state)
{
	struct analysis a = { 0 };
	void *self = analyser_activity.start(NULL);
	double rate, pitch;

	(void)state;
	feed(self, talk, 0, 10);
	cJSON_Delete(feed_finish(&analyser_activity, self, &a));
	rate = speech_rate(&a.found, 0, 10);
	pitch = pitch_median(&a.found, 0, 10);
	if (fabs(rate - SYLLABLES) > 0.3)
		fail_msg("%.2f syllables", rate);
	if (fabs(pitch - VOICE) > 10)
		fail_msg("%.1f Hz", pitch);
	assert_true(isnan(speech_rate(&a.found, 3, 3.9)));
	assert_true(isnan(pitch_median(&a.found, 3, 3.1)));
	findings_release(&a.found);
}

static void
test_activity_without_sound_is_null(void **state)
{
	struct analysis a = { 0 };
	cJSON *doc =
	    feed_finish(&analyser_activity, analyser_activity.start(NULL), &a);

	(void)state;
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(doc, "activity")));
	assert_null(a.found.hops);
	cJSON_Delete(doc);
}

/* A day of nothing after a second of speech: quick, and in its place. */
static void
test_activity_after_a_long_gap_keeps_its_time(void **state)
{
	enum { LATE = 80000 };
	struct analysis a = { 0 };
	void *self = analyser_activity.start(NULL);

	(void)state;
	feed(self, silence, 0, 1);
	feed(self, talk, LATE, LATE + 6);
	cJSON_Delete(feed_finish(&analyser_activity, self, &a));
	assert_int_equal(a.found.n_activity, 1);
	expect_span(&a.found.activity[0], true, LATE, LATE + 6);
	findings_release(&a.found);
}

/* ---- pitch, rate -------------------------------------------------------- */

static float
pitch_of_partials(double hz, int first, int last)
{
	float samples[PITCH_SAMPLES] = { 0 };

	for (int i = 0; i < PITCH_SAMPLES; i++)
		for (int k = first; k <= last; k++)
			samples[i] += (float)(0.2 * sin(2 * M_PI * hz * k * i /
							MONO_RATE));
	return pitch_of(samples);
}

static void
test_pitch_is_the_fundamental_even_when_it_is_missing(void **state)
{
	static const double tones[] = { 65, 82.4, 110, 196, 261.6, 440, 495 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tones); i++) {
		assert_true(fabs(pitch_of_partials(tones[i], 1, 1) / tones[i] -
				 1) < 0.01);
		assert_true(fabs(pitch_of_partials(tones[i], 2, 5) / tones[i] -
				 1) < 0.01);
	}
}

static void
test_pitch_of_what_no_voice_makes_is_none(void **state)
{
	float samples[PITCH_SAMPLES] = { 0 };

	(void)state;
	assert_true(pitch_of(samples) == 0);
	for (int i = 0; i < PITCH_SAMPLES; i++)
		samples[i] = (float)noise((double)i / RATE);
	assert_true(pitch_of(samples) == 0);
	assert_true(pitch_of_partials(1000, 1, 1) == 0);
	assert_true(pitch_of_partials(20, 1, 1) == 0);
}

struct taken {
	float samples[MONO_RATE];
	int n;
};

static void
take(void *arg, float sample)
{
	struct taken *t = arg;

	if (t->n < MONO_RATE)
		t->samples[t->n++] = sample;
}

/* A second of a tone on both of two channels, at 8 kHz. */
static struct taken *
resampled(int rate, double hz)
{
	static struct taken t;
	static float in[2 * 192000];
	struct mono m;

	t.n = 0;
	for (int i = 0; i < rate; i++)
		in[2 * i] = in[2 * i + 1] =
		    (float)sin(2 * M_PI * hz * i / rate);
	assert_int_equal(mono_open(&m, rate, MONO_RATE), 0);
	mono_feed(&m, in, rate, 2, take, &t);
	mono_close(&m);
	return &t;
}

static void
test_mono_keeps_what_is_below_and_drops_what_is_above(void **state)
{
	static const int rates[] = { 8000,  11025, 16000, 22050,
				     44100, 48000, 192000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct taken *t = resampled(rates[i], 1000);
		double worst = 0, sum = 0;

		assert_true(t->n >= MONO_RATE - 10);
		for (int k = 50; k < t->n; k++)
			worst = fmax(
			    worst, fabs(t->samples[k] -
					sin(2 * M_PI * 1000 * k / MONO_RATE)));
		if (worst > 0.02)
			fail_msg("%d Hz: off by %f", rates[i], worst);
		if (rates[i] <= 11025)
			continue;
		t = resampled(rates[i], 5000);
		for (int k = 50; k < t->n; k++)
			sum += (double)t->samples[k] * t->samples[k];
		assert_true(sqrt(2 * sum / t->n) < 0.01);
	}
}

static void
test_mono_passes_over_damaged_floats(void **state)
{
	static const float in[] = { NAN, INFINITY, -INFINITY, 1e30f };
	static struct taken t;
	struct mono m;

	(void)state;
	assert_int_equal(mono_open(&m, MONO_RATE, MONO_RATE), 0);
	for (int i = 0; i < 100; i++)
		mono_feed(&m, in, ARRAY_LEN(in), 1, take, &t);
	mono_close(&m);
	assert_true(t.n > 300);
	for (int i = 0; i < t.n; i++)
		assert_true(t.samples[i] == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_activity_tells_speech_from_music),
		cmocka_unit_test(test_activity_of_other_sounds_is_none),
		cmocka_unit_test(
		    test_activity_counts_syllables_and_hears_the_pitch),
		cmocka_unit_test(test_activity_without_sound_is_null),
		cmocka_unit_test(test_activity_after_a_long_gap_keeps_its_time),
		cmocka_unit_test(
		    test_pitch_is_the_fundamental_even_when_it_is_missing),
		cmocka_unit_test(test_pitch_of_what_no_voice_makes_is_none),
		cmocka_unit_test(
		    test_mono_keeps_what_is_below_and_drops_what_is_above),
		cmocka_unit_test(test_mono_passes_over_damaged_floats),
	};

	return cmocka_run_group_tests_name("media_activity", tests, NULL, NULL);
}
