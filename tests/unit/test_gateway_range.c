/*
 * The Range header: what is a part, what is ignored, what is an error.
 */
#include "gateway/s3/range.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_range_parse_follows_the_table(void **state)
{
	static const struct {
		const char *header;
		uint64_t size;
		enum range_kind kind;
		uint64_t offset, n;
	} rows[] = {
		{ "bytes=0-0", 10, RANGE_PART, 0, 1 },
		{ "bytes=0-1", 10, RANGE_PART, 0, 2 },
		{ "BYTES=2-", 10, RANGE_PART, 2, 8 },
		{ "bytes=-3", 10, RANGE_PART, 7, 3 },
		{ "bytes=-30", 10, RANGE_PART, 0, 10 },
		{ "bytes=9-18446744073709551614", 10, RANGE_PART, 9, 1 },
		{ "bytes=0-18446744073709551615", 10, RANGE_PART, 0, 10 },
		{ "bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-1", 0, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-18446744073709551616", 10, RANGE_PART, 0, 10 },
		{ "bytes=3-99999999999999999999999", 10, RANGE_PART, 3, 7 },
		{ "bytes=-18446744073709551616", 10, RANGE_PART, 0, 10 },
		{ "bytes=18446744073709551616-", 10, RANGE_UNSATISFIABLE, 0,
		  0 },
		{ "bytes=99999999999999999999-99999999999999999998", 10,
		  RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=00-007", 10, RANGE_PART, 0, 8 },
		{ "bytes=+1-2", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-1x", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=0x1-2", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-1-2", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=1-0", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-1,2-3", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=-", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=--1", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=0 -1", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=5", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=", 10, RANGE_WHOLE, 0, 0 },
		{ "items=0-1", 10, RANGE_WHOLE, 0, 0 },
		{ "", 10, RANGE_WHOLE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t offset = 0, n = 0;

		assert_int_equal(range_parse(slice_str(rows[i].header),
					     rows[i].size, &offset, &n),
				 rows[i].kind);
		if (rows[i].kind != RANGE_PART)
			continue;
		assert_int_equal(offset, rows[i].offset);
		assert_int_equal(n, rows[i].n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_parse_follows_the_table),
	};

	return cmocka_run_group_tests_name("gateway_range", tests, NULL, NULL);
}
