/*
 * Scores, segments, hooks and clips from findings made up by hand.
 */
#include "tests/unit/media_feed.h"
#include "processor/media/suggest/score.h"
#include "processor/media/suggest/suggest.h"

#define SECONDS 120
#define HOPS (SECONDS * 1000 / 32)

static double loudness[SECONDS], motion[SECONDS];
static struct cut cuts[3];
static struct span silences[1];

/* Two minutes, quiet and still but for 40..55. */
static struct findings
burst(void)
{
	for (int i = 0; i < SECONDS; i++) {
		bool loud = i >= 40 && i < 55;

		loudness[i] = loud ? -24 : -45;
		motion[i] = loud ? 0.3 : 0.01;
	}
	cuts[0] = (struct cut){ 39.5, 987, 1, TRANSITION_CUT, 39.5 };
	cuts[1] = (struct cut){ 47, 1175, 0.8, TRANSITION_CUT, 47 };
	cuts[2] = (struct cut){ 100, 2500, 1, TRANSITION_FADE, 99 };
	silences[0] = (struct span){ 60, 70 };
	return (struct findings){ .duration = SECONDS,
				  .cuts = cuts,
				  .n_cuts = 3,
				  .silences = silences,
				  .n_silences = 1,
				  .loudness = loudness,
				  .n_loudness = SECONDS,
				  .integrated = -20,
				  .motion = motion,
				  .n_motion = SECONDS };
}

static cJSON *
suggest(const struct findings *f)
{
	struct buf text = BUF_INIT;
	struct job job = { 0 };
	struct analysis a = { .job = &job, .found = *f, .json = &text };
	cJSON *doc;

	json_open_object(&text, NULL);
	assert_int_equal(suggest_write(&a), 0);
	json_close_object(&text);
	assert_true(buf_ok(&text));
	doc = json_parse(buf_slice(&text));
	assert_non_null(doc);
	buf_release(&text);
	return doc;
}

static double
number(const cJSON *obj, const char *name)
{
	double v = NAN;

	assert_true(json_num(obj, name, &v));
	return v;
}

static void
test_score_is_the_weighted_mean_of_its_parts(void **state)
{
	struct findings f = burst();
	struct score s = score_span(&f, 40, 50);

	(void)state;
	assert_true(fabs(s.part[SCORE_ENERGY] - 26.0 / 36) < 1e-9);
	assert_true(fabs(s.part[SCORE_MOTION] - 0.75) < 1e-9);
	assert_true(fabs(s.part[SCORE_PACE] - 0.5) < 1e-9);
	assert_true(s.part[SCORE_RISE] == 1);
	assert_true(s.part[SCORE_SOUND] == 1);
	assert_true(isnan(s.part[SCORE_SPEECH])); /* nobody has listened */
	assert_true(fabs(s.total - (0.25 * 26 / 36 + 0.3 * 0.75 + 0.15 * 0.5 +
				    0.1 + 0.1) /
				       0.9) < 1e-9);
	assert_true(fabs(s.motion - 0.3) < 1e-9);
	assert_int_equal(s.cuts, 1);
	assert_true(score_span(&f, 60, 70).part[SCORE_SOUND] == 0);
}

static void
test_score_leaves_out_what_is_unknown(void **state)
{
	struct findings f = burst();
	struct score s;

	(void)state;
	f.n_loudness = 0;
	f.loudness = NULL;
	f.n_silences = 0;
	s = score_span(&f, 41, 46);
	assert_true(isnan(s.part[SCORE_ENERGY]) && isnan(s.part[SCORE_SOUND]));
	assert_true(fabs(s.total - 0.3 * 0.75 / 0.45) < 1e-9);
	f.n_motion = 0;
	s = score_span(&f, 41, 46);
	assert_true(s.total == 0);
}

/* Hops with a pitch of 200 Hz and a syllable every quarter of a second, and
 * speech from 42 to 44. */
static void
speak(struct findings *f, struct sound_hop *hops, struct sound_span *span)
{
	for (size_t i = 0; i < HOPS; i++)
		hops[i] =
		    (struct sound_hop){ .pitch = 2000, .syllable = i % 8 == 0 };
	*span = (struct sound_span){ 42, 44, 0.9, true };
	f->hops = hops;
	f->n_hops = HOPS;
	f->activity = span;
	f->n_activity = 1;
}

static void
test_score_counts_the_share_of_speech(void **state)
{
	static struct sound_hop hops[HOPS];
	struct findings f = burst();
	struct sound_span span;
	cJSON *doc, *s;

	(void)state;
	speak(&f, hops, &span);
	assert_true(score_span(&f, 40, 45).part[SCORE_SPEECH] == 0.4);
	assert_true(score_span(&f, 50, 55).part[SCORE_SPEECH] == 0);
	doc = suggest(&f);
	s = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "segments"), 8);
	assert_true(number(s, "pitch") == 200);
	assert_true(fabs(number(s, "speech_rate") - 4) <= 0.5);
	assert_true(number(cJSON_GetObjectItem(s, "components"), "speech") ==
		    0.4);
	s = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "segments"), 10);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(s, "speech_rate")));
	cJSON_Delete(doc);
}

