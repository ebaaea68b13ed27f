/*
 * program.h - the programs that lie in the folder of this one.
 *
 * A program is opened before rights are dropped and executed by its
 * descriptor where its path is out of reach, so that `reelgate up` works from
 * a checkout below /root. Threads: one.
 */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include "base/slice.h"

#include <limits.h>

struct program {
	char path[PATH_MAX];
	int fd; /* close-on-exec */
};

/* 0, or -1 with one line in err (512 bytes). */
int MUST_CHECK program_open(struct program *p, const char *name, char err[512]);
void program_close(struct program *p);
/* Becomes the program; returns only when that failed, with errno. */
void program_exec(const struct program *p, char *const argv[]);

/* ---- programs of the system ---------------------------------------------- */

/*
 * Becomes argv[0] (a path) with an environment of nothing but PATH and
 * LC_ALL=C: no secret of ours reaches it. Returns only on failure.
 */
void system_exec(const char *const argv[]);
/*
 * system_run - runs argv[0] to its end with @input on its standard input;
 * what it prints is appended to @log (NULL: to where ours goes). 0 when it
 * ended with status 0, else -1.
 */
int MUST_CHECK system_run(const char *const argv[], struct slice input,
			  const char *log);

#endif
