/*
 * The recorder of the power-cut test, for LD_PRELOAD: every call that changes
 * something below POWER_DIR goes into the trace POWER_TRACE, with its data.
 *
 * One lock covers call and record, so the trace has the real order. What
 * cannot be recorded (a shared mapping that is written, sendfile into a file)
 * ends the program: a trace with a hole would prove nothing.
 * POWER_SYNC_US delays each sync, before the lock, so that operations gather
 * in the writer as on a disk. POWER_LMDB=nosync|nometasync opens LMDB with
 * that flag, for negative controls.
 */
#include "tests/crash/power_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 4096
#define TRACE_FD 1000 /* out of the way of the program's own */

/* The lock covers all of this. */
pthread_mutex_t rec_mu = PTHREAD_MUTEX_INITIALIZER;
pthread_once_t rec_once = PTHREAD_ONCE_INIT;
static char *paths[FDS]; /* relative, of descriptors in the data directory */
static char root[PATH_MAX];
static int trace = -1;
useconds_t rec_sync_us;

_Noreturn void
rec_die(const char *what, const char *path)
{
	fprintf(stderr, "power_record: %s: %s\n", what, path);
	abort();
}

void
rec_begin(void)
{
	int (*real_open)(const char *, int, ...);
	const char *dir = getenv("POWER_DIR"), *file = getenv("POWER_TRACE");
	const char *us = getenv("POWER_SYNC_US");
	int fd;

	*(void **)(&real_open) = dlsym(RTLD_NEXT, "open");
	if (!dir || !file || !realpath(dir, root))
		rec_die("no POWER_DIR or POWER_TRACE", "");
	fd = real_open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	trace = fd < 0 ? -1 : dup3(fd, TRACE_FD, O_CLOEXEC);
	if (trace < 0)
		rec_die("cannot be written", file);
	rec_sync_us = us ? (useconds_t)strtoul(us, NULL, 10) : 0;
}

/* ---- records, under the lock ------------------------------------------- */

void
rec_put(const void *p, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);
	const char *at = p;

	if (!real)
		*(void **)(&real) = dlsym(RTLD_NEXT, "write");
	while (n) {
		ssize_t did = real(trace, at, n);

		if (did <= 0)
			rec_die("the trace cannot be written", strerror(errno));
		at += did;
		n -= (size_t)did;
	}
}

void
rec_fill(const struct power_record *r)
{
	rec_put("\0\0\0\0\0\0\0",
		power_record_size(r) - sizeof(*r) - r->first - r->second);
}

void
rec_record(struct power_record r, const void *first, const void *second)
{
	rec_put(&r, sizeof(r));
	if (r.first)
		rec_put(first, r.first);
	if (r.second)
		rec_put(second, r.second);
	rec_fill(&r);
}

void
rec_record_path(enum power_kind kind, const char *path)
{
	rec_record((struct power_record){ .kind = kind,
					  .first = (uint32_t)strlen(path) },
		   path, NULL);
}

void
power_mark(const char *text, size_t n)
{
	pthread_once(&rec_once, rec_begin);
	pthread_mutex_lock(&rec_mu);
	rec_record(
	    (struct power_record){ .kind = POWER_MARK, .first = (uint32_t)n },
	    text, NULL);
	pthread_mutex_unlock(&rec_mu);
}

/* ---- which files are ours ----------------------------------------------- */

const char *
rec_path(int fd)
{
	return fd >= 0 && fd < FDS ? paths[fd] : NULL;
}

bool
rec_resolve(int dirfd, const char *name, char out[PATH_MAX])
{
	char whole[2 * PATH_MAX];
	size_t n = strlen(root);
	const char *dir;

	if (*name == '/') {
		snprintf(whole, sizeof(whole), "%s", name);
	} else if (dirfd == AT_FDCWD) {
		if (!getcwd(out, PATH_MAX))
			return false;
		snprintf(whole, sizeof(whole), "%s/%s", out, name);
	} else {
		dir = rec_path(dirfd);
		if (!dir)
			return false;
		snprintf(whole, sizeof(whole), "%s/%s%s%s", root, dir,
			 *dir ? "/" : "", name);
	}
	while (strlen(whole) > 1 && whole[strlen(whole) - 1] == '/')
		whole[strlen(whole) - 1] = '\0';
	if (strncmp(whole, root, n) != 0 || (whole[n] && whole[n] != '/'))
		return false;
	if (strstr(whole + n, "/..") || strstr(whole + n, "//") ||
	    strstr(whole + n, "/./"))
		rec_die("a path that is not plain", whole);
	snprintf(out, PATH_MAX, "%s", whole[n] ? whole + n + 1 : "");
	return true;
}

