/*
 * outputs.h - the files a job may write. Its kind names them all, so they are
 * created in the output directory before the sandbox closes; afterwards the
 * worker only knows descriptors. Those that were not needed stay empty, and
 * no result names them.
 */
#ifndef PROCESSOR_MEDIA_OUTPUTS_H
#define PROCESSOR_MEDIA_OUTPUTS_H

#include "processor/media/job.h"

#define OUTPUT_NAME_MAX (MEDIA_ID_MAX + 16)

struct output {
	char name[OUTPUT_NAME_MAX];
	int fd;
	const char *role; /* of a file of the result; NULL: not written */
};

struct outputs {
	struct output *list;
	size_t n;
};

/* For a kind's name_outputs(): one more. 0 or -1. */
int MUST_CHECK outputs_add(struct job *job, struct outputs *out,
			   const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Creates all of them and gives up the directory. */
int MUST_CHECK outputs_create(struct job *job, struct outputs *out);
void outputs_close(struct outputs *out);
/* NULL: the kind has not named it. */
struct output *output_named(const struct outputs *out, const char *name);
/* Replaces the whole content. 0 or -1. */
int MUST_CHECK output_write(struct job *job, const struct output *out,
			    const void *data, size_t n);
/* It is written and belongs to the result, as @role: a static name. */
void output_keep(struct output *out, const char *role);
/* The member "files" of a result: what was kept. */
void outputs_list(struct buf *json, const struct outputs *out);

#endif
