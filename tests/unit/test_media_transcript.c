/*
 * Words with times as captions, JSON and keywords.
 */
#include "base/json.h"
#include "processor/media/speech/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void
add(struct transcript *t, double start, double end, const char *text)
{
	struct transcript_word w = { start, end, 0.75f, "" };

	snprintf(w.text, sizeof(w.text), "%s", text);
	transcript_add(t, &w);
}

static void
expect_vtt(const struct transcript *t, const char *cues)
{
	struct buf b = BUF_INIT, want = BUF_INIT;

	transcript_write_vtt(&b, t, "How it was made.");
	buf_printf(&want, "WEBVTT\n\nNOTE How it was made.\n\n%s", cues);
	assert_true(buf_ok(&b) && buf_ok(&want));
	assert_int_equal(b.n, want.n);
	assert_memory_equal(b.p, want.p, b.n);
	buf_release(&b);
	buf_release(&want);
}

static void
test_vtt_of_nothing_is_a_header(void **state)
{
	struct transcript t = { 0 };

	(void)state;
	expect_vtt(&t, "");
}

static void
test_vtt_cues_end_at_pauses_and_keep_markup_out(void **state)
{
	struct transcript t = { 0 };

	(void)state;
	add(&t, 1, 1.5, "one");
	add(&t, 1.6, 2, "<b>&");
	add(&t, 3, 3.5, "three");
	add(&t, 3725.25, 3726, "hours");
	expect_vtt(&t, "00:00:01.000 --> 00:00:02.000\none &lt;b&gt;&amp;\n\n"
		       "00:00:03.000 --> 00:00:03.500\nthree\n\n"
		       "01:02:05.250 --> 01:02:06.000\nhours\n\n");
	transcript_release(&t);
}

/* Two lines of 42, six seconds. */
static void
test_vtt_cues_are_short(void **state)
{
	struct transcript t = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		add(&t, 0.4 * i, 0.4 * i + 0.3, "characters");
	for (int i = 0; i < 3; i++)
		add(&t, 10 + 3 * i, 13 + 3 * i, "slow");
	expect_vtt(&t, "00:00:00.000 --> 00:00:02.700\n"
		       "characters characters characters\n"
		       "characters characters characters\n"
		       "characters\n\n"
		       "00:00:02.800 --> 00:00:03.900\n"
		       "characters characters characters\n\n"
		       "00:00:10.000 --> 00:00:16.000\nslow slow\n\n"
		       "00:00:16.000 --> 00:00:19.000\nslow\n\n");
	transcript_release(&t);
}

static cJSON *
written(const struct transcript *t)
{
	struct buf b = BUF_INIT;
	cJSON *doc;

	json_open_object(&b, NULL);
	transcript_write_words(&b, t);
	assert_int_equal(transcript_write_keywords(&b, t), 0);
	json_close_object(&b);
	assert_true(buf_ok(&b));
	doc = json_parse(buf_slice(&b));
	assert_non_null(doc);
	buf_release(&b);
	return doc;
}

static void
test_words_are_written_with_times(void **state)
{
	struct transcript t = { 0 };
	cJSON *doc, *word;
	double v;

	(void)state;
	add(&t, 1.234, 1.5, "say \"it\"");
	doc = written(&t);
	word = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "words"), 0);
	assert_string_equal(json_str(word, "word"), "say \"it\"");
	assert_true(json_num(word, "start", &v) && v == 1.23);
	assert_true(json_num(word, "end", &v) && v == 1.5);
	assert_true(json_num(word, "confidence", &v) && v == 0.75);
	cJSON_Delete(doc);
	transcript_release(&t);
}

static void
test_keywords_are_what_is_said_often_and_means_something(void **state)
{
	static const char *const said[] = { "the",   "river", "which",	"mill",
					    "river", "about", "mill",	"river",
					    "boat",  "with",  "wasn't", "zoo" };
	static const struct {
		const char *word;
		int64_t count;
	} want[] = { { "river", 3 }, { "mill", 2 }, { "boat", 1 } };
	struct transcript t = { 0 };
	cJSON *doc, *list;
	int64_t count;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		add(&t, (double)i, (double)i + 0.5, said[i]);
	transcript_add(&t, &(struct transcript_word){ 50, 51, 0.2f, "unsure" });
	doc = written(&t);
	list = cJSON_GetObjectItem(doc, "keywords");
	assert_int_equal(cJSON_GetArraySize(list), ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		cJSON *k = cJSON_GetArrayItem(list, (int)i);

		assert_string_equal(json_str(k, "word"), want[i].word);
		assert_true(json_int(k, "count", &count));
		assert_int_equal(count, want[i].count);
	}
	cJSON_Delete(doc);
	transcript_release(&t);
}

/* The list of words without meaning is searched by halves. */
static void
test_keywords_leave_out_the_first_and_the_last_plain_word(void **state)
{
	static const char *const said[] = { "about",  "your",	"yeah",
					    "aren't", "around", "might" };
	struct transcript t = { 0 };
	cJSON *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		add(&t, (double)i, (double)i + 0.5, said[i]);
	doc = written(&t);
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItem(doc, "keywords")), 0);
	cJSON_Delete(doc);
	transcript_release(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vtt_of_nothing_is_a_header),
		cmocka_unit_test(
		    test_vtt_cues_end_at_pauses_and_keep_markup_out),
		cmocka_unit_test(test_vtt_cues_are_short),
		cmocka_unit_test(test_words_are_written_with_times),
		cmocka_unit_test(
		    test_keywords_are_what_is_said_often_and_means_something),
		cmocka_unit_test(
		    test_keywords_leave_out_the_first_and_the_last_plain_word),
	};

	return cmocka_run_group_tests_name("media_transcript", tests, NULL,
					   NULL);
}
