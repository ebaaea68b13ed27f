/*
 * Text encodings: published examples both ways, and one spelling per value.
 */
#include "base/encode.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* RFC 4648 §10 */
static const char *const rfc4648[][2] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void
test_base64_rfc_examples_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rfc4648); i++) {
		struct buf b = BUF_INIT;

		base64_encode(&b, rfc4648[i][0], strlen(rfc4648[i][0]));
		assert_true(slice_eq_str(buf_slice(&b), rfc4648[i][1]));
		buf_clear(&b);
		assert_int_equal(base64_decode(&b, slice_str(rfc4648[i][1])),
				 0);
		assert_true(slice_eq_str(buf_slice(&b), rfc4648[i][0]));
		buf_release(&b);
	}
}

static void
test_base64_decode_other_spellings_are_refused(void **state)
{
	static const char *const bad[] = {
		"Z",	 "Zg",	   "Zg=",  "Zg===", "Zh==", "Zm9=", "Zg==Zg==",
		" Zg==", "Zg==\n", "Z-8=", "Zm9v=", "====", "A===", "Z=g="
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(base64_decode(&b, slice_str(bad[i])), -1);
		buf_release(&b);
	}
}

static void
test_base64url_has_no_padding_and_its_own_digits(void **state)
{
	const unsigned char bytes[] = { 0xfb, 0xff, 0xbf, 0x01 };
	struct buf b = BUF_INIT;

	(void)state;
	base64url_encode(&b, bytes, sizeof(bytes));
	assert_string_equal(b.p, "-_-_AQ");
	buf_clear(&b);
	assert_int_equal(base64url_decode(&b, SLICE("-_-_AQ")), 0);
	assert_int_equal(b.n, sizeof(bytes));
	assert_memory_equal(b.p, bytes, sizeof(bytes));
	assert_int_equal(base64url_decode(&b, SLICE("-_-_AQ==")), -1);
	assert_int_equal(base64url_decode(&b, SLICE("-_-_AR")), -1);
	assert_int_equal(base64url_decode(&b, SLICE("+/+/")), -1);
	assert_int_equal(base64url_decode(&b, SLICE("A")), -1);
	buf_release(&b);
}

static void
test_hex_both_ways(void **state)
{
	const unsigned char bytes[] = { 0x00, 0x9f, 0xff };
	unsigned char back[3];
	char text[7];

	(void)state;
	hex_encode(bytes, 3, text);
	assert_string_equal(text, "009fff");
	assert_int_equal(hex_decode(SLICE("009FfF"), back, 3), 0);
	assert_memory_equal(back, bytes, 3);
	assert_int_equal(hex_decode(SLICE("009ff"), back, 3), -1);
	assert_int_equal(hex_decode(SLICE("009fff0"), back, 3), -1);
	assert_int_equal(hex_decode(SLICE("009ffg"), back, 3), -1);
	assert_int_equal(hex_decode(SLICE(""), back, 0), 0);
}

static void
test_uri_encode_keeps_unreserved_only(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	uri_encode(&b, SLICE("AZaz09-._~ /+%\xc3\xa4"), false);
	assert_string_equal(b.p, "AZaz09-._~%20%2F%2B%25%C3%A4");
	buf_clear(&b);
	uri_encode(&b, SLICE("a/b c"), true);
	assert_string_equal(b.p, "a/b%20c");
	buf_release(&b);
}

