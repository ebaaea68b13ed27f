/*
 * Finding and executing programs: our siblings, and the system's.
 */
#include "tools/program.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A checkout made with umask 077 has programs that only their owner may
 * execute; after root has dropped its rights an open descriptor does not help
 * either. A copy in memory does.
 */
static int
copy_to_memory(int fd, const char *name, off_t size)
{
	int copy = memfd_create(name, MFD_CLOEXEC);
	off_t at = 0;

	while (copy >= 0 && at < size) {
		if (sendfile(copy, fd, &at, (size_t)(size - at)) > 0)
			continue;
		close(copy);
		copy = -1;
	}
	if (copy >= 0 && fchmod(copy, 0555) != 0) {
		close(copy);
		copy = -1;
	}
	close(fd);
	return copy;
}

int
program_open(struct program *p, const char *name, char err[512])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct stat st;
	char *slash;

	p->fd = -1;
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash) {
		snprintf(err, 512,
			 "cannot read /proc/self/exe: is /proc "
			 "mounted?");
		return -1;
	}
	if (snprintf(p->path, sizeof(p->path), "%.*s%s",
		     (int)(slash - self + 1), self,
		     name) >= (int)sizeof(p->path))
		errno = ENAMETOOLONG;
	else
		p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
	if (p->fd >= 0 && geteuid() == 0 && fstat(p->fd, &st) == 0 &&
	    !(st.st_mode & S_IXOTH))
		p->fd = copy_to_memory(p->fd, name, st.st_size);
	if (p->fd >= 0)
		return 0;
	snprintf(err, 512, "cannot open %.200s beside %.200s: %s", name, self,
		 strerror(errno));
	return -1;
}

void
program_close(struct program *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void
program_exec(const struct program *p, char *const argv[])
{
	/* By path when possible: the kernel names the process after it. */
	execv(p->path, argv);
	if (errno == EACCES)
		fexecve(p->fd, argv, environ);
}

void
system_exec(const char *const argv[])
{
	clearenv();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	/* execv() changes nothing; its prototype is older than const. */
	execv(argv[0], (char *const *)(uintptr_t)argv);
}

static void
run_child(const char *const argv[], int in, const char *log)
{
	int out = 1;

	if (log)
		out =
		    open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (out >= 0 && dup2(in, 0) >= 0 && (!log || dup2(out, 1) >= 0) &&
	    (!log || dup2(out, 2) >= 0))
		system_exec(argv);
	_exit(127);
}

int
system_run(const char *const argv[], struct slice input, const char *log)
{
	int status = -1, ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_child(argv, ends[0], log);
	close(ends[0]);
	/* The input is short: it fits into the pipe. */
	if (pid > 0 && io_write_all(ends[1], input.p, input.n) != 0)
		fprintf(stderr, "reelgate: %s does not read\n", argv[0]);
	close(ends[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && status == 0 ? 0 : -1;
}
