/*
 * admin.h - what the commands of `reelgate admin` share. Threads: one.
 */
#ifndef TOOLS_ADMIN_H
#define TOOLS_ADMIN_H

#include "base/buf.h"
#include "base/json.h"

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

/* Keys hold any byte but NUL: control characters, which a terminal obeys, and
 * the backslash are printed as \xNN. */
void admin_print_text(struct slice s);

/* That what was printed is about a journal (REELGATE_BACKEND=s3), which has no
 * objects. */
void admin_print_journal(void);
/* Whether the backup in @dir is one of a journal. */
bool admin_is_journal_backup(const char *dir);
/* Whether the settings make a journal of the store in @data. */
bool admin_is_journal(const char *config, const char *data);

/* What a connection to the gateway's admin socket failed with (errno), as a
 * complaint and its status. */
int admin_no_gateway(const char *data);
/*
 * admin_ask - sends @request, a JSON object, as a line to the gateway on @data
 * (gateway/admin.h), and releases it. EX_OK with the answer, for
 * cJSON_Delete(), or a status after a complaint: there was none within
 * @timeout_s, or it was an error. Both lines are wiped: they may hold secrets.
 */
int MUST_CHECK admin_ask(const char *data, struct buf *request, int timeout_s,
			 cJSON **answer);
/* A text of the answer, "-" where there is none. */
const char *admin_text(const cJSON *answer, const char *name);

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
