/*
 * What a frame goes through on its way to a picture: turns, tones, sizes,
 * and the hash.
 */
#include "processor/media/stills/picture.h"
#include "processor/media/stills/thumbhash.h"
#include "processor/media/stills/ycc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <libavutil/mastering_display_metadata.h>

/* ---- turns -------------------------------------------------------------- */

/*
 * 1 2 3    Shown by the matrix {a, b, c, d} of each row. What a 90 degrees
 * 4 5 6    turn looks like follows from the words, not from the code.
 */
static const struct {
	int a, b, c, d;
	int w, h;
	const char *shown;
} ways[] = {
	{ 1, 0, 0, 1, 3, 2, "123456" },
	{ -1, 0, 0, 1, 3, 2, "321654" },  /* left and right change */
	{ 1, 0, 0, -1, 3, 2, "456123" },  /* upside down */
	{ -1, 0, 0, -1, 3, 2, "654321" }, /* by 180 degrees */
	{ 0, 1, -1, 0, 2, 3, "415263" },  /* by 90 clockwise */
	{ 0, -1, 1, 0, 2, 3, "362514" },  /* by 90 the other way */
	{ 0, 1, 1, 0, 2, 3, "142536" },	  /* rows become columns */
	{ 0, -1, -1, 0, 2, 3, "635241" }, /* along the other diagonal */
};

static struct turn
turn_by(int a, int b, int c, int d)
{
	AVFormatContext *fmt = avformat_alloc_context();
	AVStream *st = avformat_new_stream(fmt, NULL);
	int32_t *m = (int32_t *)(void *)av_stream_new_side_data(
	    st, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(*m));
	struct turn t;

	memset(m, 0, 9 * sizeof(*m));
	m[0] = a * 65536;
	m[1] = b * 65536;
	m[3] = c * 65536;
	m[4] = d * 65536;
	m[8] = 1 << 30;
	t = turn_of(st);
	avformat_free_context(fmt);
	return t;
}

static void
test_turn_picture_shows_all_eight_ways(void **state)
{
	AVFrame *src =
	    picture_frame(PICTURE_PIXELS, (struct picture_size){ 3, 2 });

	(void)state;
	for (int i = 0; i < 6; i++)
		for (int p = 0; p < 3; p++)
			src->data[p][i / 3 * src->linesize[p] + i % 3] =
			    (uint8_t)('1' + i);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct turn t =
		    turn_by(ways[i].a, ways[i].b, ways[i].c, ways[i].d);
		struct picture_size size =
		    picture_fit(src, (AVRational){ 1, 1 }, t,
				(struct picture_size){ 9, 9 });
		AVFrame *dst = picture_frame(PICTURE_PIXELS, size);

		assert_int_equal(size.w, ways[i].w);
		assert_int_equal(size.h, ways[i].h);
		assert_int_equal(turn_needed(t), i != 0);
		turn_picture(dst, src, t);
		for (int k = 0; k < 6; k++)
			for (int p = 0; p < 3; p++)
				assert_int_equal(
				    dst->data[p][k / size.w * dst->linesize[p] +
						 k % size.w],
				    ways[i].shown[k]);
		av_frame_free(&dst);
	}
	av_frame_free(&src);
}

static void
test_turn_of_takes_the_nearest_quarter(void **state)
{
	AVFormatContext *fmt = avformat_alloc_context();
	AVStream *st = avformat_new_stream(fmt, NULL);
	int32_t *m;

	(void)state;
	assert_false(turn_needed(turn_of(st)));
	m = (int32_t *)(void *)av_stream_new_side_data(
	    st, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(*m));
	memset(m, 0, 9 * sizeof(*m));
	m[0] = m[4] = INT32_MIN;
	m[1] = m[3] = INT32_MAX;
	assert_false(turn_of(st).transpose);
	m[0] = m[4] = 22345; /* 70 degrees */
	m[1] = 61584;
	m[3] = -61584;
	assert_true(turn_of(st).transpose && turn_of(st).mirror_x);
	avformat_free_context(fmt);
}

