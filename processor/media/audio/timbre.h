/*
 * timbre.h - what the spectrum of a piece of sound is like and how it follows
 * the pieces before.
 */
#ifndef PROCESSOR_MEDIA_TIMBRE_H
#define PROCESSOR_MEDIA_TIMBRE_H

#define TIMBRE_SAMPLES 512 /* of 8 kHz in a piece */
#define TIMBRE_HOP 256	   /* from one to the next */

struct timbre_frame {
	float flatness; /* 1: noise, 0: a tone */
	float steady;	/* share of the spectral peaks that stood still */
	float change;	/* of the spectrum in two hops, 0..1 */
	int top;	/* the strongest place of the spectrum */
};

struct timbre;

/* NULL: out of memory. */
struct timbre *timbre_new(void);
void timbre_free(struct timbre *t);
/* The next piece; NULL: it was silent. */
struct timbre_frame timbre_next(struct timbre *t, const float *samples);

#endif
