/*
 * Units in packets, and what a packet begins with by its own bytes.
 */
#include "processor/media/encode/nal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BYTES(lit) slice_mem(lit, sizeof(lit) - 1)

static const struct nal_stream codes = { .codec = AV_CODEC_ID_H264 };
static const struct nal_stream lengths = { .codec = AV_CODEC_ID_H264,
					   .length_size = 2 };

static void
test_nal_units_by_code(void **state)
{
	struct slice rest =
	    BYTES("\0\0\0\1\x67\1\2\0\0\1\x68\3\0\0\0\1\x65\4\5");

	(void)state;
	assert_true(slice_eq(nal_next(&codes, &rest), BYTES("\x67\1\2")));
	assert_true(slice_eq(nal_next(&codes, &rest), BYTES("\x68\3")));
	assert_true(slice_eq(nal_next(&codes, &rest), BYTES("\x65\4\5")));
	assert_int_equal(nal_next(&codes, &rest).n, 0);
}

static void
test_nal_units_by_length(void **state)
{
	struct slice rest = BYTES("\0\2\x67\1\0\1\x68");

	(void)state;
	assert_true(slice_eq(nal_next(&lengths, &rest), BYTES("\x67\1")));
	assert_true(slice_eq(nal_next(&lengths, &rest), BYTES("\x68")));
	assert_int_equal(nal_next(&lengths, &rest).n, 0);
}

/* A length that points behind the end, or is cut off itself: the end. */
static void
test_nal_lengths_that_lie(void **state)
{
	static const struct slice packets[] = { { "\xff\xff\x65", 3 },
						{ "\0", 1 },
						{ "", 0 },
						{ "\0\0", 2 },
						{ "\0\3\x65\1", 4 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		struct slice rest = packets[i];

		assert_int_equal(nal_next(&lengths, &rest).n, 0);
		assert_false(nal_is_idr(&lengths, packets[i]));
	}
}

static void
test_nal_idr_of_h264(void **state)
{
	(void)state;
	/* parameter sets and messages may stand before the picture */
	assert_true(nal_is_idr(&codes, BYTES("\0\0\1\x67\1\0\0\1\x06\1\0\0\1"
					     "\x65\x88")));
	assert_true(nal_is_idr(&lengths, BYTES("\0\2\x06\5\0\2\x65\x88")));
	/* an intra picture behind a recovery point is none */
	assert_false(nal_is_idr(&codes, BYTES("\0\0\1\x06\6\0\0\1\x41\x9a")));
	assert_false(nal_is_idr(&codes, BYTES("\0\0\1\x67\1")));
}

static void
test_nal_idr_of_hevc(void **state)
{
	const struct nal_stream s = { .codec = AV_CODEC_ID_HEVC };

	(void)state;
	assert_true(nal_is_idr(&s, BYTES("\0\0\1\x40\1\0\0\1\x26\1\xaf")));
	assert_true(nal_is_idr(&s, BYTES("\0\0\1\x28\1\xaf")));
	/* a clean random access picture: others before it need the past */
	assert_false(nal_is_idr(&s, BYTES("\0\0\1\x2a\1\xaf")));
	assert_false(nal_is_idr(&s, BYTES("\0\0\1\2\1\xaf")));
}

static void
test_nal_how_a_stream_is_written(void **state)
{
	struct nal_stream s;

	(void)state;
	assert_true(
	    nal_stream_of(&s, AV_CODEC_ID_H264, BYTES("\1\x64\0\x1f\xff\xe1")));
	assert_int_equal(s.length_size, 4);
	assert_true(
	    nal_stream_of(&s, AV_CODEC_ID_H264, BYTES("\0\0\1\x67\x64")));
	assert_int_equal(s.length_size, 0);
	assert_false(nal_stream_of(&s, AV_CODEC_ID_H264, BYTES("\1\x64\0")));
	assert_false(
	    nal_stream_of(&s, AV_CODEC_ID_HEVC, BYTES("\1\x64\0\x1f\xff")));
	assert_false(
	    nal_stream_of(&s, AV_CODEC_ID_VP9, BYTES("\1\x64\0\x1f\xff")));
}

static void
test_nal_configuration(void **state)
{
	struct slice extradata =
	    BYTES("\0\0\0\1\x67\x64\0\x1f\xac\0\0\0\1\x68\xeb");
	struct slice wanted = BYTES("\1\x64\0\x1f\xff\xe1\0\5\x67\x64\0\x1f\xac"
				    "\1\0\2\x68\xeb");
	struct buf b = BUF_INIT;
	char name[16];

	(void)state;
	assert_true(nal_put_avcc(&b, extradata));
	assert_true(slice_eq(buf_slice(&b), wanted));
	assert_true(nal_avc_name(buf_slice(&b), name));
	assert_string_equal(name, "avc1.64001f");
	buf_clear(&b);
	assert_true(nal_put_avcc(&b, wanted));
	assert_true(slice_eq(buf_slice(&b), wanted));
	buf_clear(&b);
	assert_false(nal_put_avcc(&b, BYTES("\0\0\1\x68\xeb")));
	assert_false(nal_put_avcc(&b, SLICE_EMPTY));
	buf_clear(&b);
	nal_put_lengths(&b, BYTES("\0\0\1\x41\1\2\0\0\0\1\x41\3"));
	assert_true(
	    slice_eq(buf_slice(&b), BYTES("\0\0\0\3\x41\1\2\0\0\0\2\x41\3")));
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nal_units_by_code),
		cmocka_unit_test(test_nal_units_by_length),
		cmocka_unit_test(test_nal_lengths_that_lie),
		cmocka_unit_test(test_nal_idr_of_h264),
		cmocka_unit_test(test_nal_idr_of_hevc),
		cmocka_unit_test(test_nal_how_a_stream_is_written),
		cmocka_unit_test(test_nal_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
