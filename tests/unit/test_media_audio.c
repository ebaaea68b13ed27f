/*
 * The sound analysers on tones of known level.
 */
#include "tests/unit/media_feed.h"
#include "base/io.h"

#include <sys/mman.h>
#include <unistd.h>

static double
db(double level)
{
	return pow(10, level / 20);
}

static void
test_silence_is_found_between_tones(void **state)
{
	const struct analyser *type = &analyser_silence;
	struct analysis a = { 0 };
	void *self = type->start(NULL);

	(void)state;
	feed_tone(type, self, db(-20), 0, 2);
	feed_tone(type, self, db(-60), 2, 3); /* quiet enough */
	feed_tone(type, self, db(-20), 3, 4);
	feed_tone(type, self, 0, 4, 4.4);	/* too short */
	feed_tone(type, self, db(-40), 4.4, 6); /* not quiet enough */
	feed_tone(type, self, 0, 6, 7);		/* to the end */
	cJSON_Delete(feed_finish(type, self, &a));
	assert_int_equal(a.found.n_silences, 2);
	assert_true(fabs(a.found.silences[0].start - 2) <= 0.011);
	assert_true(fabs(a.found.silences[0].end - 3) <= 0.011);
	assert_true(fabs(a.found.silences[1].start - 6) <= 0.011);
	assert_true(fabs(a.found.silences[1].end - 7) <= 0.011);
	findings_release(&a.found);
}

static void
test_loudness_of_a_reference_tone(void **state)
{
	const struct analyser *type = &analyser_loudness;
	struct analysis a = { 0 };
	void *self = type->start(NULL);
	double peak;
	cJSON *doc;

	(void)state;
	feed_tone(type, self, db(-23), 0, 10); /* EBU Tech 3341, case 1 */
	doc = feed_finish(type, self, &a);
	assert_true(fabs(a.found.integrated + 23) < 0.1);
	assert_int_equal(a.found.n_loudness, 10);
	for (size_t i = 0; i < 10; i++)
		assert_true(fabs(a.found.loudness[i] + 23) < 0.2);
	assert_true(
	    json_num(cJSON_GetObjectItem(doc, "loudness"), "true_peak", &peak));
	assert_true(fabs(peak + 23) < 0.2);
	cJSON_Delete(doc);
	findings_release(&a.found);
}

static void
test_loudness_of_digital_silence_is_unknown(void **state)
{
	const struct analyser *type = &analyser_loudness;
	struct analysis a = { 0 };
	void *self = type->start(NULL);
	cJSON *doc, *loudness;

	(void)state;
	feed_tone(type, self, 0, 0, 2);
	doc = feed_finish(type, self, &a);
	loudness = cJSON_GetObjectItem(doc, "loudness");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(loudness, "integrated")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(loudness, "true_peak")));
	cJSON_Delete(doc);
	findings_release(&a.found);
}

static void
test_loudness_without_sound_is_null(void **state)
{
	struct analysis a = { 0 };
	cJSON *doc =
	    feed_finish(&analyser_loudness, analyser_loudness.start(NULL), &a);

	(void)state;
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(doc, "loudness")));
	assert_true(isnan(a.found.integrated));
	cJSON_Delete(doc);
}

#define SLOW 4000 /* samples per second */
#define DAY (86400ll * SLOW)

/* What is fed below, by sample: runs of a level and silence between them. */
static const struct run {
	int64_t from, to;
	float level;
	int drawn;
} runs[] = {
	{ 0, 4000, 0.5f, 16384 },
	{ 4000000, 4004000, -0.25f, -8192 },
	{ 4002000, 4006000, 0.75f, 24576 }, /* the first half comes again */
	{ DAY - 4000, DAY, -2, INT16_MIN }, /* beyond full scale */
};

static int
drawn_at(int64_t sample)
{
	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		if (sample >= runs[i].from && sample < runs[i].to)
			return runs[i].drawn;
	return 0;
}

static void
feed_run(void *self, const struct run *run)
{
	static float samples[4000];
	struct job job = { 0 };
	struct audio_block b = { .time = (double)run->from / SLOW,
				 .rate = SLOW,
				 .channels = 1,
				 .n = (int)(run->to - run->from),
				 .samples = samples };

	for (int i = 0; i < b.n; i++)
		samples[i] = run->level;
	assert_int_equal(analyser_waveform.on_audio(self, &job, &b), 0);
}

/* Samples next to a change decide; between changes all are the same. */
static void
check_pixel(const int16_t *pixel, int64_t from, int64_t to)
{
	int lo = drawn_at(from), hi = lo;

	for (size_t i = 0; i < 4 * ARRAY_LEN(runs); i++) {
		const struct run *r = &runs[i / 4];
		int64_t at = (i & 1 ? r->from : r->to) - (i & 2 ? 1 : 0);

		if (at < from || at >= to)
			continue;
		lo = drawn_at(at) < lo ? drawn_at(at) : lo;
		hi = drawn_at(at) > hi ? drawn_at(at) : hi;
	}
	assert_int_equal(pixel[0], lo);
	assert_int_equal(pixel[1], hi);
}

/* At 256 samples per pixel a day would be too many pixels. Time without sound
 * is drawn as silence, time that comes again is not drawn again. */
static void
test_waveform_of_a_day_with_gaps_is_coarser(void **state)
{
	enum { SCALE = 1024 };
	struct output files[] = {
		{ .name = "waveform.dat", .fd = memfd_create("dat", 0) },
		{ .name = "waveform.json", .fd = memfd_create("json", 0) },
	};
	struct outputs out = { files, ARRAY_LEN(files) };
	struct analysis a = { .out = &out };
	void *self = analyser_waveform.start(NULL);
	int16_t pixel[2];
	cJSON *doc, *its;
	int64_t scale, length;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		feed_run(self, &runs[i]);
	doc = feed_finish(&analyser_waveform, self, &a);
	its = cJSON_GetObjectItem(doc, "waveform");
	assert_true(json_int(its, "samples_per_pixel", &scale));
	assert_int_equal(scale, SCALE);
	assert_true(json_int(its, "length", &length));
	assert_int_equal(length, DAY / SCALE);
	for (int64_t i = 0; i < length; i++) {
		assert_int_equal(io_pread_all(files[0].fd, pixel, sizeof(pixel),
					      (off_t)(24 + 4 * i)),
				 0);
		check_pixel(pixel, i * SCALE, (i + 1) * SCALE);
	}
	cJSON_Delete(doc);
	close(files[0].fd);
	close(files[1].fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_is_found_between_tones),
		cmocka_unit_test(test_loudness_of_a_reference_tone),
		cmocka_unit_test(test_loudness_of_digital_silence_is_unknown),
		cmocka_unit_test(test_loudness_without_sound_is_null),
		cmocka_unit_test(test_waveform_of_a_day_with_gaps_is_coarser),
	};

	return cmocka_run_group_tests_name("media_audio", tests, NULL, NULL);
}
