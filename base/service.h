/*
 * service.h - the beginning and the end that all services have in common.
 *
 * main() parses its options, calls service_begin() before any thread starts,
 * starts what it consists of, and waits with service_wait(). What prevents
 * the start is said in one line and ends with status 78 (EX_CONFIG), which
 * `reelgate up` takes as final.
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include "base/slice.h"

/*
 * The umask, the log, the digests, and SIGTERM and SIGINT blocked: they are
 * taken by service_wait() alone, every thread inherits the mask. @name must
 * outlive the process. GO_ON of base/options.h, or the status to end with.
 */
int MUST_CHECK service_begin(const char *name);
/* Until SIGTERM or SIGINT; logs which. */
void service_wait(void);
/* Whether another of them has come since. */
bool service_hurried(void);
/* Prints "NAME: err"; the status to end with. Called when all threads have
 * ended, so that it is the last line a user reads. */
int service_refused(const char *err);

#endif