static void
test_suggest_ranks_the_burst_first(void **state)
{
	struct findings f = burst();
	cJSON *doc = suggest(&f), *list, *clip;
	double moment;

	(void)state;
	list = cJSON_GetObjectItem(doc, "suggestions");
	clip = cJSON_GetArrayItem(cJSON_GetObjectItem(list, "clips"), 0);
	assert_true(number(clip, "startTime") < 45);
	assert_true(number(clip, "endTime") > 50);
	assert_true(number(clip, "start") == number(clip, "startTime"));
	assert_true(number(list, "overallScore") == number(clip, "confidence"));
	moment = cJSON_GetArrayItem(cJSON_GetObjectItem(list, "bestMoments"), 0)
		     ->valuedouble;
	assert_true(moment > 40 && moment < 55);
	cJSON_Delete(doc);
}

/* The clips of @doc: inside the file, best first, and no two overlap. */
static cJSON *
checked_clips(const cJSON *doc, double duration)
{
	cJSON *a, *b,
	    *clips = cJSON_GetObjectItem(
		cJSON_GetObjectItem(doc, "suggestions"), "clips");

	cJSON_ArrayForEach(a, clips)
	{
		assert_true(number(a, "start") >= 0);
		assert_true(number(a, "end") <= duration);
		for (b = a->next; b; b = b->next) {
			assert_true(number(a, "end") <= number(b, "start") ||
				    number(b, "end") <= number(a, "start"));
			assert_true(number(a, "confidence") >=
				    number(b, "confidence"));
		}
	}
	return clips;
}

static void
test_suggest_clips_do_not_overlap(void **state)
{
	struct findings f = burst();
	cJSON *doc = suggest(&f);

	(void)state;
	assert_true(cJSON_GetArraySize(checked_clips(doc, SECONDS)) >= 1);
	cJSON_Delete(doc);
}

/* An hour that is the same all over. */
static void
test_suggest_spreads_over_a_long_file(void **state)
{
	enum { HOUR = 3600 };
	struct findings f = { .duration = HOUR,
			      .n_loudness = HOUR,
			      .n_motion = HOUR };
	int in_third[3] = { 0 };
	cJSON *doc, *clips, *c;

	(void)state;
	f.loudness = calloc(HOUR, sizeof(*f.loudness));
	f.motion = calloc(HOUR, sizeof(*f.motion));
	for (int i = 0; i < HOUR; i++) {
		f.loudness[i] = -20;
		f.motion[i] = 0.2;
	}
	doc = suggest(&f);
	clips = checked_clips(doc, HOUR);
	assert_int_equal(cJSON_GetArraySize(clips), 10);
	cJSON_ArrayForEach(c, clips)
	    in_third[(int)(number(c, "start") / (HOUR / 3.0))]++;
	for (int i = 0; i < 3; i++)
		assert_true(in_third[i] >= 2);
	cJSON_Delete(doc);
	findings_release(&f);
}

static void
test_suggest_segments_cover_the_file(void **state)
{
	struct findings f = burst();
	cJSON *doc = suggest(&f), *s;
	double end = 0;

	(void)state;
	cJSON_ArrayForEach(s, cJSON_GetObjectItem(doc, "segments"))
	{
		assert_true(number(s, "start_time") == end);
		end = number(s, "end_time");
		assert_in_range((int)number(s, "score"), 0, 100);
		assert_true(cJSON_IsNull(cJSON_GetObjectItem(s, "pitch")));
		assert_true(cJSON_IsNull(cJSON_GetObjectItem(s, "face_count")));
	}
	assert_true(end == SECONDS);
	cJSON_Delete(doc);
}

/* The burst is dark until 46.5: its clip begins there. */
static void
test_suggest_clips_do_not_begin_in_black(void **state)
{
	struct span black[] = { { 0, 10 }, { 35, 46.5 } };
	struct span all = { 0, SECONDS };
	struct findings f = burst();
	const cJSON *clip;
	cJSON *doc;

	(void)state;
	f.blacks = black;
	f.n_blacks = ARRAY_LEN(black);
	doc = suggest(&f);
	clip = cJSON_GetArrayItem(
	    cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "suggestions"),
				"clips"),
	    0);
	assert_true(number(clip, "start") == 46.5 ||
		    number(clip, "start") == 47);
	cJSON_Delete(doc);
	/* All is black: better than nothing. */
	f.blacks = &all;
	f.n_blacks = 1;
	doc = suggest(&f);
	clip = cJSON_GetArrayItem(
	    cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "suggestions"),
				"clips"),
	    0);
	assert_true(number(clip, "duration") <= 92);
	cJSON_Delete(doc);
}

