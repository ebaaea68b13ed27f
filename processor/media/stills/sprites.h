/*
 * sprites.h - many small pictures of one size in a few large ones: sheets of
 * 10 x 10 tiles, row by row, at most ten sheets.
 */
#ifndef PROCESSOR_MEDIA_SPRITES_H
#define PROCESSOR_MEDIA_SPRITES_H

#include "processor/media/outputs.h"
#include "processor/media/stills/picture.h"

#define SPRITE_SIDE 10 /* tiles */
#define SPRITE_TILES (SPRITE_SIDE * SPRITE_SIDE)
#define SPRITES_MAX 10
#define TILES_MAX (SPRITES_MAX * SPRITE_TILES)

/* {0} and the job to begin with. */
struct sprites {
	struct job *job;
	struct picture_size tile; /* that of the first picture, made even */
	AVFrame *sheets[SPRITES_MAX];
	int n; /* tiles */
};

struct sprite {
	int sheet; /* from 0 */
	int x, y;  /* pixels */
};

/* One more tile; there must be room. A picture smaller than the first leaves
 * a rest, of a larger one a part is seen. 0 or -1. */
int MUST_CHECK sprites_add(struct sprites *s, const AVFrame *rgb);
/* The last one once more. */
int MUST_CHECK sprites_repeat(struct sprites *s);
/* Only every second tile stays, the first one too. */
void sprites_thin(struct sprites *s);
struct sprite sprites_place(const struct sprites *s, int tile);
int sprites_sheets(const struct sprites *s);
/* What of it is in use: the last one is shorter, a single row narrower. */
struct picture_size sprites_size(const struct sprites *s, int sheet);
/* As PREFIX-1.jpg and so on, with the prefix as role. 0 or -1. */
int MUST_CHECK sprites_write(struct sprites *s, const struct outputs *out,
			     const char *prefix);
void sprites_release(struct sprites *s);

#endif
