/*
 * The sound analysers on tones of known level.
 */
#include "tests/unit/media_feed.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_is_found_between_tones),
		cmocka_unit_test(test_loudness_of_a_reference_tone),
		cmocka_unit_test(test_loudness_of_digital_silence_is_unknown),
		cmocka_unit_test(test_loudness_without_sound_is_null),
	};

	return cmocka_run_group_tests_name("media_audio", tests, NULL, NULL);
}
