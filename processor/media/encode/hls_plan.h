/*
 * hls_plan.h - what can be packaged as it is, and where segments begin. Of a
 * video that is copied they begin at its own IDRs, which a look at all of its
 * packets finds; else each four seconds. Sound follows the pictures.
 */
#ifndef PROCESSOR_MEDIA_HLS_PLAN_H
#define PROCESSOR_MEDIA_HLS_PLAN_H

#include "processor/media/input/source.h"

#define HLS_AIM 4.0 /* seconds of a segment */
#define HLS_MIN 2.0
#define HLS_MAX 6.0
#define HLS_RUNGS_MAX 5

struct hls_plan {
	bool copy_video;
	bool copy_audio;
	/* times at which segments begin, but the first; of a copied video */
	double *bounds;
	size_t n_bounds;
	/* shorter sides of the renditions, the largest first; the first one of
	 * a copied video is its own */
	int sides[HLS_RUNGS_MAX];
	size_t n_sides;
};

/* Reads the packets and goes back to the start. 0 or -1; release in any
 * case. */
int MUST_CHECK hls_plan_make(struct job *job, struct source *src,
			     struct hls_plan *plan);
void hls_plan_release(struct hls_plan *plan);
/* The next beginning of a segment behind @t. */
double hls_plan_next(const struct hls_plan *plan, double t);
/* The sides for a picture of this one: none larger, in steps. */
void hls_ladder(struct hls_plan *plan, int side, bool copied);

#endif
