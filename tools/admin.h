/*
 * admin.h - what the long commands of `reelgate admin` share. Threads: one.
 */
#ifndef TOOLS_ADMIN_H
#define TOOLS_ADMIN_H

#include "base/slice.h"

/* In a backup's folder: what it is. Written last. */
#define BACKUP_MANIFEST "backup.json"

/* One line that is written over and over, on a terminal only (stderr). */
struct progress {
	bool shown;
	int64_t shown_us;
};
void progress_show(struct progress *p, const char *what, uint64_t done,
		   uint64_t of);
/* Before anything else is printed. */
void progress_clear(struct progress *p);

#endif
