/*
 * media_spawn.h - starts one reelgate-media with exactly the descriptors of
 * media_protocol.h, an empty environment and nothing else of this process.
 *
 * The worker dies with the thread that started it (PR_SET_PDEATHSIG): that
 * thread must wait for it.
 */
#ifndef PROCESSOR_MEDIA_SPAWN_H
#define PROCESSOR_MEDIA_SPAWN_H

#include "base/slice.h"
#include "processor/input.h"
#include <sys/types.h>

struct media_child {
	pid_t pid;
	int pidfd;
	int results; /* frames come out here, non-blocking */
	int log;     /* and lines here */
};

/*
 * media_program_open - a descriptor to execute: the number in the environment
 * variable REELGATE_MEDIA_FD, or reelgate-media beside the running program.
 * Opened before anything drops a privilege that reaching it needs. -1 with one
 * line in err.
 */
int media_program_open(char err[512]);

/* 0, or -1 with errno. The caller reaps the process by pidfd, then
 * media_child_close(). */
int MUST_CHECK media_spawn(struct media_child *c, int program,
			   struct slice request, const struct input *in,
			   int out_dir);
void media_child_close(struct media_child *c);

#endif
