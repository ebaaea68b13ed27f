/*
 * The result channel from its hostile end.
 */
#include "processor/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
put_frame(struct buf *b, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	unsigned char head[4] = { (unsigned char)(n >> 24),
				  (unsigned char)(n >> 16),
				  (unsigned char)(n >> 8), (unsigned char)n };

	buf_add(b, head, 4);
	buf_puts(b, text);
}

/* Feeds the frames in steps of `step` bytes. */
static int
feed(struct frames *f, const char *const *texts, size_t n, size_t step)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	frames_init(f);
	for (size_t i = 0; i < n; i++)
		put_frame(&b, texts[i]);
	for (size_t at = 0; rc == 0 && at < b.n; at += step)
		rc =
		    frames_feed(f, b.p + at, b.n - at < step ? b.n - at : step);
	buf_release(&b);
	return rc;
}

static void
test_feed_any_split_gives_the_same_frames(void **state)
{
	static const char *const texts[] = {
		"{\"type\":\"progress\",\"percent\":10}",
		"{\"type\":\"deadline\",\"duration\":42.5}",
		"{\"type\":\"progress\",\"percent\":5}",
		"{\"type\":\"result\",\"poster\":\"poster.jpg\"}",
	};
	struct frames f;

	(void)state;
	for (size_t step = 1; step < 200; step++) {
		assert_int_equal(feed(&f, texts, ARRAY_LEN(texts), step), 0);
		assert_int_equal(f.percent, 10); /* never falls */
		assert_true(f.duration == 42.5);
		assert_true(frames_ended(&f));
		assert_string_equal(json_str(f.result, "poster"), "poster.jpg");
		frames_release(&f);
	}
}

static void
test_feed_error_is_kept_printable(void **state)
{
	static const char *const text =
	    "{\"type\":\"error\",\"code\":\"corrupt_media\","
	    "\"message\":\"a\\nb\\u001b[31m\\u00e9\"}";
	struct frames f;

	(void)state;
	assert_int_equal(feed(&f, &text, 1, 7), 0);
	assert_int_equal(f.code, FRAME_CORRUPT_MEDIA);
	assert_string_equal(frame_code_name(f.code), "corrupt_media");
	assert_string_equal(f.message, "a?b?[31m??");
	frames_release(&f);
}

static void
test_feed_refuses_what_breaks_the_protocol(void **state)
{
	static const char *const bad[] = {
		"null",
		"[]",
		"{}",
		"{\"type\":7}",
		"{\"type\":\"shell\"}",
		"{\"type\":\"progress\"}",
		"{\"type\":\"progress\",\"percent\":-1}",
		"{\"type\":\"progress\",\"percent\":101}",
		"{\"type\":\"progress\",\"percent\":1.5}",
		"{\"type\":\"deadline\",\"duration\":-1}",
		"{\"type\":\"deadline\",\"duration\":1e300}",
		"{\"type\":\"deadline\",\"duration\":\"1\"}",
		"{\"type\":\"error\",\"code\":\"made_up\",\"message\":\"\"}",
		"{\"type\":\"error\",\"code\":\"internal\"}",
		"{\"type\":\"progress\",\"percent\":1} x",
		"{\"type\":\"result\",\"x\":\"\\u0000\"}",
		"{\"type\":\"result\",\"x\":\"\xff\"}",
	};
	struct frames f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(feed(&f, &bad[i], 1, 100), -1);
		frames_release(&f);
	}
}

static void
test_feed_refuses_a_second_deadline_and_words_after_the_last(void **state)
{
	static const char *const twice[] = {
		"{\"type\":\"deadline\",\"duration\":1}",
		"{\"type\":\"deadline\",\"duration\":2}",
	};
	static const char *const after[] = {
		"{\"type\":\"result\"}",
		"{\"type\":\"result\"}",
	};
	struct frames f;

	(void)state;
	assert_int_equal(feed(&f, twice, 2, 100), -1);
	assert_true(f.duration == 1);
	frames_release(&f);
	assert_int_equal(feed(&f, after, 2, 100), -1);
	frames_release(&f);
}

static void
test_feed_refuses_lengths_before_their_bytes(void **state)
{
	static const unsigned char heads[][4] = { { 0, 0, 0, 0 },
						  { 0xff, 0xff, 0xff, 0xff },
						  { 0, 0x40, 0, 1 } };
	struct frames f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		frames_init(&f);
		assert_int_equal(frames_feed(&f, heads[i], 4), -1);
		frames_release(&f);
	}
	/* The longest frame allowed is taken in; it is no JSON. */
	frames_init(&f);
	assert_int_equal(frames_feed(&f, "\0\x40\0\0", 4), 0);
	for (size_t at = 0; at + 4096 < MEDIA_FRAME_MAX; at += 4096) {
		static const char zeros[4096];

		assert_int_equal(frames_feed(&f, zeros, sizeof(zeros)), 0);
	}
	frames_release(&f);
}

static void
test_feed_deep_nesting_is_no_stack_overflow(void **state)
{
	struct buf b = BUF_INIT;
	const char *text;
	struct frames f;

	(void)state;
	buf_puts(&b, "{\"type\":\"result\",\"x\":");
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	text = b.p;
	assert_int_equal(feed(&f, &text, 1, 4096), -1);
	frames_release(&f);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feed_any_split_gives_the_same_frames),
		cmocka_unit_test(test_feed_error_is_kept_printable),
		cmocka_unit_test(test_feed_refuses_what_breaks_the_protocol),
		cmocka_unit_test(
		    test_feed_refuses_a_second_deadline_and_words_after_the_last),
		cmocka_unit_test(test_feed_refuses_lengths_before_their_bytes),
		cmocka_unit_test(test_feed_deep_nesting_is_no_stack_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
