/*
 * What a decoder that was taken over would try: each row in a process of its
 * own, that locks itself as the worker does and then makes the forbidden call.
 * Prints a line "name answer" per row: SIGSYS, or the error's name; WORKED is
 * a hole. The first row is the opposite of an attack and must work.
 *
 *   attack            all rows
 *   attack --thread   the same, from a second thread
 */
#include "base/slice.h"
#include "processor/media/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCKED_THREADS 2
#define THREADS_TRIED 400
#define BIG (4ll << 30)

/* ---- what takes more than one call -------------------------------------- */

static void *
thread_main(void *arg)
{
	*(int *)arg = 42;
	return NULL;
}

/* All of this must work. */
static long
do_work(void)
{
	int answer = 0;
	pthread_t thread;
	void *big = malloc(1 << 20);
	bool ok = big &&
		  pthread_create(&thread, NULL, thread_main, &answer) == 0 &&
		  pthread_join(thread, NULL) == 0 && answer == 42;

	free(big);
	return ok ? 0 : -1;
}

static void *
map(int protection)
{
	return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long
try_map_code(void)
{
	return map(PROT_READ | PROT_WRITE | PROT_EXEC) == MAP_FAILED ? -1 : 0;
}

static long
try_make_code(void)
{
	return mprotect(map(PROT_READ | PROT_WRITE), 4096,
			PROT_READ | PROT_EXEC);
}

static long
try_make_code_by_key(void)
{
	return syscall(SYS_pkey_mprotect, map(PROT_READ | PROT_WRITE), 4096,
		       PROT_READ | PROT_EXEC, -1);
}

/* Code in the output file, if it cannot be in memory. */
static long
try_map_file_as_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, 0) ==
		       MAP_FAILED
		   ? -1
		   : 0;
}

/* The text of this program, made writable. */
static long
try_change_code(void)
{
	uintptr_t page = (uintptr_t)&try_change_code & ~(uintptr_t)4095;

	return mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static long
try_io_uring(void)
{
	struct io_uring_params params = { 0 };

	return syscall(SYS_io_uring_setup, 4, &params);
}

static long
try_exec(void)
{
	char *argv[] = { NULL };

	return execve("/bin/true", argv, argv);
}

static long
try_memory(void)
{
	return mmap(NULL, (size_t)BIG, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0) == MAP_FAILED
		   ? -1
		   : 0;
}

static void *
thread_wait(void *arg)
{
	for (;;)
		sched_yield();
	return arg;
}

/* As many threads as there are bytes would hold up the whole machine. */
static long
try_threads(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = 0; i < THREADS_TRIED; i++) {
		errno = pthread_create(&thread, &attr, thread_wait, NULL);
		if (errno)
			return -1;
	}
	return 0;
}

/* Descriptor 1 is a file of the caller's here. */
static long
try_large_file(void)
{
	return ftruncate(1, BIG);
}

/* The calls of 32-bit programs have other numbers; a filter may forget. */
static long
try_int80(void)
{
	long rc = 20; /* getpid */

#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
#endif
	errno = EACCES;
	return rc < 0 ? -1 : rc;
}

/* ---- the table ----------------------------------------------------------- */

#define HERE ((long)(intptr_t) "/")
#define FILE_NAME ((long)(intptr_t) "/etc/passwd")
#define NEW_NAME ((long)(intptr_t) "/tmp/reelgate-attack")
#define LAST_ARGS_OF_CLONE 0, 0, 0, 0

struct attack {
	const char *name;
	long (*function)(void); /* or: */
	long call;
	long args[6];
};

#define DO(function)            \
#function, function, 0, \
	{                       \
		0               \
	}
#define CALL(call, ...)          \
#call, NULL, SYS_##call, \
	{                        \
		__VA_ARGS__      \
	}