static bool
exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Descriptor @fd now stands for @path, or for something else: NULL. */
static void
name_fd(int fd, const char *path)
{
	if (fd < 0 || fd >= FDS) {
		if (path)
			rec_die("too many descriptors", path);
		return;
	}
	free(paths[fd]);
	paths[fd] = path ? strdup(path) : NULL;
}

/* ---- opening and closing ------------------------------------------------ */

typedef int open_at(int, const char *, int, ...);

static int
do_open(int dirfd, const char *name, int flags, mode_t mode)
{
	static open_at *real;
	char path[PATH_MAX];
	bool ours, made;
	int fd;

	pthread_once(&rec_once, rec_begin);
	pthread_mutex_lock(&rec_mu);
	if (!real)
		*(void **)(&real) = dlsym(RTLD_NEXT, "openat");
	ours = rec_resolve(dirfd, name, path);
	if (ours && (flags & O_TMPFILE) == O_TMPFILE)
		rec_die("files without a name are not recorded", path);
	made = ours && (flags & O_CREAT) && !exists(dirfd, name);
	fd = real(dirfd, name, flags, mode);
	if (fd >= 0) {
		name_fd(fd, ours ? path : NULL);
		if (ours)
			rec_record(
			    (struct power_record){ .kind = POWER_OPEN,
						   .fd = fd,
						   .arg = flags,
						   .at = made,
						   .first =
						       (uint32_t)strlen(path) },
			    path, NULL);
	}
	pthread_mutex_unlock(&rec_mu);
	return fd;
}

static mode_t
mode_arg(int flags, va_list ap)
{
	return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

/* clang-format off */
#define OPEN(name)                                                         \
	int name(const char *path, int flags, ...)                         \
	{                                                                  \
		va_list ap;                                                \
		va_start(ap, flags);                                       \
		mode_t mode = mode_arg(flags, ap);                         \
		va_end(ap);                                                \
		return do_open(AT_FDCWD, path, flags, mode);               \
	}
#define OPENAT(name)                                                       \
	int name(int dirfd, const char *path, int flags, ...)              \
	{                                                                  \
		va_list ap;                                                \
		va_start(ap, flags);                                       \
		mode_t mode = mode_arg(flags, ap);                         \
		va_end(ap);                                                \
		return do_open(dirfd, path, flags, mode);                  \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What _FORTIFY_SOURCE makes of calls without a mode. */
#define OPEN_2(name)                                                       \
	int name(const char *path, int flags);                             \
	int name(const char *path, int flags)                              \
	{                                                                  \
		return do_open(AT_FDCWD, path, flags, 0);                  \
	}
#define OPENAT_2(name)                                                     \
	int name(int dirfd, const char *path, int flags);                  \
	int name(int dirfd, const char *path, int flags)                   \
	{                                                                  \
		return do_open(dirfd, path, flags, 0);                     \
	}
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
/* clang-format on */

int
creat(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

static void
forget(int fd)
{
	if (!rec_path(fd))
		return;
	rec_record((struct power_record){ .kind = POWER_CLOSE, .fd = fd }, NULL,
		   NULL);
	name_fd(fd, NULL);
}

int
close(int fd)
{
	REAL(int, close, int);
	int rc;

	pthread_mutex_lock(&rec_mu);
	forget(fd);
	rc = real(fd);
	pthread_mutex_unlock(&rec_mu);
	return rc;
}

int
closedir(DIR *d)
{
	REAL(int, closedir, DIR *);
	int rc;

	pthread_mutex_lock(&rec_mu);
	forget(dirfd(d));
	rc = real(d);
	pthread_mutex_unlock(&rec_mu);
	return rc;
}

/* The lock is held; @fd was made from @from. */
static int
duplicated(int from, int fd)
{
	if (fd >= 0)
		name_fd(fd, rec_path(from));
	if (fd >= 0 && rec_path(from))
		rec_record((struct power_record){ .kind = POWER_DUP,
						  .fd = from,
						  .arg = fd },
			   NULL, NULL);
	return fd;
}

int
dup(int from)
{
	REAL(int, dup, int);
	int fd;

	pthread_mutex_lock(&rec_mu);
	fd = duplicated(from, real(from));
	pthread_mutex_unlock(&rec_mu);
	return fd;
}

int
dup2(int from, int to)
{
	if (rec_path(from) || rec_path(to))
		rec_die("dup2 is not recorded", "");
	return dup3(from, to, 0);
}

int
fcntl(int fd, int what, ...)
{
	REAL(int, fcntl, int, int, ...);
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, what);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (what != F_DUPFD && what != F_DUPFD_CLOEXEC)
		return real(fd, what, arg); /* may block: for a lock */
	pthread_mutex_lock(&rec_mu);
	rc = duplicated(fd, real(fd, what, arg));
	pthread_mutex_unlock(&rec_mu);
	return rc;
}
