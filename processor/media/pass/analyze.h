/*
 * analyze.h - the job "analyze": one decode pass, all analysers, one result.
 */
#ifndef PROCESSOR_MEDIA_ANALYZE_H
#define PROCESSOR_MEDIA_ANALYZE_H

#include "processor/media/outputs.h"

/* Raised whenever the same bytes may give another document. */
#define ANALYSIS_VERSION MEDIA_ANALYSIS_VERSION

/* Of a media_kind (kinds.h). */
int MUST_CHECK analyze_outputs(struct job *job, struct outputs *out);
int MUST_CHECK analyze_run(struct job *job, struct outputs *out);

#endif
