/*
 * analysis.h - what may be said of a video's content, checked member by
 * member: the rows of engagement_segments and hooks, and the suggestions, in
 * the shapes of struct queue_outcome. Whoever says it - a media worker, a
 * service elsewhere - is not trusted. Threads: any.
 */
#ifndef QUEUE_ANALYSIS_H
#define QUEUE_ANALYSIS_H

#include "base/json_shape.h"

#define ANALYSIS_ROWS_MAX 5000
#define ANALYSIS_NAME_MAX 64

/* NULL is none of them. */
bool analysis_segments_ok(const cJSON *rows);
bool analysis_hooks_ok(const cJSON *rows);
bool analysis_suggestions_ok(const cJSON *suggestions);
/* The name or the role of a file, as video_files has it: [a-z0-9.-] without a
 * leading dot, 1..ANALYSIS_NAME_MAX bytes. */
bool analysis_name_ok(const char *name);

#endif
