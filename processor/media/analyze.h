/*
 * analyze.h - the job "analyze": one decode pass, all analysers, one result.
 */
#ifndef PROCESSOR_MEDIA_ANALYZE_H
#define PROCESSOR_MEDIA_ANALYZE_H

#include "processor/media/outputs.h"

/* Raised whenever the same bytes may give another document. */
#define ANALYSIS_VERSION MEDIA_ANALYSIS_VERSION

/* Sends the result; 0, or -1 after job_fail(). */
int MUST_CHECK analyze_run(struct job *job, const struct outputs *out);

#endif
