/*
 * The picture analysers on synthetic pictures: motion, thumbnails.
 */
#include "tests/unit/media_feed.h"
#include "processor/media/stills/thumbs.h"

static uint8_t
noise(int x, int y, unsigned seed)
{
	unsigned v = (unsigned)x * 374761393u + (unsigned)y * 668265263u +
		     seed * 2246822519u;

	v = (v ^ (v >> 13)) * 1274126177u;
	return (uint8_t)(30 + (v >> 16) % 200);
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
		cmocka_unit_test(
		    test_motion_is_low_when_still_and_high_when_restless),
		cmocka_unit_test(
		    test_thumbs_score_prefers_a_sharp_calm_picture),
	};

	return cmocka_run_group_tests_name("media_video", tests, NULL, NULL);
}
