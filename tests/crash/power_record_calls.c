/*
 * The recorder's wrappers around writes, sizes, syncs and names.
 */
#include "tests/crash/power_record.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOCK_FILE "lock.mdb"

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
	if (!rec_path(fd))
		return at < 0 ? real(fd, v, n) : there(fd, v, n, at);
	pthread_mutex_lock(&rec_mu);
	did = left = at < 0 ? real(fd, v, n) : there(fd, v, n, at);
	if (did > 0) {
		r.first = (uint32_t)did;
		r.at = (uint64_t)(at < 0 ? lseek(fd, 0, SEEK_CUR) - did : at);
		rec_put(&r, sizeof(r));
	}
	for (int i = 0; left > 0; i++) {
		size_t part =
		    v[i].iov_len < (size_t)left ? v[i].iov_len : (size_t)left;

		rec_put(v[i].iov_base, part);
		left -= (ssize_t)part;
	}
	if (did > 0)
		rec_fill(&r);
	pthread_mutex_unlock(&rec_mu);
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
	pthread_once(&rec_once, rec_begin);
	if (rec_path(fd))
		rec_die(what, rec_path(fd));
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

	if (!rec_path(fd) || !(flags & MAP_SHARED) || !(prot & PROT_WRITE))
		return real(where, n, prot, flags, fd, at);
	/* LMDB's table of readers, which a power cut may leave as it likes. */
	if (!strstr(rec_path(fd), LOCK_FILE))
		refuse("a mapping that can be written", fd);
	pthread_mutex_lock(&rec_mu);
	p = real(where, n, prot, flags, fd, at);
	rec_record((struct power_record){ .kind = POWER_MAPPED, .fd = fd },
		   NULL, NULL);
	pthread_mutex_unlock(&rec_mu);
	return p;
}

/* ---- sizes ----------------------------------------------------------------
 */

int
ftruncate(int fd, off_t size)
{
	REAL(int, ftruncate, int, off_t);
	int rc;

	pthread_mutex_lock(&rec_mu);
	rc = real(fd, size);
	if (rc == 0 && rec_path(fd))
		rec_record((struct power_record){ .kind = POWER_TRUNCATE,
						  .fd = fd,
						  .at = (uint64_t)size },
			   NULL, NULL);
	pthread_mutex_unlock(&rec_mu);
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
	pthread_mutex_lock(&rec_mu);
	rc = real(fd, mode, at, n);
	if (rc == 0 && mode == 0 && rec_path(fd))
		rec_record((struct power_record){ .kind = POWER_EXTEND,
						  .fd = fd,
						  .at = (uint64_t)(at + n) },
			   NULL, NULL);
	pthread_mutex_unlock(&rec_mu);
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

	if (rec_path(fd) && rec_sync_us)
		usleep(rec_sync_us);
	pthread_mutex_lock(&rec_mu);
	rc = real(fd);
	if (rc == 0 && rec_path(fd))
		rec_record((struct power_record){ .kind = kind, .fd = fd },
			   NULL, NULL);
	pthread_mutex_unlock(&rec_mu);
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

	pthread_once(&rec_once, rec_begin);
	if (!move) {
		*(void **)(&move) = dlsym(RTLD_NEXT, "renameat2");
		*(void **)(&join) = dlsym(RTLD_NEXT, "linkat");
	}
	pthread_mutex_lock(&rec_mu);
	ours = rec_resolve(from_dir, from, a);
	also = rec_resolve(to_dir, to, b);
	if (ours != also || (ours && flags))
		rec_die("a name that comes or goes in a way not recorded", to);
	rc = kind == POWER_RENAME
		 ? move(from_dir, from, to_dir, to, flags)
		 : join(from_dir, from, to_dir, to, (int)flags);
	if (rc == 0 && ours)
		rec_record(
		    (struct power_record){ .kind = kind,
					   .first = (uint32_t)strlen(a),
					   .second = (uint32_t)strlen(b) },
		    a, b);
	pthread_mutex_unlock(&rec_mu);
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

	pthread_mutex_lock(&rec_mu);
	rc = real(dirfd, name, flags);
	if (rc == 0 && rec_resolve(dirfd, name, path))
		rec_record_path(POWER_UNLINK, path);
	pthread_mutex_unlock(&rec_mu);
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

	pthread_mutex_lock(&rec_mu);
	rc = real(dirfd, name, mode);
	if (rc == 0 && rec_resolve(dirfd, name, path))
		rec_record_path(POWER_MKDIR, path);
	pthread_mutex_unlock(&rec_mu);
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
