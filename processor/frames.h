/*
 * frames.h - the worker's result channel, read from its untrusted end: bytes
 * in, checked frames out (media_protocol.h). Threads: one at a time.
 */
#ifndef PROCESSOR_FRAMES_H
#define PROCESSOR_FRAMES_H

#include "base/buf.h"
#include "base/json.h"
#include "processor/media_protocol.h"

enum frame_type {
	FRAME_PROGRESS,
	FRAME_DEADLINE,
	FRAME_RESULT,
	FRAME_ERROR,
	FRAME_TYPES
};

/* What a worker may fail with, in the order of frames.c's table. */
enum frame_code {
	FRAME_UNSUPPORTED_MEDIA,
	FRAME_CORRUPT_MEDIA,
	FRAME_LIMIT_EXCEEDED,
	FRAME_INTERNAL
};

struct frames {
	struct buf pending; /* bytes of the frame that is not whole yet */
	bool seen[FRAME_TYPES];
	int percent;	      /* 0..100, never falls */
	double duration;      /* seconds, < 0: not told */
	cJSON *result;	      /* owned */
	enum frame_code code; /* of seen[FRAME_ERROR] */
	char message[200];    /* printable */
};

void frames_init(struct frames *f);
void frames_release(struct frames *f);
/*
 * frames_feed - 0, or -1 at the first byte that breaks the protocol: a length
 * of 0 or above MEDIA_FRAME_MAX, no JSON object, an unknown type or code, a
 * member missing or out of range, a second deadline, anything behind the last
 * frame.
 */
int MUST_CHECK frames_feed(struct frames *f, const void *p, size_t n);
/* A result or an error has come: the last word. */
bool frames_ended(const struct frames *f);
/* "unsupported_media" */
const char *frame_code_name(enum frame_code code);

#endif
