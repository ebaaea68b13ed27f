/*
 * result.h - what a worker says of a file, checked member by member before it
 * goes into the database or the store: an unknown shape is refused as a whole,
 * so that a taken-over decoder can say something wrong, but nothing that
 * breaks a reader. Threads: any.
 */
#ifndef PROCESSOR_RESULT_H
#define PROCESSOR_RESULT_H

#include "base/json.h"

#define RESULT_THUMBS_MAX 8
#define RESULT_FILES_MAX 64

struct result_file {
	const char *role; /* "poster" */
	const char *file;
};

struct result_thumb {
	const char *file;
	double time;
	int width, height;
};

/* Views into the checked document. */
struct analysis {
	int64_t version;
	const cJSON *document; /* the whole of "analysis" */
	const cJSON *suggestions;
	const cJSON *segments;
	const cJSON *hooks;
	size_t scenes;
};

struct result {
	const cJSON *probe;
	double duration;   /* seconds, < 0: unknown */
	int width, height; /* as displayed, 0: no picture */
	struct result_file files[RESULT_FILES_MAX + 1]; /* one for the broker */
	size_t n_files;
	const char *poster; /* NULL: no picture; one of the files */
	struct result_thumb thumbs[RESULT_THUMBS_MAX];
	size_t n_thumbs;
	struct analysis analysis;
};

/* Its files alone, of any kind: out->files. The same answers. */
int MUST_CHECK result_check_files(const cJSON *frame, struct result *out,
				  const char **why);
/* The result frame of "analyze". 0, or -1 with the offending member in *why. */
int MUST_CHECK result_check(const cJSON *frame, struct result *out,
			    const char **why);
/* An analysis document by itself. */
int MUST_CHECK analysis_check(const cJSON *doc, struct analysis *out,
			      const char **why);

#endif
