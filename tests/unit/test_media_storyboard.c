/*
 * The storyboard's tiles over long times, and how they lie on the sheets.
 */
#include "processor/media/stills/storyboard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* A picture of one grey. */
static AVFrame *
grey(int w, int h, int level)
{
	AVFrame *f =
	    picture_frame(AV_PIX_FMT_GRAY8, (struct picture_size){ w, h });

	f->color_range = AVCOL_RANGE_JPEG;
	memset(f->data[0], level, (size_t)f->linesize[0] * (size_t)h);
	return f;
}

static int
level_of(const struct sprites *s, int tile)
{
	struct sprite at = sprites_place(s, tile);

	return s->sheets[at.sheet]
	    ->data[0]
		  [(at.y + s->tile.h / 2) * s->sheets[at.sheet]->linesize[0] +
		   at.x + s->tile.w / 2];
}

struct made {
	AVFormatContext *fmt;
	struct source src;
	struct job job;
	struct storyboard *sb;
};

/* A storyboard for a file that claims @duration. */
static void
make(struct made *m, double duration)
{
	*m = (struct made){ .fmt = avformat_alloc_context() };
	m->src.fmt = m->fmt;
	m->src.video = avformat_new_stream(m->fmt, NULL);
	m->src.duration = duration;
	m->sb = storyboard_new(&m->src);
}

static void
unmake(struct made *m)
{
	storyboard_free(m->sb);
	avformat_free_context(m->fmt);
}

/* Pictures of level (time / @step) % 250 every @step seconds up to @end. */
static void
show(struct made *m, double step, double end)
{
	for (int i = 0; i * step < end; i++) {
		AVFrame *f = grey(16, 16, i % 250);

		assert_int_equal(storyboard_show(m->sb, &m->job, f, i * step),
				 0);
		av_frame_free(&f);
	}
}

static void
test_storyboard_interval_fills_no_more_than_ten_sprites(void **state)
{
	static const struct {
		double duration, interval;
	} rows[] = { { 0, 1 },	    { 29, 1 },	   { 42, 2 },
		     { 500, 5 },    { 501, 10 },   { 3600, 10 },
		     { 10000, 10 }, { 10001, 20 }, { 60001, 120 },
		     { 86400, 120 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(storyboard_interval(rows[i].duration) ==
			    rows[i].interval);
	for (double d = 1; d <= SOURCE_SECONDS_MAX; d *= 1.01)
		assert_true(d / storyboard_interval(d) <= TILES_MAX);
}

/* A file that says nothing and lasts 2500 s: 1 s becomes 2, then 4. */
static void
test_storyboard_doubles_the_interval_when_full(void **state)
{
	struct made m;

	(void)state;
	make(&m, 0);
	show(&m, 1, 2500);
	assert_true(m.sb->interval == 4);
	assert_int_equal(m.sb->sprites.n, 625);
	for (int i = 0; i < 625; i++)
		assert_in_range(level_of(&m.sb->sprites, i) + 1, 4 * i % 250,
				4 * i % 250 + 2);
	unmake(&m);
}

/* Nothing changes for a day after the first picture. */
static void
test_storyboard_repeats_a_picture_that_stays(void **state)
{
	struct made m;
	AVFrame *f = grey(16, 16, 77);

	(void)state;
	make(&m, 0);
	assert_int_equal(storyboard_show(m.sb, &m.job, f, 5), 0);
	assert_int_equal(storyboard_show(m.sb, &m.job, f, 86400), 0);
	assert_true(m.sb->interval == 128);
	assert_int_equal(m.sb->sprites.n, 675);
	for (int i = 0; i < 675; i++)
		assert_in_range(level_of(&m.sb->sprites, i), 76, 78);
	av_frame_free(&f);
	unmake(&m);
}

static void
test_sprites_lie_row_by_row_on_sheets_of_a_hundred(void **state)
{
	struct made m;
	struct sprite at;
	struct picture_size size;

	(void)state;
	make(&m, 1000); /* a tile every ten seconds */
	show(&m, 5, 1236);
	assert_int_equal(m.sb->sprites.n, 124);
	assert_int_equal(sprites_sheets(&m.sb->sprites), 2);
	at = sprites_place(&m.sb->sprites, 99);
	assert_int_equal(at.sheet, 0);
	assert_int_equal(at.x, 9 * 16);
	assert_int_equal(at.y, 9 * 16);
	at = sprites_place(&m.sb->sprites, 113);
	assert_int_equal(at.sheet, 1);
	assert_int_equal(at.x, 3 * 16);
	assert_int_equal(at.y, 1 * 16);
	size = sprites_size(&m.sb->sprites, 0);
	assert_int_equal(size.w, 160);
	assert_int_equal(size.h, 160);
	size = sprites_size(&m.sb->sprites, 1);
	assert_int_equal(size.w, 160);
	assert_int_equal(size.h, 3 * 16);
	unmake(&m);
}

/* The stream changes its size: tiles do not. */
static void
test_sprites_keep_the_size_of_the_first_picture(void **state)
{
	static const struct picture_size sizes[] = {
		{ 33, 17 }, { 640, 360 }, { 1, 1 }, { 8, 900 }
	};
	struct made m;

	(void)state;
	make(&m, 0);
	for (int i = 0; i < 40; i++) {
		AVFrame *f = grey(sizes[i % 4].w, sizes[i % 4].h, 200);

		assert_int_equal(storyboard_show(m.sb, &m.job, f, i), 0);
		av_frame_free(&f);
	}
	assert_int_equal(m.sb->sprites.tile.w, 32);
	assert_int_equal(m.sb->sprites.tile.h, 16);
	assert_in_range(level_of(&m.sb->sprites, 1), 199, 201);
	unmake(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_storyboard_interval_fills_no_more_than_ten_sprites),
		cmocka_unit_test(
		    test_storyboard_doubles_the_interval_when_full),
		cmocka_unit_test(test_storyboard_repeats_a_picture_that_stays),
		cmocka_unit_test(
		    test_sprites_lie_row_by_row_on_sheets_of_a_hundred),
		cmocka_unit_test(
		    test_sprites_keep_the_size_of_the_first_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
