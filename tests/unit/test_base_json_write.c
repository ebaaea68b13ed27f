/*
 * JSON writing, and what json_parse() refuses beyond cJSON.
 */
#include "base/json_write.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <cmocka.h>

static void
test_json_write_nested_document_places_commas(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	json_open_object(&b, NULL);
	json_put_str(&b, "s", "a\"{[:\n");
	json_put_str(&b, "none", NULL);
	json_open_array(&b, "list");
	json_put_int(&b, NULL, -1);
	json_open_object(&b, NULL);
	json_close_object(&b);
	json_put_u64(&b, NULL, UINT64_MAX);
	json_close_array(&b);
	json_open_array(&b, "empty");
	json_close_array(&b);
	json_put_bool(&b, "t", true);
	json_put_raw(&b, "raw", "{\"x\":1}");
	json_put_time(&b, "time", 1369353600000000);
	json_put_time(&b, "never", 0);
	json_close_object(&b);
	assert_true(buf_ok(&b));
	assert_string_equal(
	    b.p, "{\"s\":\"a\\\"{[:\\u000a\",\"none\":null,\"list\":[-1,{},"
		 "18446744073709551615],\"empty\":[],\"t\":true,"
		 "\"raw\":{\"x\":1},\"time\":\"2013-05-24T00:00:00.000Z\","
		 "\"never\":null}");
	buf_release(&b);
}

static void
test_json_put_num_reads_back_equal(void **state)
{
	const struct {
		double v;
		const char *text;
	} rows[] = { { 0.1, "[0.1]" },
		     { 10, "[10]" },
		     { 1.0 / 3, "[0.3333333333333333]" },
		     { -0.5, "[-0.5]" },
		     { NAN, "[null]" },
		     { INFINITY, "[null]" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = BUF_INIT;

		json_open_array(&b, NULL);
		json_put_num(&b, NULL, rows[i].v);
		json_close_array(&b);
		assert_string_equal(b.p, rows[i].text);
		buf_release(&b);
	}
}

static void
test_json_parse_refuses_nul_and_bad_utf8(void **state)
{
	const struct slice bad[] = {
		SLICE("{\"a\":\"x\\u0000y\"}"), SLICE("\"\xff\""),
		SLICE("\"\xed\xa0\x80\""),	SLICE("\"\xc3\""),
		SLICE("{\"a\":\0 1}"),		SLICE("\"\\\xc3\xa9\""),
	};
	const struct slice good[] = { SLICE("\"\\\\u0000\""),
				      SLICE("\"\xc3\xa9\\n\""),
				      SLICE("[\"]\"]"), SLICE("\"\\\"\"") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(json_parse(bad[i]));
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cJSON *doc = json_parse(good[i]);

		assert_non_null(doc);
		cJSON_Delete(doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_write_nested_document_places_commas),
		cmocka_unit_test(test_json_put_num_reads_back_equal),
		cmocka_unit_test(test_json_parse_refuses_nul_and_bad_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
