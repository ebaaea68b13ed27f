/*
 * The lock is on the directory itself: it ends with its holder.
 */
#include "processor/workdir.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <unistd.h>

#define OPEN_DIRS 16
#define LOCK_PATIENCE_US (2 * US_PER_S)
#define LOCK_PAUSE_NS 20000000

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	if (remove(path) != 0)
		log_warn("work_dir", "cannot remove %s: %s", path,
			 strerror(errno));
	return 0;
}

static int
remove_below(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return ftw->level ? remove_one(path, st, type, ftw) : 0;
}

void
workdir_remove(const char *dir)
{
	nftw(dir, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A processor that was killed may have been about to start a worker: until
 * its exec() that child holds the lock too. */
static int
lock_soon(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int64_t until = time_mono_us() + LOCK_PATIENCE_US;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || time_mono_us() > until)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
workdir_open(const char *dir, char err[512])
{
	int fd = -1;

	if (io_mkdirs(dir, 0700) == 0)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(err, 512, "cannot use %.300s: %s", dir,
			 strerror(errno));
		return -1;
	}
	if (lock_soon(fd) != 0) {
		snprintf(err, 512,
			 "another processor works in %.300s: one per data "
			 "directory (REELGATE_PROCESSOR_SLOTS runs more jobs "
			 "at once)",
			 dir);
		close(fd);
		return -1;
	}
	nftw(dir, remove_below, OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return fd;
}
