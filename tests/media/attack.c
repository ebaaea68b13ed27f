/*
 * What a decoder that was taken over would try: locks down as the worker does
 * and then makes one forbidden call, named by the argument. The sandbox holds
 * when the call kills this program with SIGSYS or fails with EPERM or EACCES
 * (exit status 0); a call that works is exit status 1.
 *
 * "none" only does what the worker may: allocate, start a thread, write to an
 * open file.
 */
#include "processor/media/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long
try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long
try_create(void)
{
	return open("attack.txt", O_WRONLY | O_CREAT, 0600);
}

static long
try_stat(void)
{
	struct stat st;

	return stat("/etc/passwd", &st);
}

static long
try_unlink(void)
{
	return unlink("/tmp/no-such-file");
}

static long
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long
try_exec(void)
{
	char *argv[] = { NULL };

	return execve("/bin/true", argv, argv);
}

static long
try_fork(void)
{
	return fork();
}

static long
try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long
try_kill(void)
{
	return kill(getppid(), 0);
}

static long
try_signal_thread(void)
{
	return syscall(SYS_tgkill, 1, 1, 0);
}

static long
try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		   ? -1
		   : 0;
}

static long
try_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long
try_io_uring(void)
{
	struct io_uring_params params = { 0 };

	return syscall(SYS_io_uring_setup, 4, &params);
}

static long
try_memfd(void)
{
	return syscall(SYS_memfd_create, "x", 0);
}

/* The same calls have other numbers there; a filter may forget them. */
static long
try_x32(void)
{
	return syscall(0x40000000 | SYS_getpid);
}

static long
try_unshare(void)
{
	return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static void *
thread_main(void *arg)
{
	*(int *)arg = 42;
	return NULL;
}

/* The opposite of an attack: all of this must work. */
static long
try_none(void)
{
	int answer = 0;
	pthread_t thread;
	void *big = malloc(1 << 20);
	bool ok = big &&
		  pthread_create(&thread, NULL, thread_main, &answer) == 0 &&
		  pthread_join(thread, NULL) == 0 && answer == 42;

	free(big);
	if (!ok || write(1, "fine\n", 5) != 5)
		return -1;
	errno = EPERM; /* as if refused: exit status 0 */
	return -1;
}

static const struct {
	const char *name;
	long (*call)(void);
} attacks[] = {
	{ "none", try_none },
	{ "open", try_open },
	{ "create", try_create },
	{ "stat", try_stat },
	{ "unlink", try_unlink },
	{ "socket", try_socket },
	{ "exec", try_exec },
	{ "fork", try_fork },
	{ "ptrace", try_ptrace },
	{ "kill", try_kill },
	{ "tgkill", try_signal_thread },
	{ "code", try_code },
	{ "make-code", try_make_code },
	{ "io_uring", try_io_uring },
	{ "memfd", try_memfd },
	{ "unshare", try_unshare },
	{ "x32", try_x32 },
};

static int
attack(long (*call)(void))
{
	struct sandbox_limits limits = { .memory_bytes = 1 << 30,
					 .cpu_s = 5,
					 .file_bytes = 1 << 20,
					 .files = 8 };
	struct sandbox_report report;
	const char *failed;

	if (sandbox_lock(&limits, &report, &failed) != 0) {
		fprintf(stderr, "sandbox: %s: %s\n", failed, strerror(errno));
		return 2;
	}
	errno = 0;
	return call() < 0 && (errno == EPERM || errno == EACCES) ? 0 : 1;
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(attacks); i++)
		if (strcmp(argv[1], attacks[i].name) == 0)
			_exit(attack(attacks[i].call));
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
		printf("%s\n", attacks[i].name);
	return 0;
}
