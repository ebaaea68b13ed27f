/*
 * transcript.h - words with times: as WebVTT, as JSON, and the words that say
 * what it is about. Pure.
 */
#ifndef PROCESSOR_MEDIA_TRANSCRIPT_H
#define PROCESSOR_MEDIA_TRANSCRIPT_H

#include "base/json_write.h"

#include <stdbool.h>

#define TRANSCRIPT_WORD_MAX 31
#define TRANSCRIPT_WORDS_MAX 500000u /* more than are said in a day */

struct transcript_word {
	double start, end; /* seconds */
	float confidence;  /* 0..1 */
	char text[TRANSCRIPT_WORD_MAX + 1];
};

struct transcript {
	struct transcript_word *words;
	size_t n, room;
	bool failed; /* out of memory */
};

/* Words come in order of time; those beyond the bounds are dropped. */
void transcript_add(struct transcript *t, const struct transcript_word *word);
void transcript_release(struct transcript *t);

/* W3C WebVTT: cues of up to two lines and six seconds. @note: a comment. */
void transcript_write_vtt(struct buf *b, const struct transcript *t,
			  const char *note);
/* "words":[{"word","start","end","confidence"}] */
void transcript_write_words(struct buf *b, const struct transcript *t);
/* "keywords":[{"word","count","confidence"}], at most 20: what is said often
 * and surely and carries a meaning (English). 0, or -1: out of memory. */
int MUST_CHECK transcript_write_keywords(struct buf *b,
					 const struct transcript *t);

#endif
