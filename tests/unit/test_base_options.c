/*
 * Command lines: what is taken, moved and refused.
 */
#include "base/options.h"

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
test_options_parse_version_ends_only_where_there_is_one(void **state)
{
	char name[] = "x", word[] = "--version", *argv[] = { name, word, NULL };
	struct command_line line = { .usage = "x", .about = "" };
	int n;

	(void)state;
	assert_int_equal(options_parse(&line, 2, argv, &n), EX_USAGE);
	line.version = "x 1";
	assert_int_equal(options_parse(&line, 2, argv, &n), EX_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_options_parse_takes_options_and_arguments_in_any_order),
		cmocka_unit_test(test_options_parse_refuses_wrong_use),
		cmocka_unit_test(
		    test_options_parse_version_ends_only_where_there_is_one),
	};

	return cmocka_run_group_tests_name("base_options", tests, NULL, NULL);
}
