/*
 * Reduction of frames to grids, and the comparison of grids.
 */
#include "tests/unit/media_feed.h"

#include <libavutil/imgutils.h>

static AVFrame *
new_frame(enum AVPixelFormat format, int w, int h)
{
	AVFrame *f = av_frame_alloc();

	f->format = format;
	f->width = w;
	f->height = h;
	assert_int_equal(av_frame_get_buffer(f, 0), 0);
	return f;
}

static void
test_grid_fill_means_the_boxes(void **state)
{
	AVFrame *f = new_frame(AV_PIX_FMT_YUV420P, 640, 360);
	struct grid *g = calloc(1, sizeof(*g));

	(void)state;
	for (int y = 0; y < 360; y++)
		for (int x = 0; x < 640; x++)
			f->data[0][y * f->linesize[0] + x] =
			    (uint8_t)(x % 4 < 2 ? 100 : 102);
	for (int y = 0; y < 180; y++) {
		memset(f->data[1] + y * f->linesize[1], 90, 320);
		memset(f->data[2] + y * f->linesize[2], 200, 320);
	}
	assert_true(grid_fill(g, f));
	assert_int_equal(g->w, 160);
	assert_int_equal(g->h, 90);
	assert_int_equal(g->y[0], 101);
	assert_int_equal(g->y[160 * 90 - 1], 101);
	assert_int_equal(g->u[g->cw * g->ch - 1], 90);
	assert_int_equal(g->v[0], 200);
	assert_true(g->mean == 101 && g->dev == 0);
	av_frame_free(&f);
	free(g);
}

static void
test_grid_fill_of_ten_bits_is_that_of_eight(void **state)
{
	AVFrame *f = new_frame(AV_PIX_FMT_YUV420P10, 32, 32);
	struct grid *g = calloc(1, sizeof(*g));

	(void)state;
	for (int p = 0; p < 3; p++)
		for (int y = 0; y < (p ? 16 : 32); y++)
			for (int x = 0; x < (p ? 16 : 32); x++)
				((uint16_t *)(void *)(f->data[p] +
						      y * f->linesize[p]))[x] =
				    4 * 77;
	assert_true(grid_fill(g, f));
	assert_int_equal(g->y[500], 77);
	assert_int_equal(g->u[0], 77);
	av_frame_free(&f);
	free(g);
}

/* Every width of a box, with code of its own or not, against plain sums. */
static void
test_grid_fill_is_exact_for_every_width(void **state)
{
	struct grid *g = calloc(1, sizeof(*g));

	(void)state;
	for (int fx = 1; fx <= 51; fx++) {
		AVFrame *f = new_frame(AV_PIX_FMT_GRAY8, GRID_MAX * fx, 1);
		unsigned noise = (unsigned)fx;

		for (int x = 0; x < f->width; x++) {
			noise = noise * 1103515245 + 12345;
			f->data[0][x] = (uint8_t)(noise >> 16);
		}
		assert_true(grid_fill(g, f));
		assert_int_equal(g->w, GRID_MAX);
		for (int i = 0; i < GRID_MAX; i++) {
			int sum = 0;

			for (int x = 0; x < fx; x++)
				sum += f->data[0][i * fx + x];
			assert_int_equal(g->y[i], sum / fx);
		}
		av_frame_free(&f);
	}
	free(g);
}

static void
test_grid_fill_takes_any_size(void **state)
{
	static const int sizes[][2] = {
		{ 1, 1 },   { 1, 5000 },  { 5000, 1 },
		{ 161, 3 }, { 4001, 17 }, { 333, 777 }
	};
	struct grid *g = calloc(1, sizeof(*g));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AVFrame *f =
		    new_frame(AV_PIX_FMT_GRAY8, sizes[i][0], sizes[i][1]);

		for (int y = 0; y < sizes[i][1]; y++)
			memset(f->data[0] + (ptrdiff_t)y * f->linesize[0], 60,
			       (size_t)sizes[i][0]);
		assert_true(grid_fill(g, f));
		assert_in_range(g->w, 1, GRID_MAX);
		assert_in_range(g->h, 1, GRID_MAX);
		assert_true(g->mean == 60);
		assert_int_equal(g->cw, 0);
		av_frame_free(&f);
	}
	free(g);
}

static void
test_grid_fill_of_a_palette_is_refused(void **state)
{
	AVFrame *f = new_frame(AV_PIX_FMT_PAL8, 16, 16);
	struct grid *g = calloc(1, sizeof(*g));

	(void)state;
	assert_false(grid_fill(g, f));
	av_frame_free(&f);
	free(g);
}

static uint8_t
texture(int x, int y, int64_t n)
{
	unsigned v = (unsigned)(x + n) * 2654435761u ^ (unsigned)y * 40503u;

	return (uint8_t)(64 + (v >> 11) % 128);
}

static void
test_grid_compare_sees_through_a_pan(void **state)
{
	struct grid *a = calloc(2, sizeof(*a)), *b = a + 1;
	struct grid_change still, pan;

	(void)state;
	feed_fill(a, texture, 0);
	feed_fill(b, texture, 0);
	still = grid_compare(a, b);
	assert_true(still.raw == 0 && still.residual == 0);
	feed_fill(b, texture, 5);
	pan = grid_compare(a, b);
	assert_true(pan.raw > 10);
	assert_true(pan.residual == 0);
	free(a);
}

static void
test_grid_compare_of_other_sizes_is_the_largest_change(void **state)
{
	struct grid *a = calloc(2, sizeof(*a)), *b = a + 1;

	(void)state;
	feed_fill(a, texture, 0);
	*b = *a;
	b->h--;
	assert_true(grid_compare(a, b).raw == 48);
	free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grid_fill_means_the_boxes),
		cmocka_unit_test(test_grid_fill_of_ten_bits_is_that_of_eight),
		cmocka_unit_test(test_grid_fill_is_exact_for_every_width),
		cmocka_unit_test(test_grid_fill_takes_any_size),
		cmocka_unit_test(test_grid_fill_of_a_palette_is_refused),
		cmocka_unit_test(test_grid_compare_sees_through_a_pan),
		cmocka_unit_test(
		    test_grid_compare_of_other_sizes_is_the_largest_change),
	};

	return cmocka_run_group_tests_name("media_grid", tests, NULL, NULL);
}
