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
#include "tests/crash/power.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
#define TRACE_FD 1000 /* out of the way of the program's own */
#define LOCK_FILE "lock.mdb"

/* mu covers all of this, and each call on the data directory. */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char *paths[FDS]; /* relative, of descriptors in the data directory */
static char root[PATH_MAX];
static int trace = -1;
static useconds_t sync_us;

/* The next definition of a function, looked up once. */
#define REAL(type, name, ...)             \
	static type (*real)(__VA_ARGS__); \
	pthread_once(&once, begin);       \
	if (!real)                        \
	*(void **)(&real) = dlsym(RTLD_NEXT, #name)

static void
die(const char *what, const char *path)
{
	fprintf(stderr, "power_record: %s: %s\n", what, path);
	abort();
}

static void
begin(void)
{
	ssize_t (*real_write)(int, const void *, size_t);
	int (*real_open)(const char *, int, ...);
	const char *dir = getenv("POWER_DIR"), *file = getenv("POWER_TRACE");
	const char *us = getenv("POWER_SYNC_US");
	int fd;

	*(void **)(&real_write) = dlsym(RTLD_NEXT, "write");
	*(void **)(&real_open) = dlsym(RTLD_NEXT, "open");
	if (!dir || !file || !realpath(dir, root))
		die("no POWER_DIR or POWER_TRACE", "");
	fd = real_open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	trace = fd < 0 ? -1 : dup3(fd, TRACE_FD, O_CLOEXEC);
	if (trace < 0)
		die("cannot be written", file);
	sync_us = us ? (useconds_t)strtoul(us, NULL, 10) : 0;
}

/* ---- records, under the lock ------------------------------------------- */

static void
put(const void *p, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);
	const char *at = p;

	if (!real)
		*(void **)(&real) = dlsym(RTLD_NEXT, "write");
	while (n) {
		ssize_t did = real(trace, at, n);

		if (did <= 0)
			die("the trace cannot be written", strerror(errno));
		at += did;
		n -= (size_t)did;
	}
}

static void
fill(const struct power_record *r)
{
	put("\0\0\0\0\0\0\0",
	    power_record_size(r) - sizeof(*r) - r->first - r->second);
}

static void
record(struct power_record r, const void *first, const void *second)
{
	put(&r, sizeof(r));
	if (r.first)
		put(first, r.first);
	if (r.second)
		put(second, r.second);
	fill(&r);
}

static void
record_path(enum power_kind kind, const char *path)
{
	record((struct power_record){ .kind = kind,
				      .first = (uint32_t)strlen(path) },
	       path, NULL);
}

void
power_mark(const char *text, size_t n)
{
	pthread_once(&once, begin);
	pthread_mutex_lock(&mu);
	record(
	    (struct power_record){ .kind = POWER_MARK, .first = (uint32_t)n },
	    text, NULL);
	pthread_mutex_unlock(&mu);
}

/* ---- which files are ours ----------------------------------------------- */

static const char *
path_of(int fd)
{
	return fd >= 0 && fd < FDS ? paths[fd] : NULL;
}

/* The relative path of what a call names; false when it lies elsewhere. */
static bool
resolve(int dirfd, const char *name, char out[PATH_MAX])
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
		dir = path_of(dirfd);
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
		die("a path that is not plain", whole);
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
			die("too many descriptors", path);
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

	pthread_once(&once, begin);
	pthread_mutex_lock(&mu);
	if (!real)
		*(void **)(&real) = dlsym(RTLD_NEXT, "openat");
	ours = resolve(dirfd, name, path);
	if (ours && (flags & O_TMPFILE) == O_TMPFILE)
		die("files without a name are not recorded", path);
	made = ours && (flags & O_CREAT) && !exists(dirfd, name);
	fd = real(dirfd, name, flags, mode);
	if (fd >= 0) {
		name_fd(fd, ours ? path : NULL);
		if (ours)
			record((struct power_record){ .kind = POWER_OPEN,
						      .fd = fd,
						      .arg = flags,
						      .at = made,
						      .first = (uint32_t)strlen(
							  path) },
			       path, NULL);
	}
	pthread_mutex_unlock(&mu);
	return fd;
}

static mode_t
mode_arg(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
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
	if (!path_of(fd))
		return;
	record((struct power_record){ .kind = POWER_CLOSE, .fd = fd }, NULL,
	       NULL);
	name_fd(fd, NULL);
}

