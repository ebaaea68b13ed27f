/*
 * What the commands share.
 */
#include "tools/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_parse_duration_reads_units_and_refuses_the_rest(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = { { "90", 90 },
		     { "90s", 90 },
		     { "15m", 900 },
		     { "1h", 3600 },
		     { "7d", 604800 } };
	static const char *const bad[] = {
		"", "h", "-1h", "1w", "1.5h", "300000000000000000d"
	};
	uint64_t s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(parse_duration(good[i].text, &s), 0);
		assert_int_equal(s, good[i].seconds);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_duration(bad[i], &s), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_parse_duration_reads_units_and_refuses_the_rest),
	};

	return cmocka_run_group_tests_name("tools_command", tests, NULL, NULL);
}
