/*
 * Synthetic pictures and sound for the analysers, without any file.
 */
#ifndef TESTS_UNIT_MEDIA_FEED_H
#define TESTS_UNIT_MEDIA_FEED_H

#include "base/json.h"
#include "processor/media/pass/analyser.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FEED_W 64
#define FEED_H 36
#define FEED_FPS 25

/* The luma of cell (x, y). */
typedef uint8_t feed_picture(int x, int y, int64_t n);

static inline void
feed_fill(struct grid *g, feed_picture *picture, int64_t n)
{
	*g = (struct grid){ .w = FEED_W, .h = FEED_H };
	for (int y = 0; y < FEED_H; y++)
		for (int x = 0; x < FEED_W; x++)
			g->y[y * FEED_W + x] = picture(x, y, n);
	grid_measure(g);
}

/* Shows pictures from..to-1; the ones before must have been shown. */
static inline void
feed_video(const struct analyser *type, void *self, feed_picture *picture,
	   int64_t from, int64_t to)
{
	static struct grid before, now;
	struct job job = { 0 };

	for (int64_t n = from; n < to; n++) {
		struct video_frame f = { .number = n,
					 .time = (double)n / FEED_FPS,
					 .grid = &now };

		feed_fill(&now, picture, n);
		if (n > 0)
			f.change = grid_compare(&before, &now);
		assert_int_equal(type->on_video(self, &job, &f), 0);
		before = now;
	}
}

/* The sample at @t seconds. */
typedef double feed_sound(double t);

/* @level times @make, on both channels, from..to seconds, in uneven blocks. */
static inline void
feed_made(const struct analyser *type, void *self, int rate, feed_sound *make,
	  double level, double from, double to)
{
	enum { BLOCK = 1000 };
	static float samples[2 * BLOCK];
	struct job job = { 0 };
	long at = lround(from * rate), end = lround(to * rate);

	while (at < end) {
		struct audio_block b = { .time = (double)at / rate,
					 .rate = rate,
					 .channels = 2,
					 .n = end - at < BLOCK ? (int)(end - at)
							       : BLOCK,
					 .samples = samples };

		for (int i = 0; i < b.n; i++)
			samples[2 * i] = samples[2 * i + 1] =
			    (float)(level * make((double)(at + i) / rate));
		assert_int_equal(type->on_audio(self, &job, &b), 0);
		at += b.n;
	}
}

static inline double
feed_sine(double t)
{
	return sin(2 * M_PI * 1000 * t);
}

/* A tone of amplitude @level from..to seconds. */
static inline void
feed_tone(const struct analyser *type, void *self, double level, double from,
	  double to)
{
	feed_made(type, self, 48000, feed_sine, level, from, to);
}

/* The analyser's end: its findings in *a, its members as JSON. */
static inline cJSON *
feed_finish(const struct analyser *type, void *self, struct analysis *a)
{
	static struct job job;
	struct buf text = BUF_INIT;
	cJSON *doc;

	a->job = &job;
	a->json = &text;
	json_open_object(&text, NULL);
	assert_int_equal(type->finish(self, a), 0);
	json_close_object(&text);
	type->free(self);
	assert_true(buf_ok(&text));
	doc = json_parse(buf_slice(&text));
	assert_non_null(doc);
	buf_release(&text);
	return doc;
}

#endif
