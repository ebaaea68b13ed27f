/*
 * Results of a worker that may have been taken over: one good document, and
 * what each single change to it does.
 */
#include "processor/result.h"
#include "queue/analysis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char good[] =
    "{\"type\":\"result\",\"probe\":{\"format\":{\"duration\":42.4},"
    "\"streams\":[{\"codec_type\":\"video\",\"width\":9,\"height\":9},"
    "{\"codec_type\":\"video\",\"width\":1280,\"height\":720,"
    "\"rotation\":-90,\"analysed\":true}]},"
    "\"poster\":\"poster.jpg\",\"thumbnails\":[{\"file\":\"thumb-1.jpg\","
    "\"time\":8.2,\"width\":640,\"height\":360}],"
    "\"files\":[{\"role\":\"poster\",\"file\":\"poster.jpg\"},"
    "{\"role\":\"thumbnail\",\"file\":\"thumb-1.jpg\"},"
    "{\"role\":\"waveform\",\"file\":\"waveform.dat\"}],"
    "\"analysis\":{\"version\":1,\"scenes\":[{}],"
    "\"segments\":[{\"start_time\":0,\"end_time\":5,\"score\":39.3,"
    "\"reasons\":[\"loud\"],\"components\":{\"energy\":0.7},\"volume\":0.7,"
    "\"pitch\":null,\"speech_rate\":null,\"emotional_tone\":null,"
    "\"motion_intensity\":0.1,\"face_count\":null,\"scene_change\":false,"
    "\"text_present\":null}],"
    "\"hooks\":[{\"timestamp\":3,\"type\":\"audio\",\"confidence\":0.9,"
    "\"text\":null,\"suggested_clip_start\":3,\"suggested_clip_end\":9}],"
    "\"suggestions\":{\"clips\":[{\"startTime\":0,\"endTime\":15,"
    "\"confidence\":0.4,\"title\":\"Clip\",\"reasons\":[]}],"
    "\"bestMoments\":[2.5],\"overallScore\":0.4}}}";

/* The good document with the first `from` replaced. */
static cJSON *
changed(const char *from, const char *to)
{
	struct slice text = slice_str(good);
	ptrdiff_t at = slice_find(text, slice_str(from));
	char out[4096];

	assert_true(at >= 0);
	snprintf(out, sizeof(out), "%.*s%s%s", (int)at, good, to,
		 good + at + strlen(from));
	return json_parse(slice_str(out));
}

static void
test_check_good_result_gives_its_facts(void **state)
{
	cJSON *doc = json_parse(slice_str(good));
	struct result r;
	const char *why = "";

	(void)state;
	assert_int_equal(result_check(doc, &r, &why), 0);
	assert_true(r.duration == 42.4);
	assert_int_equal(r.width, 720); /* turned upright */
	assert_int_equal(r.height, 1280);
	assert_string_equal(r.poster, "poster.jpg");
	assert_int_equal(r.n_thumbs, 1);
	assert_string_equal(r.thumbs[0].file, "thumb-1.jpg");
	assert_int_equal(r.thumbs[0].width, 640);
	assert_int_equal(r.n_files, 3);
	assert_string_equal(r.files[2].role, "waveform");
	assert_string_equal(r.files[2].file, "waveform.dat");
	assert_int_equal(r.analysis.version, 1);
	assert_int_equal(r.analysis.scenes, 1);
	cJSON_Delete(doc);
}

static void
test_check_sound_without_picture_is_fine(void **state)
{
	cJSON *doc = changed("\"analysed\":true", "\"analysed\":false");
	struct result r;
	const char *why;

	(void)state;
	cJSON_ReplaceItemInObjectCaseSensitive(doc, "poster",
					       cJSON_CreateNull());
	cJSON_ReplaceItemInObjectCaseSensitive(doc, "thumbnails",
					       cJSON_CreateArray());
	assert_int_equal(result_check(doc, &r, &why), 0);
	assert_null(r.poster);
	assert_int_equal(r.width, 0);
	cJSON_Delete(doc);
}

