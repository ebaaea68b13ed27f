/* Lists of endpoints: what is one, and what is refused. */
#include "base/endpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_parse_named_and_unnamed_are_kept_in_order(void **state)
{
	struct endpoints list;
	const char *why;

	(void)state;
	assert_int_equal(
	    endpoints_parse(
		SLICE("  https://a.example/x?b=c  crm=http://[::1]:8080 "
		      "ai_analysis=https://user:pw@h/p=q"),
		&list, &why),
	    0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[0].name.n, 0);
	assert_true(slice_eq_str(list.v[0].url, "https://a.example/x?b=c"));
	assert_true(slice_eq_str(list.v[1].url, "http://[::1]:8080"));
	assert_ptr_equal(endpoints_find(&list, SLICE("ai_analysis")),
			 &list.v[2]);
	assert_true(slice_eq_str(list.v[2].url, "https://user:pw@h/p=q"));
	assert_null(endpoints_find(&list, SLICE("ai")));
	assert_int_equal(endpoints_parse(SLICE(" "), &list, &why), 0);
	assert_int_equal(list.n, 0);
}

static void
test_parse_what_is_no_endpoint_is_refused(void **state)
{
	static const char *const bad[] = {
		"crm",
		"crm=",
		"=https://a",
		"c.m=https://a",
		"ftp://a",
		"crm=file:///etc/passwd",
		"https://",
		"https:///path",
		"https://?x",
		"a=https://h\x01",
		"a=https://h\xc3\xa9",
		"https://a https://b",
		"x=https://a x=https://b",
		"1=http://a 2=http://a 3=http://a 4=http://a 5=http://a "
		"6=http://a 7=http://a 8=http://a 9=http://a 10=http://a "
		"11=http://a 12=http://a 13=http://a 14=http://a 15=http://a "
		"16=http://a 17=http://a",
	};
	struct endpoints list;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    endpoints_parse(slice_str(bad[i]), &list, &why), -1);
		assert_non_null(why);
		assert_int_equal(list.n, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_parse_named_and_unnamed_are_kept_in_order),
		cmocka_unit_test(test_parse_what_is_no_endpoint_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
