/*
 * folder.h - whole folders: whether one is empty, whose all of it is.
 * Threads: one.
 */
#ifndef TOOLS_FOLDER_H
#define TOOLS_FOLDER_H

#include "base/slice.h"

#include <sys/types.h>

/* Nothing lies there but what a file system puts there itself: 1, else 0; -1
 * with errno when that cannot be seen. */
int MUST_CHECK folder_is_empty(const char *path);
/* Gives it and all below it that is another user's, on its file system, to
 * this one. 0, or -1 with errno. */
int MUST_CHECK folder_give(const char *path, uid_t user, gid_t group);

#endif
