/*
 * Where a part of the width looks: at the faces of its time.
 */
#include "processor/clip_center.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static double
center(const char *boxes, double start, double end)
{
	char text[1024];
	cJSON *doc;
	double x;

	snprintf(text, sizeof(text), "{\"faces\":%s}", boxes);
	doc = json_parse(slice_str(text));
	assert_non_null(doc);
	x = clip_center_x(doc, start, end);
	cJSON_Delete(doc);
	return x;
}

#define FACE(t, x, w)                                            \
	"{\"time\":" t ",\"x\":" x ",\"width\":" w ",\"y\":0.1," \
	"\"height\":0.3}"

static void
test_center_without_faces(void **state)
{
	(void)state;
	assert_float_equal(clip_center_x(NULL, 0, 10), 0.5, 1e-9);
	assert_float_equal(center("null", 0, 10), 0.5, 1e-9);
	assert_float_equal(center("{\"boxes\":[]}", 0, 10), 0.5, 1e-9);
	assert_float_equal(center("{\"boxes\":[7,{}]}", 0, 10), 0.5, 1e-9);
	assert_float_equal(
	    center("{\"boxes\":[" FACE("1", "2", "1") "]}", 0, 10), 0.5, 1e-9);
}

static void
test_center_by_time_and_size(void **state)
{
	static const char boxes[] =
	    "{\"boxes\":[" FACE("1", "0.0", "0.2") "," FACE(
		"5", "0.7",
		"0.2") "," FACE("6", "0.7",
				"0.2") "," FACE("6", "0.1",
						"0.1") "," FACE("20", "0.4",
								"0.2") "]}";

	(void)state;
	assert_float_equal(center(boxes, 0, 5), 0.1, 1e-9);
	/* the small one does not count for as much as the two large ones */
	assert_float_equal(center(boxes, 5, 10), 0.8, 1e-9);
	assert_float_equal(center(boxes, 10, 20), 0.5, 1e-9);
	assert_float_equal(center(boxes, 20, 21), 0.5, 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_center_without_faces),
		cmocka_unit_test(test_center_by_time_and_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
