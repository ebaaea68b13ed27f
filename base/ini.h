/*
 * ini.h - files of lines "NAME = value".
 *
 * Blanks around name and value are dropped; a value is all the rest of its
 * line, so passwords may hold '#', ';', '=' and quotes. Empty lines, comments
 * (a line beginning with '#' or ';') and "[section]" lines are skipped.
 * Anything else is an error that names the line. Lines have any length.
 * Threads: any.
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/slice.h"

/* One row; -1 ends the reading, and @row has written its own err. */
typedef int (*ini_row)(void *ctx, struct slice name, struct slice value);

/* 0, or -1 with one line for the user in err. At most 1 MiB of file. */
int MUST_CHECK ini_read(const char *path, ini_row row, void *ctx, char *err,
			size_t err_n);

#endif