/* clang-format off */
static const struct attack attacks[] = {
	{ DO(do_work) },
	/* files */
	{ CALL(open, FILE_NAME, O_RDONLY) },
	{ CALL(openat, AT_FDCWD, FILE_NAME, O_RDONLY) },
	{ "openat-absolute-with-fd", NULL, SYS_openat, { 0, FILE_NAME } },
	{ CALL(openat2, AT_FDCWD, FILE_NAME, 0, 24) },
	{ CALL(creat, NEW_NAME, 0600) },
	{ CALL(stat, FILE_NAME, 0) },
	{ CALL(statx, AT_FDCWD, FILE_NAME, 0, 0, 0) },
	{ CALL(access, FILE_NAME, 0) },
	{ CALL(readlink, HERE, 0, 0) },
	{ CALL(getdents64, 0, 0, 0) },
	{ CALL(unlink, NEW_NAME) },
	{ CALL(unlinkat, AT_FDCWD, NEW_NAME, 0) },
	{ CALL(rename, FILE_NAME, NEW_NAME) },
	{ CALL(link, FILE_NAME, NEW_NAME) },
	{ CALL(symlink, FILE_NAME, NEW_NAME) },
	{ CALL(mkdir, NEW_NAME, 0700) },
	{ CALL(mknod, NEW_NAME, 0600, 0) },
	{ CALL(chmod, FILE_NAME, 0777) },
	{ CALL(fchmod, 1, 06777) },
	{ CALL(chown, FILE_NAME, 0, 0) },
	{ CALL(truncate, FILE_NAME, 0) },
	{ CALL(chdir, HERE) },
	{ CALL(chroot, HERE) },
	{ CALL(mount, HERE, HERE, 0, 0, 0) },
	{ CALL(umount2, HERE, 0) },
	{ CALL(pivot_root, HERE, HERE) },
	{ CALL(open_tree, AT_FDCWD, HERE, 0) },
	{ CALL(fsopen, HERE, 0) },
	{ CALL(open_by_handle_at, 0, 0, 0) },
	{ CALL(name_to_handle_at, AT_FDCWD, FILE_NAME, 0, 0, 0) },
	{ CALL(inotify_init1, 0) },
	{ CALL(fanotify_init, 0, 0) },
	{ CALL(swapon, FILE_NAME, 0) },
	{ CALL(ioctl, 1, 0x5412 /* TIOCSTI */, HERE) },
	{ CALL(fcntl, 1, F_SETFL, 0) },
	{ CALL(dup2, 1, 9) },
	{ CALL(sendfile, 1, 0, 0, 1) },
	{ CALL(copy_file_range, 0, 0, 1, 0, 1, 0) },
	{ CALL(splice, 0, 0, 1, 0, 1, 0) },
	/* network */
	{ CALL(socket, AF_INET, SOCK_STREAM, 0) },
	{ "socket-unix", NULL, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "socket-netlink", NULL, SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
	{ CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, 0) },
	{ CALL(connect, 0, 0, 0) },
	{ CALL(bind, 0, 0, 0) },
	{ CALL(sendto, 1, HERE, 1, 0, 0, 0) },
	{ CALL(sendmsg, 1, 0, 0) },
	{ CALL(recvmsg, 0, 0, 0) },
	/* programs and processes */
	{ DO(try_exec) },
	{ CALL(execveat, 0, HERE, 0, 0, AT_EMPTY_PATH) },
	{ CALL(memfd_create, HERE, 0) },
	{ CALL(memfd_secret, 0) },
	{ CALL(fork, 0) },
	{ CALL(vfork, 0) },
	{ "clone-process", NULL, SYS_clone, { SIGCHLD, LAST_ARGS_OF_CLONE } },
	{ "clone-user-namespace", NULL, SYS_clone,
	  { CLONE_NEWUSER | SIGCHLD, LAST_ARGS_OF_CLONE } },
	{ "clone-thread-with-files", NULL, SYS_clone,
	  { CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNS,
	    LAST_ARGS_OF_CLONE } },
	{ CALL(clone3, 0, 0) },
	{ CALL(ptrace, 0, 0, 0, 0) },
	{ "ptrace-attach", NULL, SYS_ptrace, { 16, 1, 0, 0 } },
	{ CALL(process_vm_readv, 1, 0, 0, 0, 0, 0) },
	{ CALL(process_vm_writev, 1, 0, 0, 0, 0, 0) },
	{ CALL(kill, 1, 0) },
	{ "kill-all", NULL, SYS_kill, { -1, 0 } },
	{ CALL(tkill, 1, 0) },
	{ CALL(tgkill, 1, 1, 0) },
	{ CALL(rt_sigqueueinfo, 1, 0, 0) },
	{ CALL(pidfd_open, 1, 0) },
	{ CALL(pidfd_getfd, 0, 0, 0) },
	{ CALL(pidfd_send_signal, 0, 0, 0, 0) },
	{ CALL(kcmp, 1, 1, 0, 0, 0) },
	{ CALL(wait4, -1, 0, 0, 0) },
	{ CALL(setpgid, 0, 0) },
	{ CALL(setsid, 0) },
	/* identity, namespaces, limits */
	{ CALL(setuid, 0) },
	{ CALL(setresuid, 0, 0, 0) },
	{ CALL(setgroups, 0, 0) },
	{ CALL(capset, 0, 0) },
	{ CALL(unshare, CLONE_NEWUSER) },
	{ CALL(setns, 0, 0) },
	{ CALL(prlimit64, 0, RLIMIT_AS, 0, 0) },
	{ CALL(setrlimit, RLIMIT_AS, 0) },
	{ CALL(personality, 0x0400000 /* READ_IMPLIES_EXEC */) },
	{ CALL(prctl, PR_SET_DUMPABLE, 1, 0, 0) },
	{ "prctl-parent-death", NULL, SYS_prctl, { PR_SET_PDEATHSIG, 0 } },
	{ "prctl-ptracer", NULL, SYS_prctl, { PR_SET_PTRACER, -1 } },
	{ CALL(seccomp, 0, 0, 0) },
	{ CALL(landlock_create_ruleset, 0, 0, 1) },
	{ CALL(setpriority, 0, 0, -20) },
	{ CALL(sched_setscheduler, 0, 1, 0) },
	/* code */
	{ DO(try_map_code) },
	{ DO(try_make_code) },
	{ DO(try_make_code_by_key) },
	{ DO(try_map_file_as_code) },
	{ DO(try_change_code) },
	{ CALL(shmat, 0, 0, 0) },
	{ CALL(shmget, 0, 4096, 0600) },
	{ CALL(modify_ldt, 0, 0, 0) },
	{ CALL(arch_prctl, 0x1001 /* ARCH_SET_GS */, 0) },
	/* the kernel */
	{ DO(try_io_uring) },
	{ CALL(io_uring_enter, 0, 0, 0, 0, 0, 0) },
	{ CALL(io_setup, 1, 0) },
	{ CALL(userfaultfd, 0) },
	{ CALL(bpf, 0, 0, 0) },
	{ CALL(perf_event_open, 0, 0, -1, -1, 0) },
	{ CALL(keyctl, 0, 0, 0, 0, 0) },
	{ CALL(add_key, 0, 0, 0, 0, 0) },
	{ CALL(request_key, 0, 0, 0, 0) },
	{ CALL(init_module, 0, 0, 0) },
	{ CALL(finit_module, 0, 0, 0) },
	{ CALL(kexec_load, 0, 0, 0, 0) },
	{ CALL(reboot, 0, 0, 0, 0) },
	{ CALL(syslog, 3, 0, 0) },
	{ CALL(acct, 0) },
	{ CALL(quotactl, 0, 0, 0, 0) },
	{ CALL(sethostname, HERE, 1) },
	{ CALL(settimeofday, 0, 0) },
	{ CALL(clock_settime, 0, 0) },
	{ CALL(iopl, 3) },
	{ CALL(msgget, 0, 0) },
	{ CALL(semget, 0, 1, 0) },
	{ CALL(mq_open, HERE, 0, 0, 0) },
	{ CALL(timer_create, 0, 0, 0) },
	{ CALL(eventfd2, 0, 0) },
	{ CALL(membarrier, 0, 0, 0) },
	{ CALL(vmsplice, 0, 0, 0, 0) },
	{ "x32-getpid", NULL, 0x40000000 | SYS_getpid, { 0 } },
	{ "no-such-call", NULL, 100000, { 0 } },
	{ DO(try_int80) },
	/* more of it than there should be */
	{ DO(try_memory) },
	{ DO(try_threads) },
	{ DO(try_large_file) },
};
/* clang-format on */

