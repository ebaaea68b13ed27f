/*
 * storyboard.h - what is on the screen every so many seconds, as sprites with
 * an index for players (WebVTT) and for programs (JSON).
 *
 * Tile n is the picture shown at n x interval. The interval follows from the
 * duration that the file claims; when there is more of it than fits, every
 * second tile is dropped and the interval doubled.
 */
#ifndef PROCESSOR_MEDIA_STORYBOARD_H
#define PROCESSOR_MEDIA_STORYBOARD_H

#include "processor/media/stills/sprites.h"

#define TILE_SIDE 320 /* neither wider nor higher */

struct storyboard {
	struct picture_maker maker;
	struct sprites sprites;
	double interval; /* seconds */
	AVFrame *shown;	 /* the last picture */
	bool drawn;	 /* the last tile shows it */
};

/* Seconds between tiles for a file of @duration; 0: unknown. */
double storyboard_interval(double duration);
/* NULL: out of memory. */
struct storyboard *storyboard_new(const struct source *src);
/* A picture at @time, which never falls. 0 or -1. */
int MUST_CHECK storyboard_show(struct storyboard *sb, struct job *job,
			       const AVFrame *frame, double time);
/* Tiles up to @end, the files, and the member "storyboard": null when no
 * picture was shown. 0 or -1. */
int MUST_CHECK storyboard_finish(struct storyboard *sb, struct job *job,
				 struct outputs *out, double end,
				 struct buf *json);
void storyboard_free(struct storyboard *sb);

/* The files it may leave, for a kind's name_outputs(). */
int MUST_CHECK storyboard_outputs(struct job *job, struct outputs *out);

#endif
