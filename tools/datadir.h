/*
 * datadir.h - the data directory, made ready by `reelgate up`: it exists, it
 * belongs to the user the services run as, that user can reach it, nobody
 * else uses it, and the credentials are in it. Threads: one.
 */
#ifndef TOOLS_DATADIR_H
#define TOOLS_DATADIR_H

#include "base/slice.h"

#include <limits.h>

#define SERVICE_USER "reelgate"

struct datadir {
	char path[PATH_MAX]; /* set by the caller, absolute */
	int lock;	     /* held by this process alone */
	int services;	     /* held by it and by every service it starts */
};

/*
 * datadir_open - makes d->path ready. Started by root, the whole process
 * becomes the user `reelgate` (made when absent) on the way: open before what
 * only root can reach. 0, or -1 with one line in err (512 bytes).
 * Waits up to 45 s for the services of an `up` that was killed.
 */
int MUST_CHECK datadir_open(struct datadir *d, char err[512]);
void datadir_close(struct datadir *d);

#endif
