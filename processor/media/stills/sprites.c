/*
 * Tiles are kept as the encoder wants them (4:2:0), so a sheet is written
 * without another conversion.
 */
#include "processor/media/stills/sprites.h"
#include "processor/media/stills/still.h"
#include "processor/media/stills/ycc.h"

#include <libavutil/imgutils.h>

struct sprite
sprites_place(const struct sprites *s, int tile)
{
	int at = tile % SPRITE_TILES;

	return (struct sprite){ .sheet = tile / SPRITE_TILES,
				.x = at % SPRITE_SIDE * s->tile.w,
				.y = at / SPRITE_SIDE * s->tile.h };
}

int
sprites_sheets(const struct sprites *s)
{
	return (s->n + SPRITE_TILES - 1) / SPRITE_TILES;
}

struct picture_size
sprites_size(const struct sprites *s, int sheet)
{
	int tiles = s->n - sheet * SPRITE_TILES;
	int rows = (tiles + SPRITE_SIDE - 1) / SPRITE_SIDE;
	int columns = tiles < SPRITE_SIDE ? tiles : SPRITE_SIDE;

	return (struct picture_size){
		columns * s->tile.w,
		(rows < SPRITE_SIDE ? rows : SPRITE_SIDE) * s->tile.h
	};
}

/* Copies a tile between frames, at places of either. */
static void
copy_tile(const struct sprites *s, AVFrame *dst, struct sprite to,
	  const AVFrame *src, struct sprite from)
{
	for (int i = 0; i < 3; i++) {
		int sub = i > 0; /* 4:2:0 */

		av_image_copy_plane(
		    dst->data[i] + (to.y >> sub) * dst->linesize[i] +
			(to.x >> sub),
		    dst->linesize[i],
		    src->data[i] + (from.y >> sub) * src->linesize[i] +
			(from.x >> sub),
		    src->linesize[i], s->tile.w >> sub, s->tile.h >> sub);
	}
}

static AVFrame *
new_sheet(const struct sprites *s)
{
	struct picture_size size = { SPRITE_SIDE * s->tile.w,
				     SPRITE_SIDE * s->tile.h };
	AVFrame *f = picture_frame(still_pixels(STILL_SPRITE), size);

	/* Black, for the places that stay empty. */
	for (int i = 0; f && i < 3; i++)
		memset(f->data[i], i ? 128 : 0,
		       (size_t)f->linesize[i] * (size_t)(f->height >> (i > 0)));
	return f;
}

/* The sheet of the next tile; NULL after job_fail(). */
static AVFrame *
next_sheet(struct sprites *s)
{
	AVFrame **sheet = &s->sheets[s->n / SPRITE_TILES];

	if (!*sheet)
		*sheet = new_sheet(s);
	if (!*sheet)
		job_fail(s->job, MEDIA_LIMIT, "out of memory");
	return *sheet;
}

int
sprites_repeat(struct sprites *s)
{
	struct sprite last = sprites_place(s, s->n - 1);
	AVFrame *sheet = next_sheet(s);

	if (!sheet)
		return -1;
	copy_tile(s, sheet, sprites_place(s, s->n), s->sheets[last.sheet],
		  last);
	s->n++;
	return 0;
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* Chroma has half as many; a last odd row or column is cut off. */
static int
even(int n)
{
	return n > 2 ? n & ~1 : 2;
}

int
sprites_add(struct sprites *s, const AVFrame *rgb)
{
	struct sprite place;
	AVFrame *sheet;

	if (s->n == 0)
		s->tile = (struct picture_size){ even(rgb->width),
						 even(rgb->height) };
	sheet = next_sheet(s);
	if (!sheet)
		return -1;
	place = sprites_place(s, s->n);
	ycc_from_rgb(sheet, place.x, place.y, rgb, least(rgb->width, s->tile.w),
		     least(rgb->height, s->tile.h));
	s->n++;
	return 0;
}

void
sprites_thin(struct sprites *s)
{
	for (int i = 2; i < s->n; i += 2) {
		struct sprite from = sprites_place(s, i);
		struct sprite to = sprites_place(s, i / 2);

		copy_tile(s, s->sheets[to.sheet], to, s->sheets[from.sheet],
			  from);
	}
	s->n = (s->n + 1) / 2;
}

int
sprites_write(struct sprites *s, const struct outputs *out, const char *prefix)
{
	int rc = 0;

	for (int i = 0; i < sprites_sheets(s) && rc == 0; i++) {
		struct picture_size size = sprites_size(s, i);
		AVFrame *part = av_frame_clone(s->sheets[i]);
		char name[OUTPUT_NAME_MAX];

		if (!part)
			return job_fail(s->job, MEDIA_LIMIT, "out of memory");
		part->width = size.w;
		part->height = size.h;
		snprintf(name, sizeof(name), "%s-%d.jpg", prefix, i + 1);
		rc = still_write(s->job, part, STILL_SPRITE,
				 output_named(out, name), prefix);
		av_frame_free(&part);
	}
	return rc;
}

void
sprites_release(struct sprites *s)
{
	for (int i = 0; i < SPRITES_MAX; i++)
		av_frame_free(&s->sheets[i]);
	*s = (struct sprites){ 0 };
}
