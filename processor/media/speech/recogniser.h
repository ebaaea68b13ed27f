/*
 * recogniser.h - speech to words by pocketsphinx, where it and its American
 * English model are installed. A process has one; it is loaded while there are
 * paths, and needs none afterwards.
 *
 * The library is opened at run time and only when asked for: no other job pays
 * for it, in time or in code that could be attacked.
 */
#ifndef PROCESSOR_MEDIA_RECOGNISER_H
#define PROCESSOR_MEDIA_RECOGNISER_H

#include "base/banned.h"

#include <stdint.h>

#define RECOGNISER_RATE 16000
#define RECOGNISER_LANGUAGE "en-US"

struct recognised {
	const char *word;  /* lower case; valid during the call */
	double start, end; /* seconds from the beginning of the utterance */
	double confidence; /* 0..1, of the recogniser itself */
};

/* NULL, or why there is none; recognition then fails. */
const char *recogniser_load(void);
void recogniser_unload(void);

/* An utterance: begin, hear (mono, RECOGNISER_RATE) as often as needed, end,
 * which tells its words in order. 0 or -1. */
int MUST_CHECK recogniser_begin(void);
int MUST_CHECK recogniser_hear(const int16_t *samples, size_t n);
int MUST_CHECK recogniser_end(void (*tell)(void *arg,
					   const struct recognised *word),
			      void *arg);

#endif
