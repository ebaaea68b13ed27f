/*
 * Randomness: every byte is drawn, UUIDs have their one form.
 */
#include "base/random.h"
#include "base/timeval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_random_bytes_fills_all(void **state)
{
	uint8_t a[1000] = { 0 }, b[1000] = { 0 };

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 900, b + 900, 100);
}

static void
test_uuid_new_is_valid_and_version_4(void **state)
{
	char a[UUID_TEXT_MAX], b[UUID_TEXT_MAX];

	(void)state;
	uuid_new(a);
	uuid_new(b);
	assert_string_not_equal(a, b);
	assert_true(uuid_valid(slice_str(a)));
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
}

static void
test_uuid_new_ordered_is_version_7_and_sorts_by_time(void **state)
{
	char last[UUID_TEXT_MAX] = "", id[UUID_TEXT_MAX];
	int64_t begin = time_now_us() / 1000;
	uint64_t ms;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uuid_new_ordered(id);
		assert_true(uuid_valid(slice_str(id)));
		assert_int_equal(id[14], '7');
		assert_true(strchr("89ab", id[19]) != NULL);
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof(last));
	}
	/* the first 48 bits are the milliseconds since 1970 */
	memmove(id + 8, id + 9, 4);
	id[12] = '\0';
	ms = strtoull(id, NULL, 16);
	assert_in_range(ms, begin, time_now_us() / 1000 + 1);
}

static void
test_uuid_valid_refuses_other_forms(void **state)
{
	static const char *const bad[] = {
		"",
		"8a2f1c9e0b5d4f679c315d2e7a4b6f80",
		"{8a2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f80}",
		"8a2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f8",
		"8a2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f800",
		"8a2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f8g",
		"8a2f1c9e00b5d-4f67-9c31-5d2e7a4b6f80"
	};

	(void)state;
	assert_true(uuid_valid(SLICE("8A2f1c9e-0b5d-4f67-9c31-5d2e7a4b6f80")));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(uuid_valid(slice_str(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_bytes_fills_all),
		cmocka_unit_test(test_uuid_new_is_valid_and_version_4),
		cmocka_unit_test(
		    test_uuid_new_ordered_is_version_7_and_sorts_by_time),
		cmocka_unit_test(test_uuid_valid_refuses_other_forms),
	};

	return cmocka_run_group_tests_name("base_random", tests, NULL, NULL);
}
