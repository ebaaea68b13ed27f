/*
 * System calls that may do half the work, done whole.
 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int
io_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t did = write(fd, at, n);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return -1;
		at += did;
		n -= (size_t)did;
	}
	return 0;
}

int
io_pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	const char *from = p;

	while (n) {
		ssize_t did = pwrite(fd, from, n, at);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return -1;
		from += did;
		at += did;
		n -= (size_t)did;
	}
	return 0;
}

int
io_pread_all(int fd, void *p, size_t n, off_t at)
{
	char *to = p;

	while (n) {
		ssize_t did = pread(fd, to, n, at);

		if (did < 0 && errno == EINTR)
			continue;
		if (did == 0)
			errno = EIO;
		if (did <= 0)
			return -1;
		to += did;
		at += did;
		n -= (size_t)did;
	}
	return 0;
}

int
io_read_file(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t did = 0;

	if (fd < 0)
		return -1;
	if (!b->max)
		b->max = 1 << 20;
	for (;;) {
		size_t room = b->max - b->n < 4096 ? b->max - b->n : 4096;
		char probe, *at = room ? buf_reserve(b, room) : &probe;

		if (!at) {
			errno = ENOMEM;
			did = -1;
			break;
		}
		did = read(fd, at, room ? room : 1);
		if (did < 0 && errno == EINTR)
			continue;
		if (did > 0 && room == 0) { /* a byte past the bound */
			errno = EFBIG;
			did = -1;
		}
		if (did <= 0)
			break;
		b->n += (size_t)did;
		b->p[b->n] = '\0';
	}
	close(fd);
	return did < 0 ? -1 : 0;
}

int
io_fsync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* The folder in which @path stands. */
static void
folder_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(out, PATH_MAX, "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
}

int
io_write_file(const char *path, struct slice data, mode_t mode)
{
	char temp[PATH_MAX], dir[PATH_MAX];
	int fd, rc;

	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	folder_of(path, dir);
	(void)unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  mode);
	if (fd < 0)
		return -1;
	rc = io_write_all(fd, data.p, data.n);
	if (rc == 0)
		rc = fsync(fd);
	if (close(fd) != 0)
		rc = -1;
	if (rc == 0)
		rc = rename(temp, path);
	if (rc == 0)
		return io_fsync_dir(dir);
	(void)unlink(temp);
	return -1;
}

int
io_mkdirs(const char *path, mode_t mode)
{
	char part[PATH_MAX], folder[PATH_MAX];
	struct stat st;
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		errno = n ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) == 0) {
			folder_of(part, folder);
			if (io_fsync_dir(folder) != 0)
				return -1;
		} else if (errno != EEXIST) {
			return -1;
		}
	}
	if (stat(path, &st) != 0)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	return 0;
}

uint64_t
io_free_bytes(int fd)
{
	struct statvfs v;

	return fstatvfs(fd, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
}

uint64_t
io_total_bytes(int fd)
{
	struct statvfs v;

	return fstatvfs(fd, &v) == 0 ? (uint64_t)v.f_blocks * v.f_frsize : 0;
}
