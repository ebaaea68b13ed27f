/*
 * input.h - the input as libav sees it: one seekable stream made of the
 * request's extents, read with pread. No name, no protocol, nothing else can
 * be opened through it.
 */
#ifndef PROCESSOR_MEDIA_INPUT_H
#define PROCESSOR_MEDIA_INPUT_H

#include "processor/media/job.h"

#include <libavformat/avio.h>

struct input {
	struct job *job;
	int64_t at;
};

/* Every descriptor of the input is there and cannot be
 * written to. 0 or -1 (job->code). */
int MUST_CHECK input_check(struct job *job);
/* The n bytes at @at, fewer only at the end; -1 with errno. */
ssize_t input_pread(const struct request *req, void *p, size_t n, int64_t at);
/* NULL on memory shortage. @in must outlive it; freed by input_close(). */
AVIOContext *input_open(struct input *in, struct job *job);
void input_close(AVIOContext **io);

#endif
