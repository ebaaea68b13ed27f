/*
 * timeval.h - instants and their spellings. An instant is an int64_t in
 * microseconds since 1970-01-01T00:00:00Z ("_us"); all spellings are UTC.
 * Threads: any.
 */
#ifndef BASE_TIMEVAL_H
#define BASE_TIMEVAL_H

#include "base/slice.h"

#include <pthread.h>

#define US_PER_S 1000000LL
#define TIME_TEXT_MAX 40 /* room for any spelling below, NUL included */

int64_t time_now_us(void);
/* Monotonic, for durations and deadlines only. */
int64_t time_mono_us(void);

/* A condition whose timed waits are by the clock of time_mono_us(). */
void time_cond_init(pthread_cond_t *c);
/* Waits on such a one, until then at most (INT64_MAX: without end); false: the
 * time is up. */
bool time_cond_wait(pthread_cond_t *c, pthread_mutex_t *mu, int64_t until_us);

/* 20130524T000000Z (SigV4 basic format) */
void time_format_amz(int64_t us, char out[TIME_TEXT_MAX]);
/* 2013-05-24T00:00:00.000Z (S3 XML, JSON, events) */
void time_format_iso(int64_t us, char out[TIME_TEXT_MAX]);
/* Fri, 24 May 2013 00:00:00 GMT (RFC 9110 5.6.7); read with "+0000" too, as
 * mail programs and some clients write it */
void time_format_http(int64_t us, char out[TIME_TEXT_MAX]);

/* 0, or -1 when s is not exactly of that form; *us untouched then. */
int time_parse_amz(struct slice s, int64_t *us);
int time_parse_http(struct slice s, int64_t *us);
/* With or without a fraction of a second, of which microseconds are kept. */
int time_parse_iso(struct slice s, int64_t *us);

#endif
