/*
 * Views of bytes.
 */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_slice_cut_visits_every_item(void **state)
{
	struct slice rest = SLICE("a,,b,"), item;
	const char *want[] = { "a", "", "b", "" };
	size_t n = 0;

	(void)state;
	while (slice_cut(&rest, ',', &item))
		assert_true(slice_eq_str(item, want[n++]));
	assert_int_equal(n, 4);
}

static void
test_slice_u64_refuses_what_is_no_number(void **state)
{
	const char *bad[] = { "",
			      "-1",
			      "+1",
			      " 1",
			      "1 ",
			      "0x1",
			      "18446744073709551616",
			      "99999999999999999999" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(slice_u64(slice_str(bad[i]), &v), -1);
	assert_int_equal(v, 7);
	assert_int_equal(slice_u64(SLICE("18446744073709551615"), &v), 0);
	assert_true(v == UINT64_MAX);
}

static void
test_slice_cmp_orders_bytes_not_letters(void **state)
{
	(void)state;
	assert_true(slice_cmp(SLICE("a"), SLICE("a/")) < 0);
	assert_true(slice_cmp(SLICE("\xff"), SLICE("z")) > 0);
	assert_int_equal(slice_cmp(SLICE(""), SLICE_EMPTY), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slice_cut_visits_every_item),
		cmocka_unit_test(test_slice_u64_refuses_what_is_no_number),
		cmocka_unit_test(test_slice_cmp_orders_bytes_not_letters),
	};

	return cmocka_run_group_tests_name("base_slice", tests, NULL, NULL);
}
