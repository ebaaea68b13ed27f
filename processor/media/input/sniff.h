/*
 * sniff.h - which demuxer may read the input, decided by its first bytes and
 * never by a name. libmagic has a say too: it knows texts, programs and
 * pictures that merely begin like a media file.
 */
#ifndef PROCESSOR_MEDIA_SNIFF_H
#define PROCESSOR_MEDIA_SNIFF_H

#include "base/slice.h"

#define SNIFF_BYTES (64 << 10)

/* Loads the magic database: before the sandbox closes. Without a database
 * the signatures decide alone. */
void sniff_load(void);
/* The name of libav's demuxer, or NULL. */
const char *sniff_format(struct slice head);
/* What libmagic calls it, for messages; NULL without a database. */
const char *sniff_mime(struct slice head);

#endif
