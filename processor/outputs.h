/*
 * outputs.h - files a worker has left in its output directory, checked before
 * anybody else sees them: name, kind, size, and what they claim to be. Called
 * when the worker is dead, so that nothing changes between check and use.
 */
#ifndef PROCESSOR_OUTPUTS_H
#define PROCESSOR_OUTPUTS_H

#include "base/slice.h"

#define OUTPUT_PIXELS_MAX 16384 /* width and height */

/* In the order of outputs.c's table. */
enum output_kind {
	OUTPUT_JPEG,
	OUTPUT_WEBP,
	OUTPUT_MP4,
	OUTPUT_M3U8,
	OUTPUT_VTT,
	OUTPUT_JSON,
	OUTPUT_DAT,
	OUTPUT_KINDS /* unknown */
};

struct output {
	int fd; /* read-only, owned by the caller */
	uint64_t size;
	int width; /* JPEG only */
	int height;
};

/* By the extension of a name: OUTPUT_KINDS when it is none of ours. */
enum output_kind output_kind_of(const char *name);
/* "image/jpeg": types come from us, never from the worker. */
const char *output_content_type(enum output_kind kind);
/*
 * output_open - a regular file with one name, 1..size_max bytes, that is what
 * its kind says (output_checks.h). 0, or -1 with why in *why.
 */
int MUST_CHECK output_open(int dir, const char *name, enum output_kind kind,
			   uint64_t size_max, struct output *out,
			   const char **why);
void output_close(struct output *o);
#endif
