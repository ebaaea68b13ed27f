/*
 * The private PostgreSQL. The cluster is made beside its place and renamed
 * when complete, so that an interrupted first start leaves nothing half made.
 */
#include "tools/postgres.h"
#include "base/conf.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/rundir.h"
#include "tools/program.h"

#include <errno.h>
#include <ftw.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIN "/usr/lib/postgresql/15/bin/"
#define DATABASE "reelgate"

static int
failed(char *err, const char *what, const char *path)
{
	snprintf(err, 512, "%s %.350s: %s", what, path, strerror(errno));
	return -1;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int
make_cluster(const struct postgres *p, char err[512])
{
	char fresh[PATH_MAX + 8];
	/* clang-format off */
	const char *const initdb[] = {
		BIN "initdb", "-D", fresh, "-U", "postgres", "-E", "UTF8",
		"--no-locale", "--auth-local=peer", "--auth-host=reject",
		"--no-instructions", NULL
	};
	const char *const single[] = {
		BIN "postgres", "--single", "-D", fresh,
		"-c", "exit_on_error=true", "postgres", NULL
	};
	/* clang-format on */

	snprintf(fresh, sizeof(fresh), "%s.new", p->data);
	nftw(fresh, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	printf("making the PostgreSQL cluster\n");
	if (system_run(initdb, SLICE_EMPTY, p->log) != 0 ||
	    system_run(single, SLICE("CREATE DATABASE " DATABASE "\n"),
		       p->log) != 0) {
		snprintf(err, 512,
			 "PostgreSQL could not make its cluster: see %.400s",
			 p->log);
		return -1;
	}
	if (rename(fresh, p->data) != 0)
		return failed(err, "cannot rename", fresh);
	return 0;
}

/*
 * Who may connect: the service user and root, as either role. Written at each
 * start, since the data directory may have changed hands.
 */
static int
write_access(const struct postgres *p, char err[512])
{
	static const char hba[] = "local all all peer map=reelgate\n";
	const struct passwd *pw = getpwuid(geteuid());
	struct buf ident = BUF_INIT;
	char path[PATH_MAX + 16];
	int rc = 0;

	if (!pw) {
		snprintf(err, 512, "user %u has no name", (unsigned)geteuid());
		return -1;
	}
	for (int i = 0; i < 4; i++)
		buf_printf(&ident, "reelgate \"%s\" %s\n",
			   i < 2 ? pw->pw_name : "root",
			   i % 2 ? "postgres" : "reelgate");
	snprintf(path, sizeof(path), "%s/pg_ident.conf", p->data);
	if (!buf_ok(&ident) ||
	    io_write_file(path, buf_slice(&ident), 0600) != 0)
		rc = failed(err, "cannot write", path);
	buf_release(&ident);
	snprintf(path, sizeof(path), "%s/pg_hba.conf", p->data);
	if (rc == 0 && io_write_file(path, slice_str(hba), 0600) != 0)
		rc = failed(err, "cannot write", path);
	return rc;
}

int
postgres_prepare(struct postgres *p, const char *data_dir, char err[512])
{
	if (access(BIN "postgres", X_OK) != 0 ||
	    access(BIN "initdb", X_OK) != 0) {
		snprintf(err, 512,
			 "PostgreSQL 15 is not installed (no " BIN "postgres): "
			 "run tools/install-deps, or set DATABASE_URL");
		return -1;
	}
	if (snprintf(p->data, sizeof(p->data), "%s/postgres", data_dir) >=
		(int)sizeof(p->data) ||
	    snprintf(p->log, sizeof(p->log), "%s/log/initdb.log", data_dir) >=
		(int)sizeof(p->log)) {
		errno = ENAMETOOLONG;
		return failed(err, "data directory", data_dir);
	}
	rundir_path(data_dir, "", p->run, sizeof(p->run));
	p->run[strlen(p->run) - 1] = '\0'; /* the folder without its '/' */
	if (access(p->data, F_OK) != 0 && make_cluster(p, err) != 0)
		return -1;
	return write_access(p, err);
}

/* A list of folders for PostgreSQL: quoted, since a path may hold a comma. */
static void
put_quoted(struct buf *b, const char *path)
{
	buf_putc(b, '"');
	for (; *path; path++) {
		if (*path == '"')
			buf_putc(b, '"');
		buf_putc(b, *path);
	}
	buf_putc(b, '"');
}

void
postgres_exec(void *ctx)
{
	const struct postgres *p = ctx;
	struct buf sockets = BUF_INIT;

	buf_puts(&sockets, "unix_socket_directories=");
	put_quoted(&sockets, p->run);
	if (buf_ok(&sockets)) {
		/* clang-format off */
		const char *const argv[] = {
			BIN "postgres", "-D", p->data,
			"-c", sockets.p,
			"-c", "listen_addresses=",
			"-c", "port=5432",
			"-c", "logging_collector=off",
			"-c", "log_line_prefix=%m [%p] ",
			"-c", "lc_messages=C",
			"-c", "jit=off", /* only short statements */
			/* a queue writes its rows three times */
			"-c", "shared_buffers=256MB",
			"-c", "wal_compression=lz4",
			"-c", "max_wal_size=2GB",
			"-c", "autovacuum_naptime=15s",
			NULL
		};
		/* clang-format on */

		system_exec(argv);
	}
	buf_release(&sockets);
}

/* postmaster.pid: the process id in line 1, the state in line 8. */
bool
postgres_ready(const struct postgres *p, pid_t pid)
{
	struct buf text = BUF_MAX(4096);
	struct slice rest, line;
	char path[PATH_MAX + 16];
	bool ours = false, ready = false;
	uint64_t number;

	snprintf(path, sizeof(path), "%s/postmaster.pid", p->data);
	if (pid && io_read_file(path, &text) == 0) {
		rest = buf_slice(&text);
		for (int i = 1; slice_cut(&rest, '\n', &line); i++) {
			if (i == 1)
				ours = slice_u64(line, &number) == 0 &&
				       (pid_t)number == pid;
			if (i == 8)
				ready = slice_starts(line, SLICE("ready"));
		}
	}
	buf_release(&text);
	return ours && ready;
}

void
postgres_url(const struct postgres *p, const char *role, struct buf *out)
{
	buf_printf(out, "postgresql://%s@/" DATABASE "?port=5432&host=", role);
	uri_encode(out, slice_str(p->run), false);
}
