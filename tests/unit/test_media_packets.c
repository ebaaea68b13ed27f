/*
 * What packets tell, over a day and with damaged time stamps.
 */
#include "base/json.h"
#include "processor/media/pass/packets.h"
#include "processor/media/pass/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static cJSON *
parse(struct buf *text)
{
	cJSON *doc;

	json_close_object(text);
	assert_true(buf_ok(text));
	doc = json_parse(buf_slice(text));
	assert_non_null(doc);
	buf_release(text);
	return doc;
}

static void
test_packets_of_a_day_keep_the_size_of_the_curve(void **state)
{
	AVStream video = { .time_base = { 1, 10 } };
	struct source src = { .video = &video };
	static struct packets p;
	double sum = 0;

	(void)state;
	packets_init(&p);
	for (int64_t t = 0; t < 864000; t++) {
		AVPacket packet = { .pts = t,
				    .dts = t,
				    .size = 100,
				    .flags = t % 20 ? 0 : AV_PKT_FLAG_KEY };

		packets_add(&p, &src, &video, &packet);
	}
	assert_true(p.step == 256);
	assert_int_equal(p.n_points, 86400 / 256 + 1);
	for (size_t i = 0; i < p.n_points; i++)
		sum += p.points[0][i];
	assert_true(sum == 86400000);
	assert_int_equal(p.gops.n, 43200);
	assert_int_equal(p.gops.min, 20);
	assert_int_equal(p.gops.max, 20);
}

static void
test_packets_without_times_count_at_the_last_one(void **state)
{
	static const int64_t times[] = { AV_NOPTS_VALUE, 5,
					 AV_NOPTS_VALUE, INT64_MAX,
					 INT64_MIN + 1,	 7 };
	AVStream audio = { .time_base = { 1, 1 } };
	struct source src = { .audio = &audio };
	struct buf text = BUF_INIT;
	static struct packets p;
	cJSON *doc, *curve;

	(void)state;
	packets_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		AVPacket packet = { .pts = times[i],
				    .dts = times[i],
				    .size = 1 };

		packets_add(&p, &src, &audio, &packet);
	}
	json_open_object(&text, NULL);
	packets_write(&text, &p, &src);
	doc = parse(&text);
	curve = cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "packets"),
				    "bit_rate");
	assert_null(cJSON_GetObjectItem(curve, "video"));
	curve = cJSON_GetObjectItem(curve, "audio");
	assert_int_equal(cJSON_GetArraySize(curve), 8);
	assert_true(cJSON_GetArrayItem(curve, 0)->valuedouble == 8);
	assert_true(cJSON_GetArrayItem(curve, 5)->valuedouble == 32);
	assert_true(cJSON_GetArrayItem(curve, 7)->valuedouble == 8);
	cJSON_Delete(doc);
}

static void
test_steps_beyond_the_table_are_counted_together(void **state)
{
	struct steps s = { 0 };
	struct buf text = BUF_INIT;
	const cJSON *first;
	cJSON *doc;

	(void)state;
	for (int i = 1; i <= STEPS_MAX + 5; i++)
		steps_add(&s, i / 1000.0);
	steps_add(&s, 0.007);
	json_open_object(&text, NULL);
	steps_write(&text, &s);
	doc = parse(&text);
	first = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "frame_steps"), 0);
	assert_true(cJSON_GetObjectItem(first, "seconds")->valuedouble ==
		    0.007);
	assert_int_equal(cJSON_GetObjectItem(first, "count")->valueint, 2);
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItem(doc, "frame_steps")),
	    STEPS_MAX);
	assert_int_equal(
	    cJSON_GetObjectItem(doc, "frame_steps_other")->valueint, 5);
	cJSON_Delete(doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_packets_of_a_day_keep_the_size_of_the_curve),
		cmocka_unit_test(
		    test_packets_without_times_count_at_the_last_one),
		cmocka_unit_test(
		    test_steps_beyond_the_table_are_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
