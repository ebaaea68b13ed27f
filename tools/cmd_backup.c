/*
 * reelgate admin backup - a copy of a running store. The gateway writes the
 * index into a file of ours and holds back the blobs it names for as long as
 * we are connected; the blobs we read ourselves.
 */
#include "base/io.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "base/unix_socket.h"
#include "store/care.h"
#include "tools/admin.h"
#include "tools/command.h"
#include "tools/folder.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 200
#define SEND_S 30

struct backup {
	char data[PATH_MAX];
	char dir[PATH_MAX];
	struct store_copies_conf conf;
	struct store_copies *copies;
	struct progress progress;
	bool without_secrets;
	bool journal; /* of a gateway whose objects are elsewhere */
	int gateway;  /* connection that holds the blobs, or -1 */
	int64_t began_us;
};

/* ---- where to ------------------------------------------------------------ */

static bool
lies_in(const char *inner, const char *outer)
{
	size_t n = strlen(outer);

	return strncmp(inner, outer, n) == 0 &&
	       (inner[n] == '/' || inner[n] == '\0');
}

/* Makes DIR where it is absent; what is not ours is left alone. */
static int
open_dir(struct backup *b, const char *data, const char *dir)
{
	char manifest[PATH_MAX];
	int status;

	if (io_mkdirs(dir, 0700) != 0 || !realpath(dir, b->dir))
		return complain(EX_CANTCREAT, "%s: %s", dir, strerror(errno));
	if (!realpath(data, b->data))
		return complain(EX_NOINPUT, "%s: %s", data, strerror(errno));
	if (lies_in(b->dir, b->data) || lies_in(b->data, b->dir))
		return complain(EX_USAGE,
				"%s and the data directory %s lie in one "
				"another: a backup has a place of its own",
				b->dir, b->data);
	status =
	    admin_path(b->dir, BACKUP_MANIFEST, manifest, sizeof(manifest));
	if (status != GO_ON)
		return status;
	if (access(manifest, F_OK) != 0 && folder_is_empty(b->dir) != 1)
		return complain(EX_USAGE,
				"%s holds other things: give an empty "
				"directory, or that of an earlier backup",
				b->dir);
	if (access(b->dir, W_OK) != 0)
		return complain(EX_NOPERM,
				"%s cannot be written: run this as root, or "
				"as a user that may",
				b->dir);
	return GO_ON;
}

/* ---- the manifest -------------------------------------------------------- */

