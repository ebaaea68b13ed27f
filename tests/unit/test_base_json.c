/*
 * Bounded JSON reading.
 */
#include "base/buf.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_json_parse_refuses_what_is_no_document(void **state)
{
	static const char *const bad[] = {
		"",	    " ",	"{",	       "}",	"[1,]",
		"{}x",	    "{} {}",	"{\"a\" 1}",   "nul",	"\"a",
		"\"\xff\"", "\"\\x\"",	"\"\\u12\"",   "\"\\",	"\"\\u0000\"",
		"[1 2]",    "{\"a\":}", "\"\\ud800\"", "{a:1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cJSON *doc = json_parse(slice_str(bad[i]));

		if (doc)
			print_error("accepted: %s\n", bad[i]);
		assert_null(doc);
	}
	assert_null(json_parse(SLICE("[\0]")));
	assert_null(json_parse(SLICE("{}\0")));
}

static void
test_json_parse_needs_no_terminator(void **state)
{
	char *exact = strndup("[12]99", 4);
	cJSON *doc;

	(void)state;
	assert_non_null(exact);
	exact[4] = '9'; /* nothing past the slice is read as part of it */
	doc = json_parse(slice_mem(exact, 4));
	assert_int_equal(cJSON_GetArraySize(doc), 1);
	cJSON_Delete(doc);
	free(exact);
}

static void
test_json_parse_depth_is_bounded(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];
	cJSON *doc;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	doc = json_parse(slice_mem(text, 2 * JSON_DEPTH_MAX));
	assert_non_null(doc);
	cJSON_Delete(doc);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse(slice_mem(text, 2 * JSON_DEPTH_MAX + 2)));
	doc = json_parse(SLICE("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""));
	assert_non_null(doc);
	cJSON_Delete(doc);
}

static void
test_json_members_are_typed(void **state)
{
	cJSON *doc = json_parse(
	    SLICE("{\"s\":\"x\",\"i\":9007199254740992,\"f\":1.5,"
		  "\"big\":1e300,\"inf\":1e999,\"b\":true,\"n\":null}"));
	int64_t i = 7;
	double d = 7;

	(void)state;
	assert_non_null(doc);
	assert_string_equal(json_str(doc, "s"), "x");
	assert_null(json_str(doc, "S"));
	assert_null(json_str(doc, "i"));
	assert_null(json_str(NULL, "s"));
	assert_true(json_int(doc, "i", &i));
	assert_true(i == 9007199254740992);
	assert_false(json_int(doc, "f", &i));
	assert_false(json_int(doc, "big", &i));
	assert_false(json_int(doc, "s", &i));
	assert_true(json_num(doc, "f", &d));
	assert_true(d == 1.5);
	assert_false(json_num(doc, "inf", &d));
	assert_false(json_num(doc, "n", &d));
	assert_true(json_bool(doc, "b", false));
	assert_true(json_bool(doc, "n", true));
	assert_false(json_bool(doc, "absent", false));
	cJSON_Delete(doc);
}

static void
test_names_unique_looks_at_one_level(void **state)
{
	static const struct {
		const char *text;
		bool unique;
	} cases[] = {
		{ "{}", true },
		{ "{\"a\":1,\"b\":1,\"A\":1}", true },
		{ "{\"a\":1,\"b\":2,\"a\":1}", false },
		{ "{\"a\":1,\"\\u0061\":1}", false },
		{ "{\"\":1,\"\":2}", false },
		{ "{\"a\":{\"b\":1,\"b\":2}}", true },
	};
	struct buf many = BUF_INIT;
	cJSON *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		doc = json_parse(slice_str(cases[i].text));
		assert_non_null(doc);
		assert_int_equal(json_names_unique(doc), cases[i].unique);
		cJSON_Delete(doc);
	}
	buf_puts(&many, "{\"0\":0");
	for (int i = 1; i <= 1000; i++)
		buf_printf(&many, ",\"%d\":0", i);
	buf_puts(&many, "}");
	doc = json_parse(buf_slice(&many));
	assert_false(json_names_unique(doc)); /* too many to compare */
	cJSON_Delete(doc);
	buf_release(&many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_parse_refuses_what_is_no_document),
		cmocka_unit_test(test_json_parse_needs_no_terminator),
		cmocka_unit_test(test_json_parse_depth_is_bounded),
		cmocka_unit_test(test_json_members_are_typed),
		cmocka_unit_test(test_names_unique_looks_at_one_level),
	};

	return cmocka_run_group_tests_name("base_json", tests, NULL, NULL);
}
