/*
 * workdir.h - DATA/work: spool files and output directories of workers. What
 * is in it belongs to running jobs; after a crash it belongs to nobody.
 */
#ifndef PROCESSOR_WORKDIR_H
#define PROCESSOR_WORKDIR_H

/*
 * workdir_open - makes dir when absent, locks it against a second processor
 * on the same data, for which it waits up to 2 s, and empties it. A descriptor
 * that holds the lock, or -1 with one line in err.
 */
int workdir_open(const char *dir, char err[512]);
/* Removes a directory with all in it; what cannot be removed is logged. */
void workdir_remove(const char *dir);

#endif
