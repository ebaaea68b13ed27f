/*
 * admin.h - what the commands of `reelgate admin` on a store share. Threads:
 * one.
 */
#ifndef TOOLS_ADMIN_H
#define TOOLS_ADMIN_H

#include "base/buf.h"

/* In a backup's folder: what it is. Whoever has none is no backup. */
#define BACKUP_MANIFEST "backup.json"

/* One line that is written over and over, on a terminal only (stderr). It is
 * the ctx of those that store/care.h calls back. */
struct progress {
	bool shown;
	int64_t shown_us;
};
void progress_show(void *progress, const char *what, uint64_t done,
		   uint64_t of);
/* A complaint about what is damaged. */
void progress_damage(void *progress, const char *line);
/* Before anything else is printed. */
void progress_clear(struct progress *p);

/* What a connection to the gateway's admin socket failed with (errno), as a
 * complaint and its status. */
int admin_no_gateway(const char *data);

/* DIR/NAME, or EX_USAGE with a complaint when that is too long. GO_ON. */
int MUST_CHECK admin_path(const char *dir, const char *name, char *out,
			  size_t size);
/*
 * The small files beside the store: accounts and, where asked, credentials.
 * One that is absent is passed over, so is one that @keep finds in @to.
 * GO_ON, or a status after a complaint.
 */
int MUST_CHECK admin_copy_files(const char *from, const char *to,
				bool credentials, bool keep);

/*
 * admin_give_back - run as root, gives index, blobs, accounts and credentials
 * below @data to whom that directory belongs, who could not use them else.
 * EX_OK, or a status after a complaint.
 */
int MUST_CHECK admin_give_back(const char *data);

#endif