/* ---- running ------------------------------------------------------------- */

enum { NOT_LOCKED = 200, WORKED = 201 };

static void *
run(void *row)
{
	const struct attack *a = row;
	const long *v = a->args;
	long rc;

	errno = 0;
	rc = a->function ? a->function()
			 : syscall(a->call, v[0], v[1], v[2], v[3], v[4], v[5]);
	_exit(rc < 0 ? errno : WORKED);
}

static _Noreturn void
child_main(const struct attack *a, bool in_thread)
{
	struct sandbox_limits limits = { .memory_bytes = 1 << 30,
					 .cpu_s = 5,
					 .file_bytes = 1 << 20,
					 .files = 8,
					 .threads = LOCKED_THREADS };
	struct sandbox_report report;
	union {
		const struct attack *in;
		void *out;
	} row = { a };
	const char *failed;
	pthread_t thread;

	if (sandbox_lock(&limits, &report, &failed) != 0)
		_exit(NOT_LOCKED);
	if (!in_thread)
		run(row.out);
	if (pthread_create(&thread, NULL, run, row.out) == 0)
		pthread_join(thread, NULL);
	_exit(NOT_LOCKED);
}

static const char *
answer_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS
			   ? "SIGSYS"
			   : sigabbrev_np(WTERMSIG(status));
	if (WEXITSTATUS(status) == NOT_LOCKED)
		return "NOT-LOCKED";
	if (WEXITSTATUS(status) == WORKED)
		return "WORKED";
	return strerrorname_np(WEXITSTATUS(status));
}

int
main(int argc, char **argv)
{
	bool in_thread = argc == 2 && strcmp(argv[1], "--thread") == 0;

	if (argc > 1 && !in_thread)
		return 2;
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
		int status = 0;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0)
			child_main(&attacks[i], in_thread);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 2;
		printf("%s %s\n", attacks[i].name, answer_of(status));
	}
	return 0;
}
