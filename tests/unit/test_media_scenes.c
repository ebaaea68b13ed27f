/*
 * Scenes on synthetic pictures: what is found, where, and what must not be.
 */
#include "tests/unit/media_feed.h"

static uint8_t
noise(int x, int y, unsigned seed)
{
	unsigned v = (unsigned)x * 374761393u + (unsigned)y * 668265263u +
		     seed * 2246822519u;

	v = (v ^ (v >> 13)) * 1274126177u;
	return (uint8_t)(30 + (v >> 16) % 200);
}

/* Patches with some texture, more like a photograph than noise is. */
static uint8_t
scene(int x, int y, unsigned seed)
{
	return (uint8_t)((3 * noise((x + 640) / 8, (y + 640) / 6, seed) +
			  noise(x, y, seed + 100)) /
			 4);
}

static uint8_t
still(int x, int y, int64_t n)
{
	(void)n;
	return noise(x, y, 1);
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

/* b over a, from picture @from + 1 to @to - 1. */
static uint8_t
mix(uint8_t a, uint8_t b, int64_t n, int64_t from, int64_t to)
{
	double x = (double)(n - from) / (double)(to - from);

	x = fmin(fmax(x, 0), 1);
	return (uint8_t)lround(a + x * (b - a));
}

static uint8_t
with_dissolve(int x, int y, int64_t n)
{
	return mix(scene(x, y, 1), scene(x, y, 2), n, 40, 60);
}

/* The shortest there is: four pictures in between. */
static uint8_t
with_short_dissolve(int x, int y, int64_t n)
{
	return mix(scene(x, y, 1), scene(x, y, 2), n, 50, 55);
}

/* While the view of both scenes moves. */
static uint8_t
with_moving_dissolve(int x, int y, int64_t n)
{
	int dx = (int)n / 2;

	return mix(scene(x + dx, y, 1), scene(x - dx, y, 2), n, 40, 60);
}

static uint8_t
with_wipe(int x, int y, int64_t n)
{
	return scene(x, y, x < (n - 40) * FEED_W / 24 ? 2 : 1);
}

/* The next scene comes in from the right, or from above, and pushes. */
static uint8_t
with_push(int x, int y, int64_t n)
{
	int64_t at = n < 40 ? 0 : n > 56 ? 16 : n - 40;
	int u = x + (int)(at * FEED_W / 16);

	return u < FEED_W ? scene(u, y, 1) : scene(u - FEED_W, y, 2);
}

static uint8_t
with_push_down(int x, int y, int64_t n)
{
	int64_t at = n < 40 ? 0 : n > 52 ? 12 : n - 40;
	int v = y - (int)(at * FEED_H / 12);

	return v >= 0 ? scene(x, v, 1) : scene(x, v + FEED_H, 2);
}

/* A flash while the camera moves. */
static uint8_t
with_moving_flash(int x, int y, int64_t n)
{
	uint8_t v = scene(x + 2 * (int)n, y, 1);

	return n >= 50 && n < 53 ? (uint8_t)(v + (255 - v) * 0.9) : v;
}

/* The same scene in twice the light, within a second. */
static uint8_t
with_exposure(int x, int y, int64_t n)
{
	uint8_t dark = (uint8_t)(scene(x, y, 1) / 2);

	return mix(dark, (uint8_t)(2 * dark), n, 40, 65);
}

static uint8_t
with_pan(int x, int y, int64_t n)
{
	return scene(x + (int)n, y, 1);
}

/* Something dark passes by close to the camera and is gone again. */
static uint8_t
with_occluder(int x, int y, int64_t n)
{
	int64_t at = (n - 40) * 4 - 30;

	return x >= at && x < at + 30 && y > 6 ? 20 : scene(x, y, 1);
}

/* Lamps on the mains. */
static uint8_t
with_flicker(int x, int y, int64_t n)
{
	return (uint8_t)(scene(x, y, 1) *
			 (1 + 0.1 * sin(2 * M_PI * (double)n / 3.3)));
}

/* Cut to black, out of it by and by. */
static uint8_t
with_half_fade(int x, int y, int64_t n)
{
	return n < 40 ? scene(x, y, 1) : mix(16, scene(x, y, 2), n, 45, 70);
}

/* Up out of black, and down into it: where films begin and end. */
static uint8_t
with_fades_at_the_ends(int x, int y, int64_t n)
{
	return n < 60 ? mix(16, scene(x, y, 1), n, 5, 30)
		      : mix(scene(x, y, 1), 16, n, 90, 115);
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
test_scenes_takes_nothing_within_a_scene_for_its_end(void **state)
{
	feed_picture *pictures[] = {
		still,
		with_flash,
		with_insert,
		with_object,
		with_exposure,
		with_pan,
		with_flicker,
		with_occluder,
		with_fades_at_the_ends,
		with_moving_flash,
	};
	struct analysis a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pictures); i++) {
		assert_int_equal(count_cuts(pictures[i], 130, &a), 0);
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

/* One gradual transition of which about @first..@end - 1 are the pictures in
 * between. */
static void
check_gradual(feed_picture *picture, enum transition transition, int first,
	      int end)
{
	struct analysis a;
	struct cut *c;

	assert_int_equal(count_cuts(picture, 140, &a), 1);
	c = &a.found.cuts[0];
	assert_int_equal(c->transition, transition);
	assert_in_range(c->frame, end - 2, end + 2);
	assert_true(c->time == (double)c->frame / FEED_FPS);
	assert_in_range(lround(c->transition_start * FEED_FPS), first - 2,
			first + 2);
	assert_true(c->confidence > 0.5 && c->confidence <= 1);
	findings_release(&a.found);
}

static void
test_scenes_finds_gradual_transitions_with_their_extent(void **state)
{
	(void)state;
	check_gradual(with_dissolve, TRANSITION_DISSOLVE, 41, 60);
	check_gradual(with_short_dissolve, TRANSITION_DISSOLVE, 51, 55);
	check_gradual(with_wipe, TRANSITION_WIPE, 41, 64);
	check_gradual(with_push, TRANSITION_WIPE, 41, 56);
	check_gradual(with_push_down, TRANSITION_WIPE, 41, 52);
	check_gradual(with_fade, TRANSITION_FADE, 41, 105);
	check_gradual(with_half_fade, TRANSITION_FADE, 40, 70);
}

/* Of what moves the extent is found less exactly. */
static void
test_scenes_finds_a_dissolve_while_the_view_moves(void **state)
{
	struct analysis a;
	struct cut *c = NULL;

	(void)state;
	assert_int_equal(count_cuts(with_moving_dissolve, 140, &a), 1);
	c = &a.found.cuts[0];
	assert_int_equal(c->transition, TRANSITION_DISSOLVE);
	assert_in_range(c->frame, 45, 62);
	assert_in_range(lround(c->transition_start * FEED_FPS), 39, 55);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenes_finds_cuts_at_their_frames),
		cmocka_unit_test(
		    test_scenes_takes_nothing_within_a_scene_for_its_end),
		cmocka_unit_test(test_scenes_finds_a_cut_near_the_end),
		cmocka_unit_test(
		    test_scenes_finds_gradual_transitions_with_their_extent),
		cmocka_unit_test(
		    test_scenes_finds_a_dissolve_while_the_view_moves),
		cmocka_unit_test(test_scenes_lists_scenes_without_gaps),
	};

	return cmocka_run_group_tests_name("media_scenes", tests, NULL, NULL);
}
