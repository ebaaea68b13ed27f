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

static void
test_bytes_copy_any_length_and_place(void **state)
{
	static const size_t lengths[] = { 0,	1,    1023, 1024,
					  1025, 2048, 4097, 9999 };
	static char from[10100], to[10100], want[10100];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		for (size_t at = 0; at < 100; at += 33) {
			memset(to, 1, sizeof(to));
			memset(want, 1, sizeof(want));
			memcpy(want + at, from + 99 - at, lengths[i]);
			bytes_copy(to + at, from + 99 - at, lengths[i]);
			assert_memory_equal(to, want, sizeof(to));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slice_cut_visits_every_item),
		cmocka_unit_test(test_slice_u64_refuses_what_is_no_number),
		cmocka_unit_test(test_slice_cmp_orders_bytes_not_letters),
		cmocka_unit_test(test_bytes_copy_any_length_and_place),
	};

	return cmocka_run_group_tests_name("base_slice", tests, NULL, NULL);
}