int
close(int fd)
{
	REAL(int, close, int);
	int rc;

	pthread_mutex_lock(&mu);
	forget(fd);
	rc = real(fd);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
closedir(DIR *d)
{
	REAL(int, closedir, DIR *);
	int rc;

	pthread_mutex_lock(&mu);
	forget(dirfd(d));
	rc = real(d);
	pthread_mutex_unlock(&mu);
	return rc;
}

/* The lock is held; @fd was made from @from. */
static int
duplicated(int from, int fd)
{
	if (fd >= 0)
		name_fd(fd, path_of(from));
	if (fd >= 0 && path_of(from))
		record((struct power_record){ .kind = POWER_DUP,
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

	pthread_mutex_lock(&mu);
	fd = duplicated(from, real(from));
	pthread_mutex_unlock(&mu);
	return fd;
}

int
dup2(int from, int to)
{
	if (path_of(from) || path_of(to))
		die("dup2 is not recorded", "");
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
	pthread_mutex_lock(&mu);
	rc = duplicated(fd, real(fd, what, arg));
	pthread_mutex_unlock(&mu);
	return rc;
}

/* ---- bytes ----------------------------------------------------------------
 */

/* All ways to write; @at -1: at the descriptor's own place. */
static ssize_t
do_write(int fd, const struct iovec *v, int n, off_t at)
{
	static ssize_t (*there)(int, const struct iovec *, int, off_t);
	REAL(ssize_t, writev, int, const struct iovec *, int);
	struct power_record r = { .kind = POWER_WRITE, .fd = fd };
	ssize_t did, left;

	if (!there)
		*(void **)(&there) = dlsym(RTLD_NEXT, "pwritev");
	/* Elsewhere a write may block for long: not under the lock. */
	if (!path_of(fd))
		return at < 0 ? real(fd, v, n) : there(fd, v, n, at);
	pthread_mutex_lock(&mu);
	did = left = at < 0 ? real(fd, v, n) : there(fd, v, n, at);
	if (did > 0) {
		r.first = (uint32_t)did;
		r.at = (uint64_t)(at < 0 ? lseek(fd, 0, SEEK_CUR) - did : at);
		put(&r, sizeof(r));
	}
	for (int i = 0; left > 0; i++) {
		size_t part =
		    v[i].iov_len < (size_t)left ? v[i].iov_len : (size_t)left;

		put(v[i].iov_base, part);
		left -= (ssize_t)part;
	}
	if (did > 0)
		fill(&r);
	pthread_mutex_unlock(&mu);
	return did;
}

static ssize_t
write_one(int fd, const void *p, size_t n, off_t at)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return do_write(fd, &(struct iovec){ u.out, n }, 1, at);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	return write_one(fd, p, n, -1);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_one(fd, p, n, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return write_one(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	return do_write(fd, v, n, -1);
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return do_write(fd, v, n, at);
}

ssize_t
pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	return do_write(fd, v, n, at);
}

/* What these move does not pass through the program. */
static void
refuse(const char *what, int fd)
{
	pthread_once(&once, begin);
	if (path_of(fd))
		die(what, path_of(fd));
}

ssize_t
pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	REAL(ssize_t, pwritev2, int, const struct iovec *, int, off_t, int);
	refuse("pwritev2", fd);
	return real(fd, v, n, at, flags);
}

ssize_t
sendfile(int fd, int from, off_t *at, size_t n)
{
	REAL(ssize_t, sendfile, int, int, off_t *, size_t);
	refuse("sendfile", fd);
	return real(fd, from, at, n);
}

ssize_t
splice(int from, off64_t *in_at, int fd, off64_t *at, size_t n, unsigned flags)
{
	REAL(ssize_t, splice, int, off64_t *, int, off64_t *, size_t, unsigned);
	refuse("splice", fd);
	return real(from, in_at, fd, at, n, flags);
}

ssize_t
copy_file_range(int from, off64_t *in_at, int fd, off64_t *at, size_t n,
		unsigned flags)
{
	REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t,
	     unsigned);
	refuse("copy_file_range", fd);
	return real(from, in_at, fd, at, n, flags);
}

void *
mmap(void *where, size_t n, int prot, int flags, int fd, off_t at)
{
	REAL(void *, mmap, void *, size_t, int, int, int, off_t);
	void *p;

	if (!path_of(fd) || !(flags & MAP_SHARED) || !(prot & PROT_WRITE))
		return real(where, n, prot, flags, fd, at);
	/* LMDB's table of readers, which a power cut may leave as it likes. */
	if (!strstr(path_of(fd), LOCK_FILE))
		refuse("a mapping that can be written", fd);
	pthread_mutex_lock(&mu);
	p = real(where, n, prot, flags, fd, at);
	record((struct power_record){ .kind = POWER_MAPPED, .fd = fd }, NULL,
	       NULL);
	pthread_mutex_unlock(&mu);
	return p;
}

/* ---- sizes ----------------------------------------------------------------
 */

int
ftruncate(int fd, off_t size)
{
	REAL(int, ftruncate, int, off_t);
	int rc;

	pthread_mutex_lock(&mu);
	rc = real(fd, size);
	if (rc == 0 && path_of(fd))
		record((struct power_record){ .kind = POWER_TRUNCATE,
					      .fd = fd,
					      .at = (uint64_t)size },
		       NULL, NULL);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	REAL(int, fallocate, int, int, off_t, off_t);
	int rc;

	if (mode & ~FALLOC_FL_KEEP_SIZE)
		refuse("fallocate of that kind", fd);
	pthread_mutex_lock(&mu);
	rc = real(fd, mode, at, n);
	if (rc == 0 && mode == 0 && path_of(fd))
		record((struct power_record){ .kind = POWER_EXTEND,
					      .fd = fd,
					      .at = (uint64_t)(at + n) },
		       NULL, NULL);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
fallocate64(int fd, int mode, off64_t at, off64_t n)
{
	return fallocate(fd, mode, at, n);
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	return fallocate(fd, 0, at, n) == 0 ? 0 : errno;
}

/* ---- syncs: those that promise; sync_file_range() does not -------------- */

static int
do_sync(int (*real)(int), enum power_kind kind, int fd)
{
	int rc;

	if (path_of(fd) && sync_us)
		usleep(sync_us);
	pthread_mutex_lock(&mu);
	rc = real(fd);
	if (rc == 0 && path_of(fd))
		record((struct power_record){ .kind = kind, .fd = fd }, NULL,
		       NULL);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
fsync(int fd)
{
	REAL(int, fsync, int);
	return do_sync(real, POWER_SYNC, fd);
}

int
fdatasync(int fd)
{
	REAL(int, fdatasync, int);
	return do_sync(real, POWER_SYNC, fd);
}

int
syncfs(int fd)
{
	REAL(int, syncfs, int);
	return do_sync(real, POWER_SYNCFS, fd);
}

/* ---- names ----------------------------------------------------------------
 */

static int
two_names(enum power_kind kind, int from_dir, const char *from, int to_dir,
	  const char *to, unsigned flags)
{
	static int (*move)(int, const char *, int, const char *, unsigned);
	static int (*join)(int, const char *, int, const char *, int);
	char a[PATH_MAX], b[PATH_MAX];
	bool ours, also;
	int rc;

	pthread_once(&once, begin);
	if (!move) {
		*(void **)(&move) = dlsym(RTLD_NEXT, "renameat2");
		*(void **)(&join) = dlsym(RTLD_NEXT, "linkat");
	}
	pthread_mutex_lock(&mu);
	ours = resolve(from_dir, from, a);
	also = resolve(to_dir, to, b);
	if (ours != also || (ours && flags))
		die("a name that comes or goes in a way not recorded", to);
	rc = kind == POWER_RENAME
		 ? move(from_dir, from, to_dir, to, flags)
		 : join(from_dir, from, to_dir, to, (int)flags);
	if (rc == 0 && ours)
		record((struct power_record){ .kind = kind,
					      .first = (uint32_t)strlen(a),
					      .second = (uint32_t)strlen(b) },
		       a, b);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
rename(const char *from, const char *to)
{
	return two_names(POWER_RENAME, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return two_names(POWER_RENAME, from_dir, from, to_dir, to, 0);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to,
	  unsigned flags)
{
	return two_names(POWER_RENAME, from_dir, from, to_dir, to, flags);
}

int
link(const char *from, const char *to)
{
	return two_names(POWER_LINK, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return two_names(POWER_LINK, from_dir, from, to_dir, to,
			 (unsigned)flags);
}

int
unlinkat(int dirfd, const char *name, int flags)
{
	REAL(int, unlinkat, int, const char *, int);
	char path[PATH_MAX];
	int rc;

	pthread_mutex_lock(&mu);
	rc = real(dirfd, name, flags);
	if (rc == 0 && resolve(dirfd, name, path))
		record_path(POWER_UNLINK, path);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
remove(const char *path)
{
	int rc = unlink(path);

	return rc != 0 && errno == EISDIR ? rmdir(path) : rc;
}

int
mkdirat(int dirfd, const char *name, mode_t mode)
{
	REAL(int, mkdirat, int, const char *, mode_t);
	char path[PATH_MAX];
	int rc;

	pthread_mutex_lock(&mu);
	rc = real(dirfd, name, mode);
	if (rc == 0 && resolve(dirfd, name, path))
		record_path(POWER_MKDIR, path);
	pthread_mutex_unlock(&mu);
	return rc;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* ---- the flags that the store must never use ----------------------------- */

int
mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	REAL(int, mdb_env_open, MDB_env *, const char *, unsigned, mdb_mode_t);
	const char *add = getenv("POWER_LMDB");

	if (add && strcmp(add, "nosync") == 0)
		flags |= MDB_NOSYNC;
	if (add && strcmp(add, "nometasync") == 0)
		flags |= MDB_NOMETASYNC;
	return real(env, path, flags, mode);
}
