/* A slow disk for tests: with LD_PRELOAD, each fdatasync() sleeps for
 * SLOW_SYNC_SECONDS while the file SLOW_SYNC_FILE exists. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd);

int
fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	const char *file = getenv("SLOW_SYNC_FILE");
	const char *seconds = getenv("SLOW_SYNC_SECONDS");

	if (file && seconds && access(file, F_OK) == 0)
		sleep((unsigned)atoi(seconds));
	return real(fd);
}
