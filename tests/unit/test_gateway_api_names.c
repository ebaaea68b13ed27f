/*
 * Names and types from clients: nasty ones above all.
 */
#include "gateway/api/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
expect_safe(struct slice name, const char *want)
{
	struct buf b = BUF_INIT;

	api_safe_name(&b, name);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void
test_api_safe_name_keeps_a_small_alphabet(void **state)
{
	(void)state;
	expect_safe(SLICE("My-clip_1.mp4"), "My-clip_1.mp4");
	expect_safe(SLICE("a b(1).MOV"), "a_b_1_.MOV");
	expect_safe(SLICE("../../etc/passwd"), ".._.._etc_passwd");
	expect_safe(SLICE("C:\\x\\y.mp4"), "C__x_y.mp4");
	expect_safe(SLICE("a\0b.mp4"), "a_b.mp4");
	expect_safe(SLICE("\xe2\x80\xae"
			  "4pm.exe"),
		    "_4pm.exe");
	expect_safe(SLICE("\xd8\xa7\xd8\xa8.mp4"), "__.mp4");
	expect_safe(SLICE("\xff\xfe.mp4"), "__.mp4");
	expect_safe(SLICE("%2e%2e%2f\r\nX: y"), "_2e_2e_2f__X__y");
	expect_safe(SLICE_EMPTY, "_");
	expect_safe(SLICE("."), ".");
}

static void
test_api_safe_name_long_keeps_the_extension(void **state)
{
	char name[1024];
	struct buf b = BUF_INIT;

	(void)state;
	memset(name, 'a', sizeof(name));
	memcpy(name + sizeof(name) - 5, ".webm", 5);
	api_safe_name(&b, slice_mem(name, sizeof(name)));
	assert_int_equal(b.n, API_KEY_NAME_MAX);
	assert_true(slice_ends(buf_slice(&b), SLICE("aaa.webm")));

	/* an "extension" of absurd length is cut like the rest */
	buf_clear(&b);
	memset(name, 'a', sizeof(name));
	name[10] = '.';
	api_safe_name(&b, slice_mem(name, sizeof(name)));
	assert_int_equal(b.n, API_KEY_NAME_MAX);
	assert_true(slice_starts(buf_slice(&b), SLICE("aaaaaaaaaa.aaa")));
	buf_release(&b);
}

static void
test_api_upload_key_same_millisecond_gives_distinct_keys(void **state)
{
	struct buf keys[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		keys[i] = (struct buf)BUF_INIT;
		api_upload_key(&keys[i], "u", 1700000000123456, SLICE("a.mp4"));
		assert_true(buf_ok(&keys[i]));
		assert_true(slice_starts(buf_slice(&keys[i]),
					 SLICE("uploads/u/1700000000123-")));
		assert_true(slice_ends(buf_slice(&keys[i]), SLICE("-a.mp4")));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(keys[i].p, keys[k].p);
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		buf_release(&keys[i]);
}

static void
test_api_video_type_accepts_only_clean_video_types(void **state)
{
	const struct slice good[] = {
		SLICE("video/mp4"),
		SLICE("VIDEO/x-matroska"),
		SLICE("video/webm; codecs=\"vp9, opus\""),
		SLICE("video/vnd.dlna.mpeg-tts"),
	};
	const struct slice bad[] = {
		SLICE(""),
		SLICE("video"),
		SLICE("video/"),
		SLICE("video/;x=1"),
		SLICE("image/png"),
		SLICE("application/video/mp4"),
		SLICE("video/mp4\r\nX-Evil: 1"),
		SLICE("video/m p4"),
		SLICE("video/mp4/x"),
		SLICE("video/mp4;\x80"),
		SLICE("videos/mp4"),
		SLICE("video/mp4\0"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(api_video_type(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(api_video_type(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_api_safe_name_keeps_a_small_alphabet),
		cmocka_unit_test(test_api_safe_name_long_keeps_the_extension),
		cmocka_unit_test(
		    test_api_upload_key_same_millisecond_gives_distinct_keys),
		cmocka_unit_test(
		    test_api_video_type_accepts_only_clean_video_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
