/*
 * How a file is cut in parts: every size from a byte to the largest fits in
 * 10,000 parts that together are the file.
 */
#include "gateway/api/multipart.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static void
check_cut(uint64_t size)
{
	struct multipart m = { 0 };
	uint64_t part_size = multipart_part_size(size);

	m.intent.size = size;
	m.intent.part_size = part_size;
	m.count = multipart_part_count(size, part_size);
	assert_in_range(m.count, 1, STORE_PARTS_MAX);
	assert_true(part_size >= STORE_PART_BYTES_MIN);
	assert_true(part_size <= STORE_PUT_BYTES_MAX);
	assert_true(part_size % MIB == 0);
	if (m.count > 1)
		assert_true(multipart_size_of(&m, 1) == part_size);
	assert_in_range(multipart_size_of(&m, m.count), 1, part_size);
	assert_true(
	    (m.count - 1) * part_size + multipart_size_of(&m, m.count) == size);
}

static void
test_multipart_cuts_files_of_any_size(void **state)
{
	static const uint64_t sizes[] = {
		1,	     8 * MIB,
		500 * MIB,   80000 * MIB, /* 10,000 parts of 8 MiB */
		90000 * MIB, 5ull << 40,  /* S3's largest object */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		if (sizes[i] > 1)
			check_cut(sizes[i] - 1);
		check_cut(sizes[i]);
		check_cut(sizes[i] + 1);
	}
}

static void
test_multipart_parts_are_8_mib_where_that_is_enough(void **state)
{
	(void)state;
	assert_true(multipart_part_size(1) == 8 * MIB);
	assert_true(multipart_part_size(524288000) == 8 * MIB);
	assert_int_equal(multipart_part_count(524288000, 8 * MIB), 63);
	assert_true(multipart_part_size(90000 * MIB) == 10 * MIB);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multipart_cuts_files_of_any_size),
		cmocka_unit_test(
		    test_multipart_parts_are_8_mib_where_that_is_enough),
	};

	return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
