/*
 * The ladder of renditions and the beginnings of segments.
 */
#include "processor/media/encode/hls_plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_hls_ladder_is_never_above_the_source(void **state)
{
	static const struct {
		int side;
		bool copied;
		int sides[HLS_RUNGS_MAX + 1];
	} cases[] = {
		{ 2160, false, { 1080, 720, 480, 360 } },
		{ 2160, true, { 2160, 1080, 720, 480, 360 } },
		{ 1080, false, { 1080, 720, 480, 360 } },
		{ 1000, false, { 1000, 720, 480, 360 } },
		{ 720, true, { 720, 480, 360 } },
		{ 480, false, { 480, 360 } },
		{ 400, false, { 400 } },
		{ 64, true, { 64 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct hls_plan plan = { 0 };
		size_t n = 0;

		hls_ladder(&plan, cases[i].side, cases[i].copied);
		for (; cases[i].sides[n]; n++)
			assert_int_equal(plan.sides[n], cases[i].sides[n]);
		assert_int_equal(plan.n_sides, n);
	}
}

static void
test_hls_segments_of_encoded_pictures(void **state)
{
	const struct hls_plan plan = { 0 };

	(void)state;
	assert_float_equal(hls_plan_next(&plan, 0), 4, 1e-9);
	assert_float_equal(hls_plan_next(&plan, 3.99), 4, 1e-9);
	assert_float_equal(hls_plan_next(&plan, 4), 8, 1e-9);
	assert_float_equal(hls_plan_next(&plan, 86399), 86400, 1e-9);
}

static void
test_hls_segments_of_copied_pictures(void **state)
{
	double bounds[] = { 2.5, 6, 11.75 };
	const struct hls_plan plan = { .copy_video = true,
				       .bounds = bounds,
				       .n_bounds = ARRAY_LEN(bounds) };

	(void)state;
	assert_float_equal(hls_plan_next(&plan, 0), 2.5, 1e-9);
	assert_float_equal(hls_plan_next(&plan, 2.5), 6, 1e-9);
	assert_float_equal(hls_plan_next(&plan, 7), 11.75, 1e-9);
	assert_true(isinf(hls_plan_next(&plan, 11.75)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hls_ladder_is_never_above_the_source),
		cmocka_unit_test(test_hls_segments_of_encoded_pictures),
		cmocka_unit_test(test_hls_segments_of_copied_pictures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