static void
test_check_one_wrong_member_is_named(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} changes[] = {
		{ "\"duration\":42.4", "\"duration\":-1", "probe" },
		{ "\"duration\":42.4", "\"duration\":\"42\"", "probe" },
		{ "\"format\":{", "\"form\":{", "probe" },
		{ "\"width\":1280", "\"width\":1e9", "probe" },
		{ "\"width\":1280", "\"width\":12.5", "probe" },
		{ "\"poster.jpg\"", "\"../poster.jpg\"", "poster" },
		{ "\"poster.jpg\"", "7", "poster" },
		{ "\"thumb-1.jpg\"", "\"/etc/passwd\"", "thumbnails" },
		{ "\"file\":\"poster.jpg\"", "\"file\":\"a.jpg\"", "poster" },
		{ "\"waveform.dat\"", "\"waveform.svg\"", "files" },
		{ "\"waveform.dat\"", "\"poster.jpg\"", "files" },
		{ "\"waveform.dat\"", "\"../waveform.dat\"", "files" },
		{ "\"waveform\"", "\"\\u0007\"", "files" },
		{ "\"waveform\"", "null", "files" },
		{ "\"time\":8.2", "\"time\":null", "thumbnails" },
		{ "\"width\":640", "\"width\":0", "thumbnails" },
		{ "\"thumbnails\":[", "\"thumbnails\":[7,", "thumbnails" },
		{ "\"version\":1", "\"version\":\"1\"", "analysis" },
		{ "\"scenes\":[{}]", "\"scenes\":{}", "analysis.scenes" },
		{ "\"score\":39.3", "\"score\":101", "analysis.segments" },
		{ "\"score\":39.3", "\"score\":1e999", "analysis.segments" },
		{ "\"end_time\":5", "\"end_time\":0", "analysis.segments" },
		{ "[\"loud\"]", "[7]", "analysis.segments" },
		{ "[\"loud\"]", "\"loud\"", "analysis.segments" },
		{ "\"pitch\":null", "\"id\":\"x\"", "analysis.segments" },
		{ "\"face_count\":null", "\"face_count\":1.5",
		  "analysis.segments" },
		{ "\"scene_change\":false", "\"scene_change\":0",
		  "analysis.segments" },
		{ "\"type\":\"audio\"", "\"type\":\"malware\"",
		  "analysis.hooks" },
		{ "\"confidence\":0.9", "\"confidence\":2", "analysis.hooks" },
		{ "\"timestamp\":3,", "", "analysis.hooks" },
		{ "\"endTime\":15", "\"endTime\":-1", "analysis.suggestions" },
		{ "\"title\":\"Clip\"", "\"title\":7", "analysis.suggestions" },
		{ "[2.5]", "[\"2.5\"]", "analysis.suggestions" },
		{ "\"overallScore\":0.4", "\"overallScore\":\"high\"",
		  "analysis.suggestions" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		cJSON *doc = changed(changes[i].from, changes[i].to);
		const char *why = "";
		struct result r;

		assert_non_null(doc);
		assert_int_equal(result_check(doc, &r, &why), -1);
		assert_string_equal(why, changes[i].why);
		cJSON_Delete(doc);
	}
}

static void
test_check_floods_are_refused(void **state)
{
	cJSON *doc = json_parse(slice_str(good)), *thumbs, *hooks;
	struct result r;
	const char *why;

	(void)state;
	thumbs = cJSON_GetObjectItem(doc, "thumbnails");
	for (int i = 0; i < RESULT_THUMBS_MAX; i++)
		cJSON_AddItemToArray(
		    thumbs, cJSON_Duplicate(cJSON_GetArrayItem(thumbs, 0), 1));
	assert_int_equal(result_check(doc, &r, &why), -1);
	assert_string_equal(why, "thumbnails");
	cJSON_Delete(doc);
	doc = json_parse(slice_str(good));
	hooks =
	    cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "analysis"), "hooks");
	for (int i = 0; i < ANALYSIS_ROWS_MAX; i++)
		cJSON_InsertItemInArray(
		    hooks, 0, cJSON_Duplicate(cJSON_GetArrayItem(hooks, 0), 1));
	assert_int_equal(result_check(doc, &r, &why), -1);
	assert_string_equal(why, "analysis.hooks");
	cJSON_Delete(doc);
}

static void
test_check_nothing_at_all_is_refused(void **state)
{
	struct result r;
	const char *why;
	cJSON *doc = json_parse(SLICE("{\"type\":\"result\"}"));

	(void)state;
	assert_int_equal(result_check(doc, &r, &why), -1);
	assert_int_equal(result_check(NULL, &r, &why), -1);
	cJSON_Delete(doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_good_result_gives_its_facts),
		cmocka_unit_test(test_check_sound_without_picture_is_fine),
		cmocka_unit_test(test_check_one_wrong_member_is_named),
		cmocka_unit_test(test_check_floods_are_refused),
		cmocka_unit_test(test_check_nothing_at_all_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
