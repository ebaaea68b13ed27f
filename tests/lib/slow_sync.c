/* A slow disk for tests: with LD_PRELOAD, each fdatasync() that finds the file
 * SLOW_SYNC_FILE sleeps for SLOW_SYNC_SECONDS, or without that until the file
 * is gone. The file SLOW_SYNC_FILE.asleep is there meanwhile. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd);

static void
sleep_while(const char *file, const char *seconds)
{
	char asleep[PATH_MAX];

	snprintf(asleep, sizeof(asleep), "%s.asleep", file);
	close(open(asleep, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	if (seconds)
		sleep((unsigned)atoi(seconds));
	else
		while (access(file, F_OK) == 0)
			usleep(10000);
	unlink(asleep);
}

int
fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	const char *file = getenv("SLOW_SYNC_FILE");

	if (file && access(file, F_OK) == 0)
		sleep_while(file, getenv("SLOW_SYNC_SECONDS"));
	return real(fd);
}