static void
test_suggest_segments_tell_faces_and_text(void **state)
{
	static double faces[SECONDS], text[SECONDS];
	struct findings f = burst();
	const cJSON *s, *segments, *has_text;
	cJSON *doc;

	(void)state;
	for (int i = 0; i < SECONDS; i++) {
		faces[i] = i < 10 ? NAN : i == 12 ? 3 : i < 20;
		text[i] = i < 5 ? NAN : i == 22;
	}
	f.faces = faces;
	f.text = text;
	f.n_faces = f.n_text = SECONDS;
	doc = suggest(&f);
	segments = cJSON_GetObjectItem(doc, "segments");
	for (int i = 0; i < 24; i++) {
		s = cJSON_GetArrayItem(segments, i);
		has_text = cJSON_GetObjectItem(s, "text_present");
		if (i < 2)
			assert_true(
			    cJSON_IsNull(cJSON_GetObjectItem(s, "face_count")));
		else
			assert_true(number(s, "face_count") ==
				    (i == 2 ? 3 : i < 4));
		assert_true(i == 0   ? cJSON_IsNull(has_text)
			    : i == 4 ? cJSON_IsTrue(has_text)
				     : cJSON_IsFalse(has_text));
	}
	cJSON_Delete(doc);
}

static void
test_hooks_are_where_something_begins(void **state)
{
	struct findings f = burst();
	cJSON *doc = suggest(&f), *h;
	bool audio = false, visual = false, transition = false;

	(void)state;
	cJSON_ArrayForEach(h, cJSON_GetObjectItem(doc, "hooks"))
	{
		const char *type = json_str(h, "type");
		double t = number(h, "timestamp");

		audio |= t == 40 && strcmp(type, "audio") == 0;
		visual |= t == 40 && strcmp(type, "visual") == 0;
		transition |= t == 100 && strcmp(type, "transition") == 0;
	}
	assert_true(audio && visual && transition);
	cJSON_Delete(doc);
}

static void
test_suggest_of_nothing_is_empty(void **state)
{
	struct findings f = { 0 };
	cJSON *doc = suggest(&f), *list;

	(void)state;
	list = cJSON_GetObjectItem(doc, "suggestions");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(list, "clips")),
			 0);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(list, "overallScore")));
	cJSON_Delete(doc);
}

/* A file of a day with as many cuts and silences as are ever kept. */
static void
test_suggest_of_the_most_findings_stays_in_bounds(void **state)
{
	struct findings f = { .duration = SOURCE_SECONDS_MAX,
			      .n_cuts = CUTS_MAX,
			      .n_silences = SPANS_MAX };
	cJSON *doc;

	(void)state;
	f.cuts = calloc(CUTS_MAX, sizeof(*f.cuts));
	f.silences = calloc(SPANS_MAX, sizeof(*f.silences));
	for (size_t i = 0; i < CUTS_MAX; i++)
		f.cuts[i].time = 8.0 * (double)i;
	for (size_t i = 0; i < SPANS_MAX; i++)
		f.silences[i] =
		    (struct span){ 17.0 * (double)i, 17.0 * (double)i + 2 };
	doc = suggest(&f);
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItem(doc, "segments")), 600);
	checked_clips(doc, f.duration);
	cJSON_Delete(doc);
	findings_release(&f);
}

static void
test_series_grow_with_unknown_values_between(void **state)
{
	double *v = NULL;
	size_t n = 0;

	(void)state;
	*series_at(&v, &n, 3) = 3;
	*series_at(&v, &n, 1000) = 7;
	*series_at(&v, &n, 64) = 5;
	assert_int_equal(n, 1001);
	assert_true(isnan(v[0]) && v[3] == 3 && v[64] == 5 && v[1000] == 7);
	assert_true(isnan(score_mean(v, n, 10, 20)));
	assert_true(score_mean(v, n, 60, 2000) == 6);
	free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_score_is_the_weighted_mean_of_its_parts),
		cmocka_unit_test(test_score_leaves_out_what_is_unknown),
		cmocka_unit_test(test_score_counts_the_share_of_speech),
		cmocka_unit_test(test_suggest_ranks_the_burst_first),
		cmocka_unit_test(test_suggest_clips_do_not_overlap),
		cmocka_unit_test(test_suggest_spreads_over_a_long_file),
		cmocka_unit_test(test_suggest_segments_cover_the_file),
		cmocka_unit_test(test_suggest_clips_do_not_begin_in_black),
		cmocka_unit_test(test_suggest_segments_tell_faces_and_text),
		cmocka_unit_test(test_hooks_are_where_something_begins),
		cmocka_unit_test(test_suggest_of_nothing_is_empty),
		cmocka_unit_test(
		    test_suggest_of_the_most_findings_stays_in_bounds),
		cmocka_unit_test(test_series_grow_with_unknown_values_between),
	};

	return cmocka_run_group_tests_name("media_suggest", tests, NULL, NULL);
}
