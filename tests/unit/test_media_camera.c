/*
 * The camera and what moves before it, on pictures computed to move by known
 * amounts.
 */
#include "tests/unit/media_feed.h"

/* Something to hold on to, smooth enough to be moved by parts of a cell. */
static double
scenery(double x, double y)
{
	return 120 + 35 * sin(x * 0.31 + 1) * cos(y * 0.23) +
	       30 * sin(x * 0.11 + y * 0.17) + 20 * cos(y * 0.45 - x * 0.07);
}

static double
seconds(int64_t n)
{
	return (double)n / FEED_FPS;
}

static uint8_t
stands(int x, int y, int64_t n)
{
	(void)n;
	return (uint8_t)scenery(x, y);
}

/* To the right by a fifth of the width, up by a tenth of the height. */
static uint8_t
pans(int x, int y, int64_t n)
{
	return (uint8_t)scenery(x + 0.2 * FEED_W * seconds(n),
				y - 0.1 * FEED_H * seconds(n));
}

/* To the right by a hundredth: a thirtieth of a cell per picture. */
static uint8_t
creeps(int x, int y, int64_t n)
{
	return (uint8_t)scenery(x + 0.01 * FEED_W * seconds(n), y);
}

/* Everything grows by a tenth. */
static uint8_t
zooms(int x, int y, int64_t n)
{
	double by = pow(1.1, -seconds(n));

	return (uint8_t)scenery((x - FEED_W / 2.0) * by,
				(y - FEED_H / 2.0) * by);
}

static uint8_t
ball(int x, int y, int64_t n, uint8_t behind)
{
	double at = 8 + 12 * seconds(n);

	return fabs(x - at) < 7 && abs(y - 18) < 7 ? 255 : behind;
}

static uint8_t
something_moves(int x, int y, int64_t n)
{
	return ball(x, y, n, stands(x, y, n));
}

static uint8_t
both_move(int x, int y, int64_t n)
{
	return ball(x, y, n, pans(x, y, n));
}

static uint8_t
changes_all_over(int x, int y, int64_t n)
{
	unsigned v = (unsigned)(x * 7919 + y * 104729 + n * 1299709);

	v = (v ^ (v >> 13)) * 1274126177u;
	return (uint8_t)(v >> 24);
}

static uint8_t
dull(int x, int y, int64_t n)
{
	(void)x;
	(void)y;
	(void)n;
	return 90;
}

static struct findings
watch(feed_picture *picture, int64_t n)
{
	struct analysis a = { 0 };
	void *self = analyser_camera.start(NULL);

	feed_video(&analyser_camera, self, picture, 0, n);
	cJSON_Delete(feed_finish(&analyser_camera, self, &a));
	return a.found;
}

static void
test_camera_measures_pan_tilt_and_zoom(void **state)
{
	static const struct {
		feed_picture *picture;
		double pan, tilt, zoom;
	} cases[] = {
		{ stands, 0, 0, 0 },	    { dull, 0, 0, 0 },
		{ pans, 0.2, 0.1, 0 },	    { creeps, 0.01, 0, 0 },
		{ zooms, 0, 0, 0.0953 },    { something_moves, 0, 0, 0 },
		{ both_move, 0.2, 0.1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct findings f = watch(cases[i].picture, 4 * FEED_FPS);

		assert_int_equal(f.n_camera, 4);
		for (size_t s = 0; s < 4; s++) {
			assert_true(fabs(f.pan[s] - cases[i].pan) < 0.02);
			assert_true(fabs(f.tilt[s] - cases[i].tilt) < 0.02);
			assert_true(fabs(f.zoom[s] - cases[i].zoom) < 0.02);
		}
		findings_release(&f);
	}
}

static void
test_camera_slow_pan_is_not_nothing(void **state)
{
	struct findings f = watch(creeps, 4 * FEED_FPS);

	(void)state;
	for (size_t s = 0; s < 4; s++)
		assert_true(f.pan[s] > 0.006 && f.pan[s] < 0.014);
	findings_release(&f);
}

/* Objects are what moves otherwise than the camera. */
static void
test_camera_tells_objects_from_its_own_motion(void **state)
{
	static const struct {
		feed_picture *picture;
		double least, most;
	} cases[] = {
		{ stands, 0, 0 },
		{ dull, 0, 0 },
		{ pans, 0, 0.02 },
		{ zooms, 0, 0.02 },
		{ something_moves, 0.04, 0.3 },
		{ both_move, 0.04, 0.3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct findings f = watch(cases[i].picture, 3 * FEED_FPS);

		assert_int_equal(f.n_object_motion, 3);
		for (size_t s = 0; s < 3; s++) {
			assert_true(f.object_motion[s] >= cases[i].least);
			assert_true(f.object_motion[s] <= cases[i].most);
		}
		findings_release(&f);
	}
}

static void
test_camera_is_unknown_where_all_changes(void **state)
{
	struct findings f = watch(changes_all_over, 3 * FEED_FPS);

	(void)state;
	for (size_t s = 0; s < f.n_camera; s++)
		assert_true(isnan(f.pan[s]));
	findings_release(&f);
}

static void
test_camera_sees_nothing_in_one_picture(void **state)
{
	struct findings f = watch(stands, 1);

	(void)state;
	assert_int_equal(f.n_camera, 0);
	assert_int_equal(f.n_object_motion, 0);
	findings_release(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_camera_measures_pan_tilt_and_zoom),
		cmocka_unit_test(test_camera_slow_pan_is_not_nothing),
		cmocka_unit_test(test_camera_tells_objects_from_its_own_motion),
		cmocka_unit_test(test_camera_is_unknown_where_all_changes),
		cmocka_unit_test(test_camera_sees_nothing_in_one_picture),
	};

	return cmocka_run_group_tests_name("media_camera", tests, NULL, NULL);
}
