/*
 * probe_put.h - members of the probe document, each left out when it is not
 * known. Texts are the uploader's: their number and length are bounded, and
 * buf's JSON writer replaces what is no UTF-8.
 */
#ifndef PROCESSOR_MEDIA_PROBE_PUT_H
#define PROCESSOR_MEDIA_PROBE_PUT_H

#include "base/json_write.h"

#include <libavutil/dict.h>
#include <libavutil/rational.h>

/* Of a time stamp. */
void probe_put_seconds(struct buf *b, const char *name, int64_t t,
		       AVRational base);
void probe_put_ticks(struct buf *b, const char *name, int64_t t);
void probe_put_positive(struct buf *b, const char *name, int64_t v);
/* "num" @sep "den" of a positive ratio. */
void probe_put_ratio(struct buf *b, const char *name, AVRational q, char sep);
/* NULL and libav's own words for "don't know" are left out. */
void probe_put_known(struct buf *b, const char *name, const char *v);
void probe_put_tags(struct buf *b, const AVDictionary *tags);

#endif
