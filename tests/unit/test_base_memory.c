/*
 * buf and arena: bounds, and errors that stay.
 */
#include "base/arena.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_buf_grows_and_ends_in_nul(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_non_null(buf_reserve(&b, 0));
	assert_int_equal(b.p[0], '\0');
	for (int i = 0; i < 1000; i++) {
		buf_printf(&b, "%d,", i % 10);
		assert_int_equal(b.p[b.n], '\0');
	}
	assert_true(buf_ok(&b));
	assert_int_equal(b.n, 2000);
	assert_int_equal(strlen(b.p), 2000);
	buf_release(&b);
}

static void
test_buf_bound_is_exact_and_error_stays(void **state)
{
	struct buf b = BUF_MAX(4);

	(void)state;
	buf_puts(&b, "abcd");
	assert_true(buf_ok(&b));
	buf_putc(&b, 'e');
	assert_false(buf_ok(&b));
	assert_string_equal(b.p, "abcd");
	buf_add(&b, "", 0);
	assert_false(buf_ok(&b));
	buf_clear(&b);
	assert_true(buf_ok(&b));
	buf_printf(&b, "%d", 12345);
	assert_false(buf_ok(&b));
	assert_null(buf_steal(&b));
	assert_int_equal(b.max, 4);
	buf_release(&b);
}

static void
test_buf_reserve_overflow_is_an_error(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_putc(&b, 'x');
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
	buf_release(&b);
}

static void
test_buf_steal_gives_a_string_and_empties(void **state)
{
	struct buf b = BUF_INIT;
	char *p = buf_steal(&b);

	(void)state;
	assert_string_equal(p, "");
	free(p);
	buf_puts(&b, "text");
	p = buf_steal(&b);
	assert_string_equal(p, "text");
	assert_null(b.p);
	free(p);
}

static void
test_buf_json_str_escapes_what_json_cannot_hold(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_json_str(&b, SLICE("a\"\\\n\x01\x7f\xc3\xa4\xff\xed\xa0\x80"));
	assert_string_equal(b.p, "\"a\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa4"
				 "\\u00ff\\u00ed\\u00a0\\u0080\"");
	buf_release(&b);
}

static void
test_arena_memory_is_zeroed_aligned_and_apart(void **state)
{
	struct arena a;
	char *last = NULL;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t n = 1; n < 300; n++) {
		char *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
		assert_ptr_not_equal(p, last);
		last = p;
	}
	assert_non_null(arena_alloc(&a, 100000)); /* above a block */
	arena_release(&a);
	assert_int_equal(a.used, 0);
}

static void
test_arena_bound_and_overflow_are_errors_that_stay(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100);
	assert_non_null(arena_alloc(&a, 100));
	assert_null(arena_alloc(&a, 1));
	assert_true(a.err);
	assert_null(arena_alloc(&a, 0));
	arena_release(&a);
	assert_false(a.err);
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_true(a.err);
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_int_equal(arena_copy(&a, SLICE("x")).n, 0);
	arena_release(&a);
}

static void
test_arena_texts_are_terminated_copies(void **state)
{
	char text[] = "abc";
	struct slice copy, printed;
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	copy = arena_copy(&a, slice_mem(text, 2));
	text[0] = 'x';
	assert_string_equal(copy.p, "ab");
	printed = arena_printf(&a, "%s-%d", "n", 7);
	assert_string_equal(printed.p, "n-7");
	assert_int_equal(printed.n, 3);
	assert_string_equal(arena_cstr(&a, SLICE_EMPTY), "");
	arena_release(&a);
}

static void
test_arena_takes_a_buf_or_its_error(void **state)
{
	struct buf b = BUF_INIT, full = BUF_MAX(2);
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	buf_puts(&b, "abc");
	assert_string_equal(arena_take_buf(&a, &b).p, "abc");
	assert_null(b.p);
	assert_false(a.err);
	buf_puts(&full, "abc");
	assert_int_equal(arena_take_buf(&a, &full).n, 0);
	assert_true(a.err);
	arena_release(&a);
}

/* A lent block is used first, left alone by release, and used again. */
static void
test_arena_in_a_lent_block_frees_only_its_own(void **state)
{
	_Alignas(max_align_t) char block[1024];
	struct arena a;

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *first, *large;

		memset(block, 0xff, sizeof(block));
		arena_init_in(&a, 1 << 20, block, sizeof(block));
		first = arena_alloc(&a, 100);
		assert_true(first > block && first < block + sizeof(block));
		assert_int_equal((uintptr_t)first % _Alignof(max_align_t), 0);
		assert_int_equal(first[0] | first[99], 0);
		large = arena_alloc(&a, sizeof(block));
		assert_non_null(large);
		assert_true(large < block || large >= block + sizeof(block));
		arena_release(&a);
		assert_int_equal(a.used, 0);
	}
}

static void
test_arena_concat_joins_parts(void **state)
{
	const struct slice parts[] = {
		SLICE("ab"), SLICE_EMPTY, { NULL, 0 }, SLICE("c")
	};
	const struct slice huge[] = { { "", SIZE_MAX }, { "", 2 } };
	struct slice s;
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	s = arena_concat(&a, parts, ARRAY_LEN(parts));
	assert_int_equal(s.n, 3);
	assert_string_equal(s.p, "abc");
	assert_int_equal(arena_concat(&a, NULL, 0).n, 0);
	assert_false(a.err);
	assert_int_equal(arena_concat(&a, huge, 2).n, 0);
	assert_true(a.err);
	arena_release(&a);
}

static void
test_buf_u64_and_long_formats(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_u64(&b, 0);
	buf_putc(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	assert_string_equal(b.p, "0 18446744073709551615");
	buf_clear(&b);
	/* Just as long as the room there is, and one longer. */
	for (int n = 1; n < 300; n++)
		buf_printf(&b, "%*s|", n, "x");
	assert_true(buf_ok(&b));
	assert_int_equal(b.n, 299 * 300 / 2 + 299);
	assert_int_equal(strlen(b.p), b.n);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_grows_and_ends_in_nul),
		cmocka_unit_test(test_buf_bound_is_exact_and_error_stays),
		cmocka_unit_test(test_buf_reserve_overflow_is_an_error),
		cmocka_unit_test(test_buf_steal_gives_a_string_and_empties),
		cmocka_unit_test(
		    test_buf_json_str_escapes_what_json_cannot_hold),
		cmocka_unit_test(test_arena_memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(
		    test_arena_bound_and_overflow_are_errors_that_stay),
		cmocka_unit_test(test_arena_takes_a_buf_or_its_error),
		cmocka_unit_test(test_arena_texts_are_terminated_copies),
		cmocka_unit_test(test_arena_in_a_lent_block_frees_only_its_own),
		cmocka_unit_test(test_arena_concat_joins_parts),
		cmocka_unit_test(test_buf_u64_and_long_formats),
	};

	return cmocka_run_group_tests_name("base_memory", tests, NULL, NULL);
}
