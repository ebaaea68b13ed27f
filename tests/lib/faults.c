/*
 * A failing disk for tests, by LD_PRELOAD: calls that the rules in the file
 * $FAULTS name fail. The file is read anew when it changes; each line is
 *
 *	CALL PATH NTH COUNT ERROR
 *
 * CALL: open, mkdir, write, sync, fallocate, unlink, accept (write: any way to
 * write, sync: fsync and fdatasync). PATH: pattern (fnmatch) of the path, to
 * which "@dsync" is added when it was opened with O_DSYNC, as LMDB opens the
 * file for its meta page, else "@plain". From the NTH matching call on COUNT
 * calls fail with the errno ERROR (0: half of the bytes are written). Each
 * failure is a byte in $FAULTS.hits; the last one of a rule deletes the file
 * $FAULTS.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RULES 16
#define PATH_BYTES (2 * PATH_MAX)

struct rule {
	char call[16];
	char path[128];
	long nth, count;
	int error;
	long seen;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES];
static size_t rules_n;
static struct stat loaded;

/* Raw calls: none of them may come back here. */
static void
load(const char *file, const struct stat *st)
{
	char text[4096], *line = text, *next;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY, 0);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	loaded = *st;
	rules_n = 0;
	if (n <= 0)
		return;
	text[n] = '\0';
	for (; *line && rules_n < RULES; line = next) {
		struct rule *r = &rules[rules_n];

		next = strchr(line, '\n');
		next = next ? next + 1 : line + strlen(line);
		*r = (struct rule){ .nth = 1 };
		if (sscanf(line, "%15s %127s %ld %ld %d", r->call, r->path,
			   &r->nth, &r->count, &r->error) == 5)
			rules_n++;
	}
}

static void
note_hit(const char *file, bool last)
{
	char hits[PATH_MAX];
	int fd;

	snprintf(hits, sizeof(hits), "%s.hits", file);
	fd = (int)syscall(SYS_openat, AT_FDCWD, hits,
			  O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd >= 0) {
		if (syscall(SYS_write, fd, "!", 1) != 1)
			abort();
		close(fd);
	}
	if (last)
		syscall(SYS_unlinkat, AT_FDCWD, file, 0);
}

/* The error of this call, or -1: let it through. */
static int
find(const char *call, const char *path)
{
	const char *file = getenv("FAULTS");
	int error = -1;
	struct stat st;

	if (!file)
		return -1;
	if (stat(file, &st) != 0)
		memset(&st, 0, sizeof(st)); /* the next one may look the same */
	pthread_mutex_lock(&mu);
	if (st.st_ino != loaded.st_ino ||
	    memcmp(&st.st_mtim, &loaded.st_mtim, sizeof(st.st_mtim)) != 0)
		load(file, &st);
	for (size_t i = 0; i < rules_n; i++) {
		struct rule *r = &rules[i];

		if (strcmp(call, r->call) != 0 ||
		    fnmatch(r->path, path, 0) != 0)
			continue;
		r->seen++;
		if (r->seen < r->nth || r->seen >= r->nth + r->count)
			continue;
		note_hit(file, r->seen + 1 == r->nth + r->count);
		error = r->error;
		break;
	}
	pthread_mutex_unlock(&mu);
	return error;
}

static bool
link_of(int fd, char path[PATH_BYTES])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX);
	path[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

static int
of_fd(const char *call, int fd)
{
	int saved = errno, error = -1, flags;
	char path[PATH_BYTES];

	if (link_of(fd, path)) {
		flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
		strcat(path,
		       flags >= 0 && flags & O_DSYNC ? "@dsync" : "@plain");
		error = find(call, path);
	}
	errno = error > 0 ? error : saved;
	return error;
}

static int
of_name(const char *call, int at, const char *name)
{
	int saved = errno, error;
	char path[PATH_BYTES] = "";

	if (name[0] != '/' && at != AT_FDCWD)
		link_of(at, path);
	snprintf(path + strlen(path), PATH_MAX, "/%s", name);
	error = find(call, path);
	errno = error > 0 ? error : saved;
	return error;
}

/* ---- the calls ---------------------------------------------------------- */

#define FAILS(call, fd) (of_fd(call, fd) > 0)
#define FAILS_AT(call, at, name) (of_name(call, at, name) > 0)

static ssize_t
write_some(int fd, const void *p, size_t n, off_t at)
{
	int error = of_fd("write", fd);

	if (error > 0)
		return -1;
	if (error == 0)
		n = (n + 1) / 2;
	return at < 0 ? syscall(SYS_write, fd, p, n)
		      : syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	return write_some(fd, p, n, -1);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_some(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	int error = of_fd("write", fd);

	if (error > 0)
		return -1;
	return syscall(SYS_writev, fd, v, error == 0 ? (n + 1) / 2 : n);
}

int
fsync(int fd)
{
	return FAILS("sync", fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return FAILS("sync", fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	return FAILS("fallocate", fd)
		   ? -1
		   : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

static int
open_any(int at, const char *name, int flags, mode_t mode)
{
	return FAILS_AT("open", at, name)
		   ? -1
		   : (int)syscall(SYS_openat, at, name, flags, mode);
}

/* The mode is passed on whether it was given or not: without O_CREAT nobody
 * looks at it. */
int
open(const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_any(AT_FDCWD, name, flags, mode);
}

int
openat(int at, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_any(at, name, flags, mode);
}

int
mkdirat(int at, const char *name, mode_t mode)
{
	return FAILS_AT("mkdir", at, name)
		   ? -1
		   : (int)syscall(SYS_mkdirat, at, name, mode);
}

int
unlinkat(int at, const char *name, int flags)
{
	return FAILS_AT("unlink", at, name)
		   ? -1
		   : (int)syscall(SYS_unlinkat, at, name, flags);
}

int
accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags)
{
	return FAILS("accept", fd)
		   ? -1
		   : (int)syscall(SYS_accept4, fd, addr, n, flags);
}
