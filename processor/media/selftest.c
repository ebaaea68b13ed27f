/*
 * First the report of one locked child, as items; then one child per attempt.
 * An attempt counts as refused when the kernel killed the child for it or
 * answered with an error. What the worker needs must still work.
 */
#include "processor/media/selftest.h"
#include "base/buf.h"
#include "processor/media/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sandbox_limits limits = { .memory_bytes = 2ll << 30,
					      .cpu_s = 60,
					      .file_bytes = 64 << 20,
					      .files = 64,
					      .threads = 2 };

/* What the child that locked itself wants known. */
struct told {
	int error; /* errno of the step that failed, 0: all went well */
	char failed[32];
	struct sandbox_report report;
};

/* ---- attempts ------------------------------------------------------------ */

static int
try_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int
try_create(void)
{
	return open("/tmp/reelgate-self-test", O_WRONLY | O_CREAT | O_CLOEXEC,
		    0600);
}

static int
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int
try_exec(void)
{
	char *argv[] = { NULL };

	return execve("/bin/true", argv, argv);
}

static int
try_fork(void)
{
	return fork() < 0 ? -1 : 0;
}

static int
try_kill(void)
{
	return kill(getppid(), 0);
}

static int
try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		   ? -1
		   : 0;
}

static void *
thread_main(void *answer)
{
	*(int *)answer = 42;
	return NULL;
}

/* The opposite: memory, a thread, the clock. */
static int
try_work(void)
{
	int answer = 0;
	pthread_t thread;
	struct timespec now;
	char *p = malloc(4 << 20);
	bool ok = p && clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
		  pthread_create(&thread, NULL, thread_main, &answer) == 0 &&
		  pthread_join(thread, NULL) == 0 && answer == 42;

	free(p);
	return ok ? 0 : -1;
}

static const struct {
	const char *what;
	int (*call)(void);
	bool allowed;
} attempts[] = {
	{ "opening a file", try_open, false },
	{ "creating a file", try_create, false },
	{ "a socket", try_socket, false },
	{ "running a program", try_exec, false },
	{ "a process", try_fork, false },
	{ "a signal to another process", try_kill, false },
	{ "executable memory", try_code, false },
	{ "memory, threads, the clock", try_work, true },
};

/* ---- children ------------------------------------------------------------ */

/* Locks itself, tells so, makes the attempt, ends with its errno. */
static _Noreturn void
child_main(int (*call)(void), int told_fd)
{
	struct told told = { 0 };
	const char *failed = "";

	if (sandbox_lock(&limits, &told.report, &failed) != 0) {
		told.error = errno ? errno : EINVAL;
		snprintf(told.failed, sizeof(told.failed), "%s", failed);
	}
	if (write(told_fd, &told, sizeof(told)) != sizeof(told) || told.error)
		_exit(255);
	errno = 0;
	_exit(call() < 0 ? (errno ? errno & 0x7f : 255) : 0);
}

/* The wait status of a child; @told is what it said about its sandbox. */
static int
run_child(int (*call)(void), struct told *told)
{
	int ends[2], status = -1;
	pid_t pid = -1;

	*told = (struct told){ .error = EIO, .failed = "child" };
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child_main(call, ends[1]);
	close(ends[1]);
	if (read(ends[0], told, sizeof(*told)) != sizeof(*told))
		told->error = EIO;
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 ? status : -1;
}

static bool
print_attempt(size_t i)
{
	struct told told;
	int status = run_child(attempts[i].call, &told);
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	int error = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	bool refused = killed || (error && error != 255);
	bool ok = !told.error &&
		  (attempts[i].allowed ? !killed && error == 0 : refused);
	const char *answer = told.error	   ? "the sandbox does not close"
			     : killed	   ? "kills the process"
			     : error == 0  ? "possible"
			     : error < 255 ? strerror(error)
					   : "ended otherwise";

	printf("%-30s %-4s %s\n", attempts[i].what, ok ? "ok" : "BAD", answer);
	return ok;
}

/* ---- the report ---------------------------------------------------------- */

static void
print_item(const char *what, bool held, const char *note)
{
	printf("%-30s %-4s %s\n", what, held ? "yes" : "no", note);
}

static void
print_report(const struct sandbox_report *r)
{
	char threads[64], abi[64];

	snprintf(threads, sizeof(threads), "%d of %s", r->threads_max,
		 r->user_namespace ? "this process" : "this user");
	snprintf(abi, sizeof(abi), "%s (ABI %d)",
		 r->landlock_abi ? "Landlock" : "this kernel has no Landlock",
		 r->landlock_abi);
	/* sandbox_lock() fails without these. */
	print_item("no new privileges", true, "");
	print_item("no capabilities", true, "");
	print_item("no debugger, no core", true, "");
	print_item("ends with its parent", true, "");
	print_item("CPU time, files, descriptors", true, "limited");
	print_item("threads", true, threads);
	print_item("memory limit", r->memory_limit,
		   r->memory_limit ? "" : "sanitizer build");
	print_item("system call filter", r->seccomp,
		   "all threads, kills the process");
	print_item("root becomes nobody", r->uid_dropped,
		   r->uid_dropped ? "" : "not started as root");
	print_item("own user namespace", r->user_namespace, "");
	print_item("own network, own IPC", r->net_namespace, "");
	print_item("memory never gains execution", r->no_exec_gain,
		   r->no_exec_gain ? "" : "from Linux 6.3; the filter does");
	print_item("no path", r->landlock, abi);
	print_item("no TCP", r->landlock && r->landlock_abi >= 4,
		   "Landlock from ABI 4; the filter has no socket");
	print_item("no signal, no abstract socket",
		   r->landlock && r->landlock_abi >= 6,
		   "Landlock from ABI 6; the filter has no kill");
}

int
selftest_run(void)
{
	struct told told;
	bool ok = true;

	(void)run_child(try_work, &told);
	if (told.error) {
		printf("the sandbox does not close: %s: %s\n", told.failed,
		       strerror(told.error));
		return 1;
	}
	print_report(&told.report);
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		ok = print_attempt(i) && ok;
	printf("%s\n", ok ? "the sandbox holds" : "THE SANDBOX DOES NOT HOLD");
	return fflush(stdout) == 0 && ok ? 0 : 1;
}
