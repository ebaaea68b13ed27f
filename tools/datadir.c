/*
 * The data directory. Two locks make "already running" a fact the kernel
 * keeps: run/up.lock is held by the supervisor, run/services.lock is
 * inherited by all its children, so it is free only when the last service of
 * a killed supervisor has ended.
 */
#include "tools/datadir.h"
#include "base/conf.h"
#include "base/credentials.h"
#include "base/io.h"
#include "base/rundir.h"
#include "tools/folder.h"
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICES_END_S 45
#define USER_LOCK "/run/reelgate-user.lock"

static int
failed(char *err, const char *what, const char *path)
{
	snprintf(err, 512, "%s %.350s: %s", what, path, strerror(errno));
	return -1;
}

/* ---- the user ------------------------------------------------------------ */

static int
make_user(char err[512])
{
	/* clang-format off */
	static const char *const useradd[] = {
		"/usr/sbin/useradd", "--system", "--user-group",
		"--no-create-home", "--home-dir", "/nonexistent",
		"--shell", "/usr/sbin/nologin", SERVICE_USER, NULL
	};
	/* clang-format on */

	if (system_run(useradd, SLICE_EMPTY, NULL) == 0)
		return 0;
	snprintf(err, 512,
		 "cannot make the system user " SERVICE_USER " with useradd");
	return -1;
}

/* Made when absent. Looking and making are one: of two useradds at once the
 * second gives the user of the first another number. */
static const struct passwd *
service_user(char err[512])
{
	const struct passwd *pw = getpwnam(SERVICE_USER);
	int lock;

	if (pw)
		return pw;
	lock = open(USER_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) != 0) {
		(void)failed(err, "cannot lock", USER_LOCK);
	} else {
		pw = getpwnam(SERVICE_USER);
		if (!pw && make_user(err) == 0 &&
		    !(pw = getpwnam(SERVICE_USER)))
			snprintf(err, 512,
				 "cannot find the system user " SERVICE_USER);
	}
	if (lock >= 0)
		close(lock);
	return pw;
}

/* From root to the service user, for good. It keeps a right to be prompt, of
 * which the store's writer makes use: nice may be as low as 20 less these. */
static int
drop_root(const struct passwd *pw, const char *home, char err[512])
{
	const struct rlimit nice = { 30, 30 };

	(void)setrlimit(RLIMIT_NICE, &nice);
	if (initgroups(pw->pw_name, pw->pw_gid) != 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return failed(err, "cannot become the user", pw->pw_name);
	/* libpq looks for certificates there, and speaks no TLS where it may
	 * not look. */
	setenv("HOME", home, 1);
	/* Else /proc/self belongs to root from here on. */
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

/* ---- the directory ------------------------------------------------------- */

/*
 * A directory with things in it is only taken when they are ours: a mistyped
 * --data must not give /home or /etc to another user.
 */
static int
check_content(const char *path, char err[512])
{
	char credentials[PATH_MAX + 16];
	int empty = folder_is_empty(path);

	if (empty < 0)
		return failed(err, "cannot read the data directory", path);
	credentials_path(path, credentials, sizeof(credentials));
	if (empty || access(credentials, F_OK) == 0)
		return 0;
	snprintf(err, 512,
		 "%.400s is neither empty nor a data directory of Reelgate: "
		 "name another with --data",
		 path);
	return -1;
}

/* Hands the directory, and what an earlier owner made in it, to the user. */
static int
hand_over(const char *path, const struct passwd *pw, char err[512])
{
	struct stat st;

	if (stat(path, &st) != 0)
		return failed(err, "cannot read the data directory", path);
	if (st.st_uid == pw->pw_uid)
		return 0;
	if (folder_give(path, pw->pw_uid, pw->pw_gid) != 0)
		return failed(err, "cannot hand over", path);
	return 0;
}

/* Which directory on the way keeps this user out, if any. */
static int
check_reach(const char *path, char err[512])
{
	const struct passwd *pw = getpwuid(geteuid());
	char part[PATH_MAX];

	for (size_t i = 1; path[i - 1]; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (access(part, X_OK) == 0)
			continue;
		snprintf(err, 512,
			 "user %.64s may not enter %.300s: name another place "
			 "with --data",
			 pw ? pw->pw_name : "?", part);
		return -1;
	}
	if (access(path, R_OK | W_OK) != 0)
		return failed(err, "cannot write to the data directory", path);
	return 0;
}

/* ---- the locks ----------------------------------------------------------- */

static int
open_lock(const char *data, const char *name, int flags, char err[512])
{
	char path[PATH_MAX];
	int fd;

	rundir_path(data, name, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | flags, 0600);
	if (fd < 0)
		return failed(err, "cannot write", path);
	return fd;
}

static int
take_locks(struct datadir *d, char err[512])
{
	d->lock = open_lock(d->path, "up.lock", O_CLOEXEC, err);
	if (d->lock < 0)
		return -1;
	if (flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
		snprintf(err, 512, "reelgate up runs already on %.400s",
			 d->path);
		return -1;
	}
	d->services = open_lock(d->path, "services.lock", 0, err);
	if (d->services < 0)
		return -1;
	for (int i = 0; flock(d->services, LOCK_EX | LOCK_NB) != 0; i++) {
		if (i == 0)
			puts("waiting for the services of an earlier start to "
			     "end");
		if (i == SERVICES_END_S * 10) {
			snprintf(err, 512,
				 "services of an earlier start still run on "
				 "%.400s",
				 d->path);
			return -1;
		}
		usleep(100000);
	}
	return 0;
}

/* run/ may lie in /tmp (rundir_path()), where anybody can be first. */
static int
make_folder(const char *path, char err[512])
{
	struct stat st;

	if (io_mkdirs(path, 0700) != 0 || lstat(path, &st) != 0)
		return failed(err, "cannot make", path);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid())
		return 0;
	snprintf(err, 512, "%.400s belongs to somebody else", path);
	return -1;
}

static int
make_folders(const char *data, char err[512])
{
	char path[PATH_MAX + 8];

	rundir_path(data, "", path, PATH_MAX);
	path[strlen(path) - 1] = '\0';
	if (make_folder(path, err) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/log", data);
	return make_folder(path, err);
}

int
datadir_open(struct datadir *d, char err[512])
{
	const struct passwd *pw = NULL;
	const char *path = d->path;

	d->lock = d->services = -1;
	if (geteuid() == 0 && !(pw = service_user(err)))
		return -1;
	if (io_mkdirs(path, 0700) != 0)
		return failed(err, "cannot make the data directory", path);
	if (check_content(path, err) != 0 ||
	    (pw &&
	     (hand_over(path, pw, err) != 0 || drop_root(pw, path, err) != 0)))
		return -1;
	if (check_reach(path, err) != 0 || make_folders(path, err) != 0 ||
	    take_locks(d, err) != 0)
		return -1;
	if (chdir(path) != 0)
		return failed(err, "cannot enter", path);
	return credentials_create(path, err);
}

void
datadir_close(struct datadir *d)
{
	if (d->lock >= 0)
		close(d->lock);
	if (d->services >= 0)
		close(d->services);
	d->lock = d->services = -1;
}
