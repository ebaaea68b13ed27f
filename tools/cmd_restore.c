/*
 * reelgate admin restore, reelgate admin new-epoch - a backup becomes a store
 * again; a store that was brought back by other means is told so.
 */
#include "base/io.h"
#include "store/care.h"
#include "tools/admin.h"
#include "tools/command.h"
#include "tools/folder.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

struct restore {
	struct store_copies_conf conf;
	struct progress progress;
};

static void
print_store(const char *data, const struct store_identity *id)
{
	printf("%s: %llu objects of %llu bytes, events up to %llu, new epoch "
	       "%s\n",
	       data, (unsigned long long)id->objects,
	       (unsigned long long)id->bytes, (unsigned long long)id->last_seq,
	       id->epoch);
}

static bool
has(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) <
		   (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* Nothing is ever written over. */
static int
check_places(const struct restore *r)
{
	const char *from = r->conf.from, *to = r->conf.to;

	if (!has(from, BACKUP_MANIFEST) || !has(from, "index/data.mdb"))
		return complain(EX_NOINPUT, "%s holds no complete backup",
				from);
	if (!r->conf.index_only && !has(from, "blobs/f"))
		return complain(EX_USAGE,
				"%s was made with --index-only: restore it "
				"with --index-only, over the blobs that are "
				"left",
				from);
	if (has(to, "index/data.mdb"))
		return complain(EX_USAGE,
				"%s holds a store: move it (or its folder "
				"index) away, or give another directory",
				to);
	if (r->conf.index_only && !has(to, "blobs/f"))
		return complain(EX_USAGE,
				"%s holds no blobs: --index-only is for a "
				"store that lost its index alone",
				to);
	if (r->conf.index_only || access(to, F_OK) != 0 ||
	    folder_is_empty(to) == 1)
		return GO_ON;
	if (has(to, "blobs"))
		return complain(EX_USAGE,
				"%s holds blobs, maybe of an interrupted "
				"restore: move its folder blobs away",
				to);
	/* its services' files stay: the database, keys, logs */
	if (has(to, "credentials") || has(to, "postgres") || has(to, "run"))
		return GO_ON;
	return complain(EX_USAGE,
			"%s holds other things: give an empty directory, or a "
			"data directory without index and blobs",
			to);
}

static int
run(struct restore *r)
{
	struct store_copies_result result;
	char err[512];
	int rc, status = check_places(r);

	if (status != GO_ON)
		return status;
	if (io_mkdirs(r->conf.to, 0750) != 0)
		return complain(EX_CANTCREAT, "%s: %s", r->conf.to,
				strerror(errno));
	status = admin_copy_files(r->conf.from, r->conf.to, true, true);
	if (status != GO_ON)
		return status;
	rc = store_restore(&r->conf, &result, err);
	progress_clear(&r->progress);
	if (rc != 0)
		return complain(EX_IOERR, "%s", err);
	status = admin_give_back(r->conf.to);
	if (status != EX_OK)
		return status;
	print_store(r->conf.to, &result.identity);
	if (admin_is_journal_backup(r->conf.from))
		admin_print_journal();
	return result.damaged ? EXIT_FAILURE : EX_OK;
}

int
cmd_admin_restore(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	struct restore r = { .conf = { .damaged = progress_damage,
				       .progress = progress_show,
				       .ctx = &r.progress } };
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--from", "DIR", &r.conf.from, NULL, "the backup; required" },
		{ "--index-only", NULL, NULL, &r.conf.index_only,
		  "the index alone, for the blobs that are there" },
	};
	const struct command_line line = {
		.usage = "reelgate admin restore --from DIR [OPTIONS]",
		.about =
		    "Brings the backup in DIR back into a data directory that "
		    "is absent, empty, or has\nneither index nor blobs, and "
		    "begins a new epoch, by which the database tells its\n"
		    "further events from those it knows. Blobs are verified as "
		    "they are copied. After\nan interrupted restore no "
		    "gateway starts there: remove blobs and begin anew. See\n"
		    "docs/backup.md.\nEnds with status 1 when blobs were "
		    "damaged: all the others are restored.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = 1,
	};
	char dir[PATH_MAX];
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (!r.conf.from)
		return complain(EX_USAGE, "--from is missing (usage: %s)",
				line.usage);
	status = settings_data_dir(config, data, dir, sizeof(dir));
	if (status != GO_ON)
		return status;
	r.conf.to = dir;
	return run(&r);
}

int
cmd_admin_new_epoch(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	const struct option options[] = { OPTIONS_COMMON(config, data) };
	const struct command_line line = {
		.usage = "reelgate admin new-epoch [OPTIONS]",
		.about =
		    "Begins a new epoch of the store in a data directory that "
		    "was brought back to an\nearlier state by other means "
		    "than reelgate admin restore (a snapshot, rsync),\nwhile "
		    "no gateway runs on it. Without it the relay stops rather "
		    "than take new\nevents for old ones. See docs/backup.md.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = 1,
	};
	char dir[PATH_MAX], err[512];
	struct store_identity id;
	int n, status = options_parse(&line, argc, argv, &n);

	if (status == GO_ON)
		status = settings_data_dir(config, data, dir, sizeof(dir));
	if (status != GO_ON)
		return status;
	if (store_new_epoch(dir, &id, err) != 0)
		return complain(EXIT_FAILURE, "%s", err);
	status = admin_give_back(dir);
	if (status != EX_OK)
		return status;
	print_store(dir, &id);
	if (admin_is_journal(config, dir))
		admin_print_journal();
	return EX_OK;
}
