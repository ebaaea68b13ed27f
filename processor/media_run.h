/*
 * media_run.h - the broker's side of one worker: start it, listen to it, keep
 * it to its deadline, and say how it ended. Nothing a worker says is believed
 * beyond the bounds of frames.h.
 */
#ifndef PROCESSOR_MEDIA_RUN_H
#define PROCESSOR_MEDIA_RUN_H

#include "processor/frames.h"
#include "processor/input.h"

enum media_end {
	MEDIA_DONE,	/* frames.result is the answer, exit status 0 */
	MEDIA_REFUSED,	/* frames.code says why */
	MEDIA_STOPPED,	/* *stop was set */
	MEDIA_TIMEOUT,	/* the deadline passed */
	MEDIA_POLICY,	/* SIGSYS: it tried what the sandbox forbids */
	MEDIA_LIMITS,	/* killed by a limit or by the kernel */
	MEDIA_CRASH,	/* any other signal or exit status */
	MEDIA_PROTOCOL, /* broke the protocol, or ended without a last word */
	MEDIA_NO_START
};

struct media_job {
	int program;	  /* media_program_open() */
	const char *kind; /* of media/kinds.c, also for the log */
	const char *id;	  /* of the job, for the log */
	/* The members of its own in the request, as a JSON object; NULL: none
	 */
	const char *members;
	const struct input *input;
	int out_dir;
	unsigned threads;
	uint64_t memory_bytes;
	unsigned cap_s;		 /* longest time, whatever the file claims */
	unsigned pace;		 /* times its duration it may take; 0: 3 */
	const _Atomic int *stop; /* non-zero: end it */
	int stop_fd;		 /* readable when *stop changes */
	_Atomic int *percent;	 /* told here while it runs */
};

/* Blocks until the worker is gone. End with frames_release(f). */
enum media_end media_run(const struct media_job *job, struct frames *f);

/* How an exit reads: @code of siginfo (CLD_EXITED, ..) and @status. */
enum media_end media_classify(int code, int status, const struct frames *f);
/* min(cap, max(60 s, pace x duration)); duration < 0 is unknown. */
unsigned media_deadline_s(unsigned cap_s, unsigned pace, double duration);
const char *media_end_name(enum media_end end);

#endif
