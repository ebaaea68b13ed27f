/*
 * What the commands of `reelgate admin` share.
 */
#include "tools/admin.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "base/unix_socket.h"
#include "tools/command.h"
#include "tools/folder.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOW_US (US_PER_S / 5)
#define SMALL_FILE_MAX (64u << 20) /* every account there may be */

void
progress_show(void *ctx, const char *what, uint64_t done, uint64_t of)
{
	struct progress *p = ctx;
	int64_t now = time_mono_us();

	if (now - p->shown_us < SHOW_US || !isatty(STDERR_FILENO))
		return;
	p->shown_us = now;
	p->shown = true;
	if (of)
		fprintf(stderr, "\r\033[K%s: %llu of %llu (%llu %%)", what,
			(unsigned long long)done, (unsigned long long)of,
			(unsigned long long)(done * 100 / of));
	else if (done)
		fprintf(stderr, "\r\033[K%s: %llu", what,
			(unsigned long long)done);
	else
		fprintf(stderr, "\r\033[K%s", what);
}

void
progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

void
progress_damage(void *ctx, const char *line)
{
	progress_clear(ctx);
	(void)complain(0, "damaged: %s", line);
}

void
admin_print_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

/* ---- journals ----------------------------------------------------------- */

void
admin_print_journal(void)
{
	puts("This is the journal of a gateway before another S3: events, "
	     "intents, rules and\nowners of buckets. The objects are in that "
	     "S3, and no part of it.");
}

bool
admin_is_journal_backup(const char *dir)
{
	struct buf text = BUF_INIT;
	char path[PATH_MAX];
	cJSON *doc = NULL;
	bool is;

	if (snprintf(path, sizeof(path), "%s/" BACKUP_MANIFEST, dir) <
		(int)sizeof(path) &&
	    io_read_file(path, &text) == 0)
		doc = json_parse(buf_slice(&text));
	is = json_bool(doc, "journal", false);
	cJSON_Delete(doc);
	buf_release(&text);
	return is;
}

bool
admin_is_journal(const char *config, const char *data)
{
	char err[CONF_ERROR_MAX];
	struct conf c;
	bool is = conf_load(&c, config, data, err) == 0 && conf_is_remote(&c);

	conf_release(&c);
	return is;
}

/* ---- the gateway --------------------------------------------------------- */

int
admin_no_gateway(const char *data)
{
	if (errno == EACCES || errno == EPERM)
		return complain(EX_NOPERM,
				"the gateway on %s is another user's: be that "
				"user, or root",
				data);
	return complain(EX_UNAVAILABLE,
			"no gateway answers on %s (%s): does reelgate up run?",
			data, strerror(errno));
}

static int
read_answer(struct slice text, cJSON **answer)
{
	const char *error;

	*answer = json_parse(text);
	error = *answer ? json_str(*answer, "error")
			: "the gateway's answer is not of this release";
	if (!error)
		return EX_OK;
	(void)complain(0, "%s", error);
	cJSON_Delete(*answer);
	*answer = NULL;
	return EXIT_FAILURE;
}

int
admin_ask(const char *data, struct buf *request, int timeout_s, cJSON **answer)
{
	struct buf text = BUF_INIT;
	char path[PATH_MAX];
	int status;

	*answer = NULL;
	rundir_path(data, "admin.sock", path, sizeof(path));
	buf_putc(request, '\n');
	if (!buf_ok(request))
		status = complain(EX_OSERR, "out of memory");
	else if (unix_ask(path, buf_slice(request), timeout_s, &text) != 0)
		status = admin_no_gateway(data);
	else
		status = read_answer(buf_slice(&text), answer);
	secret_release(request);
	secret_release(&text);
	return status;
}

const char *
admin_text(const cJSON *answer, const char *name)
{
	const char *s = json_str(answer, name);

	return s ? s : "-";
}

/* ---- files --------------------------------------------------------------- */

int
admin_path(const char *dir, const char *name, char *out, size_t size)
{
	if (snprintf(out, size, "%s/%s", dir, name) < (int)size)
		return GO_ON;
	return complain(EX_USAGE, "%s: its name is too long", dir);
}

static int
copy_file(const char *from, const char *to, const char *name, bool keep)
{
	struct buf b = BUF_MAX(SMALL_FILE_MAX);
	char source[PATH_MAX], target[PATH_MAX];
	int status = admin_path(from, name, source, sizeof(source));

	if (status == GO_ON)
		status = admin_path(to, name, target, sizeof(target));
	if (status != GO_ON || (keep && access(target, F_OK) == 0))
		return status;
	if (io_read_file(source, &b) == 0) {
		if (io_write_file(target, buf_slice(&b), 0600) != 0)
			status = complain(EX_CANTCREAT, "%s: %s", target,
					  strerror(errno));
	} else if (errno != ENOENT) {
		status = complain(errno == EACCES ? EX_NOPERM : EX_NOINPUT,
				  "%s: %s", source, strerror(errno));
	}
	secret_release(&b);
	return status;
}

int
admin_copy_files(const char *from, const char *to, bool credentials, bool keep)
{
	int status = copy_file(from, to, "accounts", keep);

	if (status == GO_ON && credentials)
		status = copy_file(from, to, "credentials", keep);
	return status;
}

int
admin_give_back(const char *data)
{
	static const char *const names[] = { "index", "blobs", "accounts",
					     "credentials" };
	char path[PATH_MAX];
	struct stat owner;

	if (geteuid() != 0 || stat(data, &owner) != 0 || owner.st_uid == 0)
		return EX_OK;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int status = admin_path(data, names[i], path, sizeof(path));

		if (status != GO_ON)
			return status;
		if (folder_give(path, owner.st_uid, owner.st_gid) != 0 &&
		    errno != ENOENT)
			return complain(EX_NOPERM, "%s: %s", path,
					strerror(errno));
	}
	return EX_OK;
}
