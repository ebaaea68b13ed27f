/*
 * reelgate admin fsck - checks a store that no gateway uses, or a backup. The
 * check runs in a child: LMDB may crash on a damaged page, and that is a
 * finding, not the end of this program.
 */
#include "base/buf.h"
#include "base/json_write.h"
#include "store/care.h"
#include "tools/admin.h"
#include "tools/command.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The statuses of fsck, and of no other command. */
#define FSCK_CLEAN 0
#define FSCK_FOUND 1
#define FSCK_FAILED 2
/* The child's, apart from those that a runtime ends a process with. */
#define CHILD_STATUS 40

struct fsck {
	struct store_fsck_conf conf;
	struct progress progress;
	bool json;
	bool journal; /* objects are elsewhere */
};

/* ---- findings ------------------------------------------------------------ */

static void
print_json(const struct store_finding *f)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "finding", f->kind);
	if (f->bucket.n)
		json_put_slice(&b, "bucket", f->bucket);
	if (f->key.n)
		json_put_slice(&b, "key", f->key);
	if (f->version_id)
		json_put_str(&b, "versionId", f->version_id);
	json_put_str(&b, "text", f->text);
	json_close_object(&b);
	if (buf_ok(&b))
		printf("%s\n", b.p);
	buf_release(&b);
}

static void
print_finding(void *ctx, const struct store_finding *f)
{
	struct fsck *k = ctx;

	progress_clear(&k->progress);
	if (k->json) {
		print_json(f);
		return;
	}
	printf("%s: ", f->kind);
	if (f->bucket.n)
		admin_print_text(f->bucket);
	if (f->key.n) {
		putchar('/');
		admin_print_text(f->key);
	}
	if (f->version_id)
		printf(" (version %s)", f->version_id);
	printf("%s%s\n", f->bucket.n || f->key.n ? ": " : "", f->text);
}

static void
show_progress(void *ctx, const char *what, uint64_t done, uint64_t of)
{
	struct fsck *k = ctx;

	progress_show(&k->progress, what, done, of);
}

static void
print_summary(const struct fsck *k, const struct store_fsck_result *r)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "rows", r->rows },
		{ "objects", r->objects },
		{ "bytes", r->bytes },
		{ "blobs", r->blobs },
		{ "blobBytes", r->blob_bytes },
		{ "orphans", r->orphans },
		{ "orphanBytes", r->orphan_bytes },
		{ "findings", r->findings },
	};
	struct buf b = BUF_INIT;

	if (!k->json) {
		printf("%llu objects of %llu bytes, %llu blobs of %llu bytes, "
		       "%llu orphans: %llu finding%s\n",
		       (unsigned long long)r->objects,
		       (unsigned long long)r->bytes,
		       (unsigned long long)r->blobs,
		       (unsigned long long)r->blob_bytes,
		       (unsigned long long)r->orphans,
		       (unsigned long long)r->findings,
		       r->findings == 1 ? "" : "s");
		if (k->journal)
			admin_print_journal();
		return;
	}
	json_open_object(&b, NULL);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_put_u64(&b, numbers[i].name, numbers[i].value);
	json_close_object(&b);
	if (buf_ok(&b))
		printf("{\"summary\":%s}\n", b.p);
	buf_release(&b);
}

/* ---- the child ----------------------------------------------------------- */

static int
check(struct fsck *k)
{
	struct store_fsck_result r;
	char err[512];
	int rc = store_fsck(&k->conf, &r, err);

	progress_clear(&k->progress);
	if (rc == 0)
		print_summary(k, &r);
	if (fflush(stdout) != 0)
		rc = complain(-1, "cannot write the findings");
	else if (rc != 0)
		(void)complain(-1, "%s", err);
	if (rc != 0)
		return FSCK_FAILED;
	return r.findings ? FSCK_FOUND : FSCK_CLEAN;
}

static int
crashed(struct fsck *k, const char *how)
{
	char text[160];
	struct store_finding f = { .kind = "index", .text = text };

	snprintf(text, sizeof(text),
		 "the index is damaged (reading it ended with %s): restore the "
		 "last backup",
		 how);
	print_finding(k, &f);
	return FSCK_FOUND;
}

static int
ended(struct fsck *k, int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (sig == SIGSEGV || sig == SIGBUS || sig == SIGABRT ||
	    sig == SIGFPE || sig == SIGILL)
		return crashed(k, strsignal(sig));
	if (sig)
		return complain(FSCK_FAILED, "the check was ended by %s",
				strsignal(sig));
	status = WEXITSTATUS(status) - CHILD_STATUS;
	if (status >= FSCK_CLEAN && status <= FSCK_FAILED)
		return status;
	return crashed(k, "an error of memory");
}

static int
check_in_child(struct fsck *k)
{
	static const struct rlimit no_core;
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		return complain(FSCK_FAILED, "fork: %s", strerror(errno));
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no line */
		_exit(CHILD_STATUS + check(k));
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return complain(FSCK_FAILED, "%s", strerror(errno));
	return ended(k, status);
}

/* ---- the command line ---------------------------------------------------- */

int
cmd_admin_fsck(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	struct fsck k = { .conf = { .backup = BACKUP_MANIFEST,
				    .found = print_finding,
				    .progress = show_progress } };
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--bytes", NULL, NULL, &k.conf.bytes,
		  "read all blobs and compare their checksums" },
		{ "--index-only", NULL, NULL, &k.conf.index_only,
		  "look at the index alone, not for blobs" },
		{ "--json", NULL, NULL, &k.json,
		  "findings and summary as JSON, one document a line" },
	};
	const struct command_line line = {
		.usage = "reelgate admin fsck [DIR] [OPTIONS]",
		.about =
		    "Checks the store below DIR, a backup or the copy of a "
		    "data directory, or that\nof the data directory itself "
		    "while no gateway runs on it. Changes nothing.\nPrints a "
		    "line for each finding and a summary; docs/backup.md says "
		    "what to do.\nEnds with status 0 when all is well, 1 with "
		    "findings, 2 when it could not run.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = 2,
	};
	char dir[PATH_MAX];
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (n == 1 &&
	    settings_data_dir(config, data, dir, sizeof(dir)) != GO_ON)
		return FSCK_FAILED;
	k.conf.dir = n == 1 ? dir : argv[2];
	k.journal = n == 1 ? admin_is_journal(config, dir)
			   : admin_is_journal_backup(k.conf.dir);
	k.conf.ctx = &k;
	return check_in_child(&k);
}
