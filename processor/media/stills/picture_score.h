/*
 * picture_score.h - how well a picture would stand for its video, and why.
 */
#ifndef PROCESSOR_MEDIA_PICTURE_SCORE_H
#define PROCESSOR_MEDIA_PICTURE_SCORE_H

#include "processor/media/pass/analyser.h"

enum picture_part {
	/* parts of a weighted mean */
	PICTURE_SHARPNESS,
	PICTURE_CONTRAST,
	PICTURE_COLOUR,
	PICTURE_EXPOSURE,
	/* what it is multiplied by */
	PICTURE_VISIBLE, /* not black, not of one colour */
	PICTURE_CALM,	 /* not just cut, not in fast motion */
	PICTURE_SETTLED, /* not in a fade or another slow transition */
	/* what is added */
	PICTURE_FACE,
	PICTURE_PARTS
};

/* Each 0..1; NAN is unknown and changes nothing. */
struct picture_score {
	double part[PICTURE_PARTS];
};

/* From the picture alone; @change: grid_change.raw. */
struct picture_score picture_score(const struct grid *g, double change);
/* With what the whole file has shown about @time. */
void picture_score_review(struct picture_score *s, const struct findings *f,
			  double time);
/* 0..1 */
double picture_score_total(const struct picture_score *s);
/* The members "score" and "components". */
void picture_score_write(struct buf *json, const struct picture_score *s);

#endif