/* ---- sizes -------------------------------------------------------------- */

static void
test_picture_fit_keeps_the_shape_and_never_enlarges(void **state)
{
	static const struct {
		int w, h;
		AVRational sar;
		bool transpose;
		int most, want_w, want_h;
	} rows[] = {
		{ 1920, 1080, { 1, 1 }, false, 1280, 1280, 720 },
		{ 1920, 1080, { 1, 1 }, true, 1280, 720, 1280 },
		{ 100, 50, { 1, 1 }, false, 1280, 100, 50 },
		{ 720, 576, { 64, 45 }, false, 640, 640, 360 },
		{ 640, 360, { 2, 3 }, false, 640, 427, 360 },
		{ 640, 360, { 0, 0 }, false, 640, 640, 360 },
		{ 640, 360, { 1000, 1 }, false, 640, 640, 360 },
		{ 4000, 2, { 1, 1 }, false, 320, 320, 1 },
		{ 1, 8000, { 1, 1 }, false, 320, 1, 320 },
	};
	AVFrame *f = av_frame_alloc();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct turn t = { .transpose = rows[i].transpose };
		struct picture_size most = { rows[i].most, rows[i].most };
		struct picture_size size;

		f->width = rows[i].w;
		f->height = rows[i].h;
		size = picture_fit(f, rows[i].sar, t, most);
		assert_int_equal(size.w, rows[i].want_w);
		assert_int_equal(size.h, rows[i].want_h);
	}
	av_frame_free(&f);
}

/* ---- tones -------------------------------------------------------------- */

struct hdr {
	enum AVColorTransferCharacteristic trc;
	int peak; /* nits of the mastering display; 0: not told */
	uint16_t code[3];
	uint8_t want[3];
};

/*
 * From the recommendations' formulas, computed apart from this code. Of PQ
 * with a peak of 1000 nits: 0, 1, 5, 26 (the grey card of BT.2408), 100, 203,
 * 400, 1000 and 4000 nits; the same with a peak of 4000; two colours; HLG at
 * a quarter, a half, three quarters (203 nits) and all.
 */
static const struct hdr hdr[] = {
	{ AVCOL_TRC_SMPTE2084, 0, { 0, 0, 0 }, { 0, 0, 0 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 9789, 9789, 9789 }, { 15, 15, 15 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 16180, 16180, 16180 }, { 43, 43, 43 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 24808, 24808, 24808 }, { 100, 100, 100 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 33167, 33167, 33167 }, { 186, 186, 186 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 37907, 37907, 37907 }, { 229, 229, 229 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 42601, 42601, 42601 }, { 250, 250, 250 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 49079, 49079, 49079 }, { 255, 255, 255 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 65280, 65280, 65280 }, { 255, 255, 255 } },
	{ AVCOL_TRC_SMPTE2084,
	  4000,
	  { 33167, 33167, 33167 },
	  { 174, 174, 174 } },
	{ AVCOL_TRC_SMPTE2084,
	  4000,
	  { 37907, 37907, 37907 },
	  { 208, 208, 208 } },
	{ AVCOL_TRC_SMPTE2084,
	  4000,
	  { 49079, 49079, 49079 },
	  { 250, 250, 250 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 33167, 28742, 19565 }, { 213, 128, 40 } },
	{ AVCOL_TRC_SMPTE2084, 0, { 44167, 23306, 23306 }, { 255, 0, 41 } },
	{ AVCOL_TRC_ARIB_STD_B67, 0, { 16320, 16320, 16320 }, { 61, 61, 61 } },
	{ AVCOL_TRC_ARIB_STD_B67,
	  0,
	  { 32640, 32640, 32640 },
	  { 137, 137, 137 } },
	{ AVCOL_TRC_ARIB_STD_B67,
	  0,
	  { 48960, 48960, 48960 },
	  { 229, 229, 229 } },
	{ AVCOL_TRC_ARIB_STD_B67,
	  0,
	  { 65280, 65280, 65280 },
	  { 255, 255, 255 } },
};

