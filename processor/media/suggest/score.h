/*
 * score.h - how engaging a stretch of time is likely to be, from what was
 * measured there: a weighted mean of components that can all be shown. Pure.
 */
#ifndef PROCESSOR_MEDIA_SCORE_H
#define PROCESSOR_MEDIA_SCORE_H

#include "processor/media/pass/analyser.h"

/* In the order of the table in score.c. */
enum component {
	SCORE_ENERGY, /* how loud */
	SCORE_MOTION, /* how much the picture changes */
	SCORE_PACE,   /* cuts */
	SCORE_RISE,   /* louder than what came before */
	SCORE_SOUND,  /* not silent */
	SCORE_SPEECH, /* somebody speaks */
	SCORE_COMPONENTS
};

struct score {
	double part[SCORE_COMPONENTS]; /* 0..1, NAN: not known */
	double loudness;	       /* LUFS, mean; NAN */
	double motion;		       /* as measured, mean; NAN */
	int cuts;
	double total; /* 0..1, over the known parts */
};

/* Of the seconds @from..@to of the file. */
struct score score_span(const struct findings *f, double from, double to);
/* Mean of the known values of from..to, NAN when there is none. */
double score_mean(const double *series, size_t n, double from, double to);
/* The greatest of the known values of from..to, NAN when there is none. */
double score_most(const double *series, size_t n, double from, double to);
/* Member "components": every part by name, unknown as null. */
void score_write_parts(struct buf *b, const struct score *s);
/* Member "reasons": a phrase for each part that stands out. */
void score_write_reasons(struct buf *b, const struct score *s);
/* The same phrases, joined: "loud (-12.3 LUFS), 3 cuts". */
void score_phrase(struct buf *text, const struct score *s);

#endif