/* NULL of @r: nothing is complete yet. */
static int
write_manifest(const struct backup *b, const struct store_copies_result *r)
{
	char path[PATH_MAX];
	struct buf json = BUF_INIT;
	int status = admin_path(b->dir, BACKUP_MANIFEST, path, sizeof(path));

	if (status != GO_ON)
		return status;
	json_open_object(&json, NULL);
	json_put_bool(&json, "complete", r != NULL);
	json_put_time(&json, "time", b->began_us);
	if (r) {
		json_put_u64(&json, "format", STORE_LOCAL_FORMAT);
		json_put_str(&json, "deployment", r->identity.deployment_id);
		json_put_str(&json, "epoch", r->identity.epoch);
		json_put_u64(&json, "lastSeq", r->identity.last_seq);
		json_put_u64(&json, "objects", r->identity.objects);
		json_put_u64(&json, "bytes", r->identity.bytes);
		json_put_bool(&json, "journal", b->journal);
		json_put_bool(&json, "indexOnly", b->conf.index_only);
		json_put_u64(&json, "blobs", r->blobs);
		json_put_u64(&json, "blobBytes", r->blob_bytes);
		json_put_u64(&json, "damaged", r->damaged);
	}
	json_close_object(&json);
	buf_putc(&json, '\n');
	if (!buf_ok(&json) || io_write_file(path, buf_slice(&json), 0600) != 0)
		status =
		    complain(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	buf_release(&json);
	return status;
}

/*
 * A folder keeps the backups of one store. The first thing in an empty one is
 * a manifest that says that nothing is complete.
 */
static int
check_manifest(struct backup *b, const char *deployment)
{
	struct buf text = BUF_INIT;
	char path[PATH_MAX];
	const char *there;
	cJSON *doc = NULL;
	int status = admin_path(b->dir, BACKUP_MANIFEST, path, sizeof(path));

	if (status != GO_ON)
		return status;
	if (io_read_file(path, &text) != 0) {
		status = errno == ENOENT ? write_manifest(b, NULL)
					 : complain(EX_NOINPUT, "%s: %s", path,
						    strerror(errno));
		buf_release(&text);
		return status;
	}
	doc = json_parse(buf_slice(&text));
	there = json_str(doc, "deployment");
	if (!doc)
		status =
		    complain(EX_DATAERR, "%s is no manifest of a backup", path);
	else if (deployment && there && strcmp(there, deployment) != 0)
		status = complain(EX_USAGE,
				  "%s holds the backup of another store: give "
				  "another directory",
				  b->dir);
	cJSON_Delete(doc);
	buf_release(&text);
	return status;
}

/* ---- the gateway --------------------------------------------------------- */

/* The index grows meanwhile. */
static void
wait_for_answer(struct backup *b)
{
	struct pollfd p = { .fd = b->gateway, .events = POLLIN };
	struct stat st;

	while (poll(&p, 1, POLL_MS) <= 0)
		if (fstat(store_backup_fd(b->copies), &st) == 0)
			progress_show(&b->progress, "bytes of the index",
				      (uint64_t)st.st_size, 0);
	progress_clear(&b->progress);
}

static int
read_answer(struct backup *b)
{
	struct buf line = BUF_MAX(8192);
	cJSON *doc = NULL;
	const char *error;
	int status = GO_ON;

	if (unix_read_line(b->gateway, -1, SEND_S * 1000, &line) == 0)
		doc = json_parse(buf_slice(&line));
	error = json_str(doc, "error");
	if (!doc)
		status = complain(
		    EX_TEMPFAIL, "the gateway ended while it copied the index; "
				 "the last backup is as it was");
	else if (error)
		status = complain(EX_IOERR, "%s", error);
	else
		status = check_manifest(b, json_str(doc, "deployment"));
	b->journal = json_bool(doc, "journal", false);
	cJSON_Delete(doc);
	buf_release(&line);
	return status;
}

static int
ask_gateway(struct backup *b)
{
	char path[PATH_MAX];

	rundir_path(b->data, "admin.sock", path, sizeof(path));
	b->gateway = unix_connect(path, SEND_S);
	if (b->gateway < 0)
		return admin_no_gateway(b->data);
	if (unix_send_fd(b->gateway, SLICE("{\"command\":\"backup\"}\n"),
			 store_backup_fd(b->copies)) != 0)
		return complain(EX_UNAVAILABLE, "the gateway does not answer");
	wait_for_answer(b);
	return read_answer(b);
}

/* Nothing was unlinked so far? The gateway says nothing more, but for its
 * end. */
static bool
still_held(const struct backup *b)
{
	char ch;

	return recv(b->gateway, &ch, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
	       errno == EAGAIN;
}

/* ---- step by step -------------------------------------------------------- */

static void
print_result(const struct backup *b, const struct store_copies_result *r)
{
	char now[TIME_TEXT_MAX];

	time_format_iso(b->began_us, now);
	printf("%s: %llu objects of %llu bytes, as of %s\n", b->dir,
	       (unsigned long long)r->identity.objects,
	       (unsigned long long)r->identity.bytes, now);
	if (!b->conf.index_only)
		printf("%llu blobs of %llu bytes: %llu copied (%llu bytes), "
		       "%llu files removed\n",
		       (unsigned long long)r->blobs,
		       (unsigned long long)r->blob_bytes,
		       (unsigned long long)r->copied,
		       (unsigned long long)r->copied_bytes,
		       (unsigned long long)r->removed);
	if (b->journal)
		admin_print_journal();
	puts("The database is not part of it: see docs/backup.md.");
}

static int
copy(struct backup *b)
{
	char err[512];
	int rc = store_backup_blobs(b->copies, err);

	progress_clear(&b->progress);
	if (!still_held(b))
		return complain(EX_TEMPFAIL,
				"the gateway ended during the backup; the last "
				"backup is as it was: try again");
	if (rc != 0)
		return complain(EX_IOERR, "%s", err);
	/* in this order: the index in place names what accounts own */
	if (admin_copy_files(b->data, b->dir, !b->without_secrets, false) !=
	    GO_ON)
		return EX_IOERR;
	if (store_backup_finish(b->copies, err) != 0)
		return complain(EX_IOERR, "%s", err);
	return GO_ON;
}

static int
run(struct backup *b)
{
	const struct store_copies_result *r;
	char err[512];
	int status;

	b->began_us = time_now_us();
	status = check_manifest(b, NULL);
	if (status != GO_ON)
		return status;
	b->conf.from = b->data;
	b->conf.to = b->dir;
	b->copies = store_backup_open(&b->conf, err);
	if (!b->copies)
		return complain(EX_CANTCREAT, "%s", err);
	status = ask_gateway(b);
	if (status == GO_ON)
		status = copy(b);
	if (status != GO_ON)
		return status;
	r = store_copies_result(b->copies);
	status = write_manifest(b, r);
	if (status != GO_ON)
		return status;
	print_result(b, r);
	return r->damaged ? EXIT_FAILURE : EX_OK;
}

/* ---- the command line ---------------------------------------------------- */

int
cmd_admin_backup(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	static struct backup b = { .gateway = -1,
				   .conf = { .damaged = progress_damage,
					     .progress = progress_show,
					     .ctx = &b.progress } };
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--index-only", NULL, NULL, &b.conf.index_only,
		  "the index without the bytes of larger objects" },
		{ "--without-secrets", NULL, NULL, &b.without_secrets,
		  "leave the file credentials out" },
	};
	const struct command_line line = {
		.usage = "reelgate admin backup DIR [OPTIONS]",
		.about =
		    "Copies the store of a running gateway into DIR, which is "
		    "empty or holds an\nearlier backup of it: then only what "
		    "is new is copied, and what is gone removed.\nWhatever "
		    "interrupts it, DIR keeps its last complete backup. "
		    "Clients notice\nnothing; blobs they delete stay until it "
		    "is done. See docs/backup.md.\nEnds with status 1 when "
		    "blobs were damaged: the others are in the backup.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 2,
	};
	char dir[PATH_MAX];
	int n, status = options_parse(&line, argc, argv, &n);

	if (status == GO_ON)
		status = settings_data_dir(config, data, dir, sizeof(dir));
	if (status == GO_ON)
		status = open_dir(&b, dir, argv[2]);
	if (status == GO_ON)
		status = run(&b);
	if (b.gateway >= 0)
		close(b.gateway);
	store_copies_close(b.copies);
	return status;
}
