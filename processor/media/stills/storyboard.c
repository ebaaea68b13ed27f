/*
 * A picture is scaled only when it turns out to be a tile: when the next one
 * comes, and a multiple of the interval lies between. Until then a reference
 * is held.
 */
#include "processor/media/stills/storyboard.h"
#include "processor/media/stills/storyboard_index.h"

#include <math.h>

#define TICK 1e-4 /* seconds; rounding of a time base, never a frame */

/* Up to 500 s one sprite tells all; then a tile every ten seconds until ten
 * sprites are full. */
static const struct {
	double duration, interval; /* seconds */
} intervals[] = {
	{ 30, 1 },     { 200, 2 },    { 500, 5 },    { 10000, 10 },
	{ 20000, 20 }, { 30000, 30 }, { 60000, 60 },
};

double
storyboard_interval(double duration)
{
	for (size_t i = 0; i < ARRAY_LEN(intervals); i++)
		if (duration <= intervals[i].duration)
			return intervals[i].interval;
	return 120;
}

struct storyboard *
storyboard_new(const struct source *src)
{
	struct storyboard *sb = calloc(1, sizeof(*sb));

	if (!sb)
		return NULL;
	sb->maker = (struct picture_maker){ .src = src,
					    .st = src->video,
					    .most = { TILE_SIDE, TILE_SIDE } };
	sb->interval = storyboard_interval(src->duration);
	sb->shown = av_frame_alloc();
	if (!sb->shown) {
		free(sb);
		return NULL;
	}
	return sb;
}

static int
draw(struct storyboard *sb)
{
	AVFrame *rgb;
	int rc;

	if (sb->sprites.n == TILES_MAX) {
		sprites_thin(&sb->sprites);
		sb->interval *= 2;
		return 0; /* the next tile may lie further on now */
	}
	if (sb->drawn)
		return sprites_repeat(&sb->sprites);
	rc = picture_make(&sb->maker, sb->shown, &rgb);
	if (rc == 0)
		rc = sprites_add(&sb->sprites, rgb);
	av_frame_free(&rgb);
	sb->drawn = true;
	return rc;
}

/* The tiles before @time, all of the picture shown. */
static int
draw_until(struct storyboard *sb, double time)
{
	while (sb->sprites.n * sb->interval < time - TICK)
		if (draw(sb) != 0)
			return -1;
	return 0;
}

int
storyboard_show(struct storyboard *sb, struct job *job, const AVFrame *frame,
		double time)
{
	sb->maker.job = sb->sprites.job = job;
	/* What comes before the first picture is the first picture. */
	if (sb->shown->buf[0] && draw_until(sb, time) != 0)
		return -1;
	av_frame_unref(sb->shown);
	sb->drawn = false;
	if (av_frame_ref(sb->shown, frame) < 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	return 0;
}

int
storyboard_finish(struct storyboard *sb, struct job *job, struct outputs *out,
		  double end, struct buf *json)
{
	if (!sb->shown->buf[0]) {
		json_put_null(json, "storyboard");
		return 0;
	}
	/* Even a single picture without duration is a tile. */
	end = fmax(end, 2 * TICK);
	if (draw_until(sb, end) != 0 ||
	    sprites_write(&sb->sprites, out, STORYBOARD) != 0)
		return -1;
	return storyboard_index(sb, job, out, end, json);
}

void
storyboard_free(struct storyboard *sb)
{
	if (!sb)
		return;
	picture_release(&sb->maker);
	sprites_release(&sb->sprites);
	av_frame_free(&sb->shown);
	free(sb);
}

int
storyboard_outputs(struct job *job, struct outputs *out)
{
	for (int i = 1; i <= SPRITES_MAX; i++)
		if (outputs_add(job, out, STORYBOARD "-%d.jpg", i) != 0)
			return -1;
	if (outputs_add(job, out, STORYBOARD ".vtt") != 0)
		return -1;
	return outputs_add(job, out, STORYBOARD ".json");
}
