/*
 * dictation.h - from sound to words: finds where somebody speaks and gives
 * that to the recogniser, which must have been loaded.
 */
#ifndef PROCESSOR_MEDIA_DICTATION_H
#define PROCESSOR_MEDIA_DICTATION_H

#include "processor/media/pass/analyser.h"
#include "processor/media/speech/transcript.h"

struct dictation;

/* NULL: out of memory. */
struct dictation *dictation_new(void);
void dictation_free(struct dictation *d);
/* 0, or -1 after job_fail(). All blocks have the same rate and channels. */
int MUST_CHECK dictation_hear(struct dictation *d, struct job *job,
			      const struct audio_block *b);
/* Nothing follows. */
int MUST_CHECK dictation_end(struct dictation *d, struct job *job);

/* What was understood so far, with times of the file. */
const struct transcript *dictation_words(const struct dictation *d);
/* Seconds that are speech. */
double dictation_speech(const struct dictation *d);

#endif
