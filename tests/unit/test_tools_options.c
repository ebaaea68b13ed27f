/*
 * Options of the commands.
 */
#include "tools/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *data;
static bool fast;

/* Parses the words; returns what options_parse() does, n arguments left. */
static int
parse(const char *const *words, int max, char **argv, int *n)
{
	const struct option options[] = {
		{ "--data", "DIR", &data, NULL, "where" },
		{ "--fast", NULL, NULL, &fast, "how" },
	};
	const struct command_line line = { .usage = "test",
					   .about = "",
					   .options = options,
					   .n_options = ARRAY_LEN(options),
					   .args_max = max };
	static char copies[8][32];
	int argc = 1;

	data = NULL;
	fast = false;
	argv[0] = copies[7];
	for (; *words; words++, argc++) {
		snprintf(copies[argc - 1], sizeof(copies[0]), "%s", *words);
		argv[argc] = copies[argc - 1];
	}
	return options_parse(&line, argc, argv, n);
}

static void
test_options_parse_takes_options_and_arguments_in_any_order(void **state)
{
	const char *const words[] = { "one", "--data=/d", "two", "--fast",
				      "--",  "--data",	  NULL };
	char *argv[8];
	int n;

	(void)state;
	assert_int_equal(parse(words, 3, argv, &n), GO_ON);
	assert_string_equal(data, "/d");
	assert_true(fast);
	assert_int_equal(n, 3);
	assert_string_equal(argv[1], "one");
	assert_string_equal(argv[2], "two");
	assert_string_equal(argv[3], "--data");
}

static void
test_options_parse_refuses_wrong_use(void **state)
{
	static const char *const cases[][3] = {
		{ "--dat", "/d", NULL },  { "--data", NULL },
		{ "--database=x", NULL }, { "--fast=yes", NULL },
		{ "one", "two", NULL },
	};
	char *argv[8];
	int n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(parse(cases[i], 1, argv, &n), EX_USAGE);
}

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
		    test_options_parse_takes_options_and_arguments_in_any_order),
		cmocka_unit_test(test_options_parse_refuses_wrong_use),
		cmocka_unit_test(
		    test_parse_duration_reads_units_and_refuses_the_rest),
	};

	return cmocka_run_group_tests_name("tools_options", tests, NULL, NULL);
}