static void
test_tonemap_apply_brings_known_light_to_known_srgb(void **state)
{
	struct picture_size one = { 1, 1 };
	AVFormatContext *fmt = avformat_alloc_context();
	AVStream *st = avformat_new_stream(fmt, NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hdr); i++) {
		AVFrame *from = picture_frame(AV_PIX_FMT_GBRP16, one);
		AVFrame *to = picture_frame(PICTURE_PIXELS, one);
		struct tonemap *t;

		from->color_trc = hdr[i].trc;
		from->color_primaries = AVCOL_PRI_BT2020;
		if (hdr[i].peak) {
			AVMasteringDisplayMetadata *m =
			    av_mastering_display_metadata_create_side_data(
				from);

			m->has_luminance = 1;
			m->max_luminance = (AVRational){ hdr[i].peak, 1 };
		}
		assert_true(tonemap_needed(from));
		t = tonemap_new(from, st);
		for (int k = 0; k < 3; k++)
			memcpy(from->data[(k + 2) % 3], &hdr[i].code[k],
			       sizeof(hdr[i].code[k]));
		tonemap_apply(t, to, from);
		for (int k = 0; k < 3; k++)
			assert_in_range(to->data[(k + 2) % 3][0] + 1,
					hdr[i].want[k], hdr[i].want[k] + 2);
		tonemap_free(t);
		av_frame_free(&from);
		av_frame_free(&to);
	}
	avformat_free_context(fmt);
}

static void
test_tonemap_is_not_for_usual_pictures(void **state)
{
	AVFrame *f = av_frame_alloc();

	(void)state;
	assert_false(tonemap_needed(f));
	f->color_trc = AVCOL_TRC_BT2020_10;
	assert_false(tonemap_needed(f));
	av_frame_free(&f);
}

/* ---- the hash ----------------------------------------------------------- */

struct rgb {
	int r, g, b;
};

static struct rgb
ramp(int x, int y)
{
	return (struct rgb){ x * 255 / 99, y * 255 / 55, 128 };
}

static struct rgb
tall(int x, int y)
{
	return (struct rgb){ y < 45 ? 255 : 0, (x * 7 + y * 3) % 256, x * 8 };
}

static struct rgb
square(int x, int y)
{
	return (struct rgb){ (x ^ y) * 4 % 256, x * y % 251,
			     (x * x + y) % 256 };
}

static struct rgb
flat(int x, int y)
{
	(void)x;
	(void)y;
	return (struct rgb){ 200, 100, 50 };
}

static struct rgb
strip(int x, int y)
{
	return (struct rgb){ x * 2, 255 - x * 2, y * 50 };
}

/* The hashes come from another implementation, written in Python from the
 * description of the format. */
static const struct {
	struct rgb (*picture)(int x, int y);
	int w, h;
	size_t n;
	uint8_t hash[THUMBHASH_MAX];
} hashes[] = {
	{ ramp,
	  100,
	  56,
	  19,
	  { 0xdf, 0xf7, 0x09, 0x34, 0x9a, 0x80, 0x87, 0x87, 0x80, 0x88, 0x88,
	    0x88, 0x88, 0x87, 0x80, 0x80, 0x08, 0xf8, 0x78 } },
	{ tall,
	  30,
	  90,
	  17,
	  { 0x5e, 0x08, 0x12, 0x62, 0x26, 0x83, 0x7f, 0x77, 0x86, 0x85, 0x77,
	    0x79, 0x8f, 0x7e, 0x87, 0xf8, 0x88 } },
	{ square,
	  64,
	  64,
	  24,
	  { 0x1e, 0x18, 0x06, 0x27, 0x0c, 0x44, 0x55, 0x55,
	    0x05, 0x86, 0x77, 0x76, 0x87, 0x67, 0x88, 0x65,
	    0x87, 0x77, 0xa7, 0x8b, 0x60, 0x99, 0x09, 0x09 } },
	{ flat,
	  20,
	  10,
	  19,
	  { 0x1d, 0xcb, 0x02, 0x04, 0x80, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
	    0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88 } },
	{ strip,
	  100,
	  5,
	  17,
	  { 0xdd, 0x88, 0x09, 0x61, 0xa8, 0x88, 0x88, 0x88, 0x80, 0x88, 0x88,
	    0x88, 0x88, 0x8f, 0x08, 0x88, 0x88 } },
};