static void
test_uri_encode_every_byte_comes_back(void **state)
{
	struct buf text = BUF_INIT, back = BUF_INIT;
	unsigned char all[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	uri_encode(&text, slice_mem(all, sizeof(all)), false);
	assert_int_equal(uri_decode(&back, buf_slice(&text), true), 0);
	assert_int_equal(back.n, sizeof(all));
	assert_memory_equal(back.p, all, sizeof(all));
	buf_release(&text);
	buf_release(&back);
}

static void
test_uri_decode_plus_and_broken_escapes(void **state)
{
	static const char *const bad[] = {
		"%", "%4", "a%", "%zz", "%4g", "%%41"
	};
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(uri_decode(&b, SLICE("a+b%2b%2B"), true), 0);
	assert_string_equal(b.p, "a b++");
	buf_clear(&b);
	assert_int_equal(uri_decode(&b, SLICE("a+b"), false), 0);
	assert_string_equal(b.p, "a+b");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(uri_decode(&b, slice_str(bad[i]), false), -1);
	buf_release(&b);
}

static void
test_uri_decode_text_is_utf8_without_nul(void **state)
{
	static const char *const bad[] = { "a%00b", "%ff",	 "%c3",
					   "\xc3(", "%ed%a0%80", "%zz" };
	struct slice out = SLICE("kept");
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 12);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
		    uri_decode_text(&a, slice_str(bad[i]), false, &out), -1);
	assert_true(slice_eq_str(out, "kept"));
	assert_int_equal(
	    uri_decode_text(&a, SLICE("%C3%BC+\xc3\xbc"), true, &out), 0);
	assert_true(slice_eq_str(out, "\xc3\xbc \xc3\xbc"));
	assert_int_equal(uri_decode_text(&a, SLICE_EMPTY, true, &out), 0);
	assert_int_equal(out.n, 0);
	arena_release(&a);
}

static void
test_base32_sorts_as_its_bytes(void **state)
{
	uint8_t low[16] = { 0 }, high[16];
	char a[BASE32_TEXT_MAX], b[BASE32_TEXT_MAX];

	(void)state;
	low[15] = 31;
	memset(high, 0xff, sizeof(high));
	base32_encode16(low, a);
	assert_string_equal(a, "0000000000000000000000000Z");
	base32_encode16(high, b);
	assert_string_equal(b, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	for (int i = 0; i < 200; i++) {
		random_bytes(low, sizeof(low));
		random_bytes(high, sizeof(high));
		base32_encode16(low, a);
		base32_encode16(high, b);
		assert_true((memcmp(low, high, 16) < 0) == (strcmp(a, b) < 0));
	}
}

static void
test_base32_has_one_spelling(void **state)
{
	static const char *const bad[] = { "",
					   "0000000000000000000000000",
					   "000000000000000000000000000",
					   "80000000000000000000000000",
					   "0000000000000000000000000z",
					   "0000000000000000000000000U",
					   "0000000000000000000000000-",
					   "null" };
	uint8_t in[16], out[16];
	char text[BASE32_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 200; i++) {
		random_bytes(in, sizeof(in));
		base32_encode16(in, text);
		assert_int_equal(base32_decode16(slice_str(text), out), 0);
		assert_memory_equal(in, out, 16);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(base32_decode16(slice_str(bad[i]), out), -1);
	text[25] = '\0';
	assert_int_equal(base32_decode16(slice_mem(text, 26), out), -1);
}

static void
test_mime_word_leaves_ascii_as_it_is(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_true(slice_eq_str(mime_word(&a, SLICE("plain =?")), "plain =?"));
	assert_true(
	    slice_eq_str(mime_word(&a, SLICE("\xc3\xbc")), "=?UTF-8?B?w7w=?="));
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mime_word_leaves_ascii_as_it_is),
		cmocka_unit_test(test_base64_rfc_examples_both_ways),
		cmocka_unit_test(
		    test_base64_decode_other_spellings_are_refused),
		cmocka_unit_test(
		    test_base64url_has_no_padding_and_its_own_digits),
		cmocka_unit_test(test_hex_both_ways),
		cmocka_unit_test(test_uri_encode_keeps_unreserved_only),
		cmocka_unit_test(test_uri_encode_every_byte_comes_back),
		cmocka_unit_test(test_uri_decode_plus_and_broken_escapes),
		cmocka_unit_test(test_uri_decode_text_is_utf8_without_nul),
		cmocka_unit_test(test_base32_sorts_as_its_bytes),
		cmocka_unit_test(test_base32_has_one_spelling),
	};

	return cmocka_run_group_tests_name("base_encode", tests, NULL, NULL);
}
