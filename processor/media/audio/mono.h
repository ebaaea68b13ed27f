/*
 * mono.h - sound of any rate as one channel of a low one. 8 kHz are enough
 * for pitch, for syllables and for telling speech from music, and cheap.
 */
#ifndef PROCESSOR_MEDIA_MONO_H
#define PROCESSOR_MEDIA_MONO_H

#include <stdint.h>

#define MONO_RATE 8000
#define MONO_PHASES 64

struct mono {
	int rate;	/* of the input */
	int to;		/* of what comes out */
	int taps;	/* per phase, a multiple of four */
	float *filter;	/* taps of each phase */
	float *history; /* input not yet done with */
	int n;		/* samples in it */
	int64_t start;	/* position in the input of the first of them */
	int64_t made;	/* samples given out */
};

/* 0 or -1: out of memory. Close in any case. */
int MUST_CHECK mono_open(struct mono *m, int rate, int to);
void mono_close(struct mono *m);
/*
 * @n samples of @channels, interleaved; NULL: of silence. What comes out goes
 * to @emit, one call per sample. Sample i stands for the input's i * rate /
 * to; the last half millisecond (more at low rates) never comes out.
 */
void mono_feed(struct mono *m, const float *samples, int64_t n, int channels,
	       void (*emit)(void *arg, float sample), void *arg);
/* Whole seconds of silence at once, after at least one that was fed: nothing
 * is given out, though @to samples of silence per second are due. */
void mono_skip(struct mono *m, int64_t seconds);

#endif
