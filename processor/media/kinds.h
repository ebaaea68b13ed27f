/*
 * kinds.h - what the worker can be asked for. A new kind is one file and one
 * row of kinds.c.
 */
#ifndef PROCESSOR_MEDIA_KINDS_H
#define PROCESSOR_MEDIA_KINDS_H

#include "base/json.h"
#include "processor/media/outputs.h"

struct media_kind {
	const char *name; /* the request's "job" */
	/* The members of its own, checked; -1 when one is not valid. */
	int (*read)(struct request *req, const cJSON *doc);
	/* The files it may leave, by outputs_add(), and what else it must open
	 * while there are paths; NULL: none. */
	int (*name_outputs)(struct job *job, struct outputs *out);
	/* Sends the result; 0, or -1 after job_fail(). */
	int (*run)(struct job *job, struct outputs *out);
};

/* NULL: there is none of this name. */
const struct media_kind *kind_named(const char *name);

#endif
