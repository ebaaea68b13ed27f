/*
 * Between fork and exec only async-signal-safe calls: this is a process of
 * many threads. Descriptors are first lifted above all targets, then put in
 * place, so that no target overwrites a source.
 */
#include "processor/media_spawn.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FD_FIRST_EXTRA (MEDIA_FD_RESULT + 1)
#define WORKER_NICE 5
#define FD_COUNT_MAX (FD_FIRST_EXTRA + MEDIA_EXTENTS_MAX)

int
media_program_open(char err[512])
{
	const char *number = getenv("REELGATE_MEDIA_FD");
	char self[PATH_MAX], path[PATH_MAX + 32];
	uint64_t fd;
	ssize_t n;
	int program;

	if (number && slice_u64(slice_str(number), &fd) == 0 && fd <= INT_MAX &&
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
		return (int)fd;
	n = readlink("/proc/self/exe", self, sizeof(self));
	while (n > 0 && self[n - 1] != '/')
		n--;
	snprintf(path, sizeof(path), "%.*sreelgate-media", (int)(n > 0 ? n : 0),
		 self);
	program = open(path, O_PATH | O_CLOEXEC);
	if (program < 0)
		snprintf(err, 512, "cannot open %.300s: %s", path,
			 strerror(errno));
	return program;
}

/*
 * The first to go when memory is short, and after the gateway when the
 * processor is; not fatal: a limit of whoever started us may forbid it.
 */
static void
step_back(void)
{
	static const char worst[] = "1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, worst, sizeof(worst) - 1);
		close(fd);
	}
	(void)!nice(WORKER_NICE);
}

/* What the child finds at descriptor 0, 1, .. n-1. */
struct layout {
	int from[FD_COUNT_MAX];
	int n;
	int program;
};

static _Noreturn void
become_worker(const struct layout *l, pid_t parent)
{
	static char name[] = "reelgate-media";
	char *argv[] = { name, NULL }, *envp[] = { NULL };
	int lifted[FD_COUNT_MAX], program;
	sigset_t none;

	for (int i = 0; i < l->n; i++)
		lifted[i] = fcntl(l->from[i], F_DUPFD_CLOEXEC, l->n);
	program = fcntl(l->program, F_DUPFD_CLOEXEC, l->n);
	for (int i = 0; i < l->n; i++)
		if (lifted[i] < 0 || dup2(lifted[i], i) < 0)
			_exit(127);
	if (program < 0 ||
	    close_range((unsigned)l->n, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
		_exit(127);
	step_back();
	umask(0077);
	if (chdir("/") != 0)
		_exit(127);
	/* Ctrl-C at a terminal is for the broker, which ends its workers. */
	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(127);
	execveat(program, "", argv, envp, AT_EMPTY_PATH);
	_exit(127);
}

/* The request as a file: it needs nobody to feed it. */
static int
request_file(struct slice request)
{
	int fd = memfd_create("request", MFD_CLOEXEC);

	if (fd >= 0 && (io_write_all(fd, request.p, request.n) != 0 ||
			lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
pipe_from_child(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void
close_all(const int *fds, size_t n)
{
	int saved = errno;

	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	errno = saved;
}

int
media_spawn(struct media_child *c, int program, struct slice request,
	    const struct input *in, int out_dir)
{
	int request_fd, null_fd, results[2] = { -1, -1 }, log[2] = { -1, -1 };
	struct layout l = { .program = program };
	pid_t parent = getpid();

	*c = (struct media_child){ -1, -1, -1, -1 };
	request_fd = request_file(request);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (request_fd >= 0 && null_fd >= 0 && pipe_from_child(results) == 0 &&
	    pipe_from_child(log) == 0) {
		l.from[MEDIA_FD_REQUEST] = request_fd;
		l.from[STDOUT_FILENO] = null_fd;
		l.from[STDERR_FILENO] = log[1];
		/* an empty object has no extent */
		l.from[MEDIA_FD_INPUT] = in->n ? in->extents[0].fd : null_fd;
		l.from[MEDIA_FD_OUTPUT] = out_dir;
		l.from[MEDIA_FD_RESULT] = results[1];
		l.n = FD_FIRST_EXTRA;
		for (size_t i = 1; i < in->n; i++)
			l.from[l.n++] = in->extents[i].fd;
		c->pid = fork();
		if (c->pid == 0)
			become_worker(&l, parent);
	}
	close_all((int[]){ request_fd, null_fd, results[1], log[1] }, 4);
	if (c->pid < 0) {
		close_all((int[]){ results[0], log[0] }, 2);
		return -1;
	}
	c->results = results[0];
	c->log = log[0];
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd >= 0)
		return 0;
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	media_child_close(c);
	return -1;
}

void
media_child_close(struct media_child *c)
{
	close_all((int[]){ c->pidfd, c->results, c->log }, 3);
	*c = (struct media_child){ -1, -1, -1, -1 };
}