static void
test_thumbhash_equals_known_vectors(void **state)
{
	uint8_t hash[THUMBHASH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		struct picture_size size = { hashes[i].w, hashes[i].h };
		AVFrame *f = picture_frame(PICTURE_PIXELS, size);

		for (int y = 0; y < size.h; y++)
			for (int x = 0; x < size.w; x++) {
				struct rgb p = hashes[i].picture(x, y);

				f->data[0][y * f->linesize[0] + x] =
				    (uint8_t)p.g;
				f->data[1][y * f->linesize[1] + x] =
				    (uint8_t)p.b;
				f->data[2][y * f->linesize[2] + x] =
				    (uint8_t)p.r;
			}
		assert_int_equal(thumbhash(f, hash), hashes[i].n);
		assert_memory_equal(hash, hashes[i].hash, hashes[i].n);
		av_frame_free(&f);
	}
}

/* Grey stays what it is, and the primaries are those of JFIF (BT.601). */
static void
test_ycc_from_rgb_gives_known_values(void **state)
{
	static const struct {
		struct rgb from;
		int full[3], limited[3];
	} rows[] = {
		{ { 0, 0, 0 }, { 0, 128, 128 }, { 16, 128, 128 } },
		{ { 255, 255, 255 }, { 255, 128, 128 }, { 235, 128, 128 } },
		{ { 100, 100, 100 }, { 100, 128, 128 }, { 102, 128, 128 } },
		{ { 255, 0, 0 }, { 76, 85, 255 }, { 81, 90, 240 } },
		{ { 0, 255, 0 }, { 150, 44, 21 }, { 145, 54, 34 } },
		{ { 0, 0, 255 }, { 29, 255, 107 }, { 41, 240, 110 } },
	};
	struct picture_size size = { 5, 3 }; /* odd: the rest repeats */
	struct picture_size even = { 8, 6 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		bool full = i % 2;
		const int *want = full ? rows[i / 2].full : rows[i / 2].limited;
		AVFrame *rgb = picture_frame(PICTURE_PIXELS, size);
		AVFrame *to = picture_frame(
		    full ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P, even);

		for (int y = 0; y < size.h; y++) {
			memset(rgb->data[0] + y * rgb->linesize[0],
			       rows[i / 2].from.g, 5);
			memset(rgb->data[1] + y * rgb->linesize[1],
			       rows[i / 2].from.b, 5);
			memset(rgb->data[2] + y * rgb->linesize[2],
			       rows[i / 2].from.r, 5);
		}
		ycc_from_rgb(to, 2, 2, rgb, size.w, size.h);
		assert_int_equal(to->data[0][4 * to->linesize[0] + 6], want[0]);
		assert_int_equal(to->data[1][2 * to->linesize[1] + 3], want[1]);
		assert_int_equal(to->data[2][2 * to->linesize[2] + 3], want[2]);
		av_frame_free(&rgb);
		av_frame_free(&to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turn_picture_shows_all_eight_ways),
		cmocka_unit_test(test_turn_of_takes_the_nearest_quarter),
		cmocka_unit_test(
		    test_picture_fit_keeps_the_shape_and_never_enlarges),
		cmocka_unit_test(
		    test_tonemap_apply_brings_known_light_to_known_srgb),
		cmocka_unit_test(test_tonemap_is_not_for_usual_pictures),
		cmocka_unit_test(test_thumbhash_equals_known_vectors),
		cmocka_unit_test(test_ycc_from_rgb_gives_known_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
