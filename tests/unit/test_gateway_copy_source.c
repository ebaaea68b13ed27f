/* x-amz-copy-source as clients write it. */
#include "gateway/s3/copy_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_forms(void **state)
{
	static const struct {
		const char *value, *bucket, *key, *version;
	} table[] = {
		{ "b/k", "b", "k", "" },
		{ "/b/k", "b", "k", "" },
		{ "b/a/b//c", "b", "a/b//c", "" },
		{ "b//k", "b", "/k", "" },
		{ "%2Fb%2Fa%2Fb", "b", "a/b", "" },
		{ "b/a%20b+c%2Bd", "b", "a b c+d", "" },
		{ "b/%3FversionId=1", "b", "?versionId=1", "" },
		{ "b/k?versionId=null", "b", "k", "null" },
		{ "b/k?versionId=A%2FB", "b", "k", "A/B" },
		{ "b/\xc3\xbc", "b", "\xc3\xbc", "" },
		{ "b/%C3%BC", "b", "\xc3\xbc", "" },
		{ "b/k?other=1", "b", "k?other=1", "" },
	};
	struct store_ref ref;
	struct arena a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		arena_init(&a, 1 << 16);
		assert_int_equal(
		    s3_copy_source_parse(&a, slice_str(table[i].value), &ref),
		    0);
		assert_true(slice_eq_str(ref.bucket, table[i].bucket));
		assert_true(slice_eq_str(ref.key, table[i].key));
		assert_true(slice_eq_str(ref.version_id, table[i].version));
		arena_release(&a);
	}
}

static void
test_what_is_no_source(void **state)
{
	static const char *const table[] = {
		"",
		"/",
		"b",
		"b/",
		"/b",
		"/b/",
		"//k",
		"b/%zz",
		"b/%",
		"b/a%00b",
		"b/\xff",
		"b/%FF",
		"b/k?versionId=",
		"b/k?versionId=%zz",
	};
	struct store_ref ref;
	struct arena a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		arena_init(&a, 1 << 16);
		assert_int_equal(
		    s3_copy_source_parse(&a, slice_str(table[i]), &ref), -1);
		arena_release(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_what_is_no_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
