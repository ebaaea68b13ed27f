/*
 * The picture analysers on synthetic pictures: scenes, motion, thumbnails.
 */
#include "tests/unit/media_feed.h"
#include "processor/media/thumbs.h"

static uint8_t
noise(int x, int y, unsigned seed)
{
	unsigned v = (unsigned)x * 374761393u + (unsigned)y * 668265263u +
		     seed * 2246822519u;

	v = (v ^ (v >> 13)) * 1274126177u;
	return (uint8_t)(30 + (v >> 16) % 200);
}

/* Cuts at 40 and 90. */
static uint8_t
with_cuts(int x, int y, int64_t n)
{
	return noise(x, y, n < 40 ? 1 : n < 90 ? 2 : 3);
}

/* A flash of two pictures at 50. */
static uint8_t
with_flash(int x, int y, int64_t n)
{
	return n == 50 || n == 51 ? 250 : noise(x, y, 1);
}

/* Something else for two pictures at 50. */
static uint8_t
with_insert(int x, int y, int64_t n)
{
	return noise(x, y, n == 50 || n == 51 ? 2 : 1);
}

/* A flat block runs across a still picture. */
static uint8_t
with_object(int x, int y, int64_t n)
{
	int at = (int)(n * 2 % FEED_W);

	return x >= at && x < at + 12 && y > 10 && y < 26 ? 255
							  : noise(x, y, 1);
}

/* Out over 30 pictures, black for 5, in over 30. */
static uint8_t
with_fade(int x, int y, int64_t n)
{
	double light = n < 40	 ? 1
		       : n < 70	 ? (double)(70 - n) / 30
		       : n < 75	 ? 0
		       : n < 105 ? (double)(n - 75) / 30
				 : 1;

	return (uint8_t)(16 + light * (noise(x, y, n < 72 ? 1 : 2) - 16));
}

static uint8_t
still(int x, int y, int64_t n)
{
	(void)n;
	return noise(x, y, 1);
}

/* Still for two seconds, then every picture another. */
static uint8_t
restless(int x, int y, int64_t n)
{
	return noise(x, y, n < 50 ? 1 : (unsigned)n);
}

/* Number of cuts; their frames in *a. */
static size_t
count_cuts(feed_picture *picture, int64_t n, struct analysis *a)
{
	void *self = analyser_scenes.start(NULL);

	*a = (struct analysis){ .found.duration = (double)n / FEED_FPS };
	feed_video(&analyser_scenes, self, picture, 0, n);
	cJSON_Delete(feed_finish(&analyser_scenes, self, a));
	return a->found.n_cuts;
}

static void
test_scenes_finds_cuts_at_their_frames(void **state)
{
	struct analysis a;

	(void)state;
	assert_int_equal(count_cuts(with_cuts, 130, &a), 2);
	assert_int_equal(a.found.cuts[0].frame, 40);
	assert_int_equal(a.found.cuts[1].frame, 90);
	assert_true(a.found.cuts[0].time == 40.0 / FEED_FPS);
	assert_true(a.found.cuts[0].confidence > 0.9);
	findings_release(&a.found);
}

static void
test_scenes_takes_no_flash_insert_or_object_for_a_cut(void **state)
{
	feed_picture *pictures[] = { still, with_flash, with_insert,
				     with_object };
	struct analysis a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pictures); i++) {
		assert_int_equal(count_cuts(pictures[i], 120, &a), 0);
		findings_release(&a.found);
	}
}

static void
test_scenes_finds_a_cut_near_the_end(void **state)
{
	struct analysis a;

	(void)state;
	assert_int_equal(count_cuts(with_cuts, 42, &a), 1);
	assert_int_equal(a.found.cuts[0].frame, 40);
	findings_release(&a.found);
}

static void
test_scenes_finds_one_fade(void **state)
{
	struct analysis a;

	(void)state;
	assert_int_equal(count_cuts(with_fade, 140, &a), 1);
	assert_true(a.found.cuts[0].fade);
	assert_in_range(a.found.cuts[0].frame, 66, 80);
	findings_release(&a.found);
}

static void
test_scenes_lists_scenes_without_gaps(void **state)
{
	struct analysis a = { .found.duration = 130.0 / FEED_FPS };
	void *self = analyser_scenes.start(NULL);
	double end = 0, start;
	cJSON *doc, *scene;
	int n = 0;

	(void)state;
	feed_video(&analyser_scenes, self, with_cuts, 0, 130);
	doc = feed_finish(&analyser_scenes, self, &a);
	cJSON_ArrayForEach(scene, cJSON_GetObjectItem(doc, "scenes"))
	{
		assert_true(json_num(scene, "start", &start));
		assert_true(start == end);
		assert_true(json_num(scene, "end", &end));
		assert_int_equal(json_str(scene, "transition") != NULL, n > 0);
		n++;
	}
	assert_int_equal(n, 3);
	assert_true(end == 5.2);
	cJSON_Delete(doc);
	findings_release(&a.found);
}

static void
test_motion_is_low_when_still_and_high_when_restless(void **state)
{
	struct analysis a = { 0 };
	void *self = analyser_motion.start(NULL);

	(void)state;
	feed_video(&analyser_motion, self, restless, 0, 100);
	cJSON_Delete(feed_finish(&analyser_motion, self, &a));
	assert_int_equal(a.found.n_motion, 4);
	assert_true(a.found.motion[0] == 0 && a.found.motion[1] == 0);
	assert_true(a.found.motion[2] > 0.9 && a.found.motion[3] > 0.9);
	findings_release(&a.found);
}

static uint8_t
flat(int x, int y, int64_t n)
{
	(void)x;
	(void)y;
	return (uint8_t)n;
}

/* noise(), blurred over 16 x 16 cells. */
static uint8_t
blurred(int x, int y, int64_t n)
{
	(void)n;
	return (uint8_t)(110 + noise(x / 16, y / 16, 1) / 16);
}

static void
test_thumbs_score_prefers_a_sharp_calm_picture(void **state)
{
	struct grid *g = calloc(1, sizeof(*g));
	double sharp;

	(void)state;
	feed_fill(g, still, 0);
	sharp = thumbs_score(g, 0);
	assert_true(sharp > thumbs_score(g, 24));
	feed_fill(g, blurred, 0);
	assert_true(sharp > thumbs_score(g, 0));
	for (int level = 0; level <= 255; level += 51) {
		feed_fill(g, flat, level);
		assert_true(thumbs_score(g, 0) < 0.05);
	}
	free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenes_finds_cuts_at_their_frames),
		cmocka_unit_test(
		    test_scenes_takes_no_flash_insert_or_object_for_a_cut),
		cmocka_unit_test(test_scenes_finds_a_cut_near_the_end),
		cmocka_unit_test(test_scenes_finds_one_fade),
		cmocka_unit_test(test_scenes_lists_scenes_without_gaps),
		cmocka_unit_test(
		    test_motion_is_low_when_still_and_high_when_restless),
		cmocka_unit_test(
		    test_thumbs_score_prefers_a_sharp_calm_picture),
	};

	return cmocka_run_group_tests_name("media_video", tests, NULL, NULL);
}
