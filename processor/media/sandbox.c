/*
 * The sandbox, in the order its steps depend on each other: identity first
 * (it resets what comes after), then flags, Landlock and limits, and the
 * system call filter last, because it forbids all the others.
 */
#include "processor/media/sandbox.h"
#include "processor/media/seccomp.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
/* Threads a codec starts beside those it is told of, and a reserve. */
#define THREADS_PER_THREAD 8
#define THREADS_SPARE 64
#define THREADS_OF_USER 4096 /* where the broker's and others' count too */
/* Since Linux 6.3, and not in Debian's header. */
#define SET_MDWE 65
#define MDWE_REFUSE_EXEC_GAIN 1

/*
 * Debian's header ends at ABI 2; the kernel's numbers are fixed, and a right
 * is only asked for when the running kernel knows it.
 */
#define FS_RIGHTS_ABI1 ((1ull << 13) - 1) /* EXECUTE .. MAKE_SYM */
#define FS_REFER (1ull << 13)
#define FS_TRUNCATE (1ull << 14)
#define FS_IOCTL_DEV (1ull << 15)
#define NET_BIND_TCP (1ull << 0)
#define NET_CONNECT_TCP (1ull << 1)
#define SCOPE_ABSTRACT_UNIX (1ull << 0)
#define SCOPE_SIGNAL (1ull << 1)

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/*
 * Root becomes nobody; who is nobody special stays who he is. A namespace of
 * users brings every capability within it: those go at once.
 */
static int
drop_identity(struct sandbox_report *report)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
						 0 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int others = CLONE_NEWNET | CLONE_NEWIPC;

	report->net_namespace = unshare(others) == 0;
	if (geteuid() == 0) {
		if (setgroups(0, NULL) != 0 ||
		    setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) != 0)
			return -1;
		report->uid_dropped = true;
	}
	if (report->net_namespace)
		others = 0;
	report->user_namespace = unshare(CLONE_NEWUSER | others) == 0;
	report->net_namespace = report->net_namespace || report->user_namespace;
	return (int)syscall(SYS_capset, &head, none);
}

/* After drop_identity(), which resets the parent's death signal: whoever lost
 * the parent meanwhile has nobody to work for. */
static int
set_process_flags(pid_t parent, struct sandbox_report *report)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return -1;
	report->no_exec_gain =
	    prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0;
	errno = ESRCH;
	return getppid() == parent ? 0 : -1;
}

static int
set_limit(int what, int64_t value)
{
	struct rlimit limit;

	/* Never raise: the broker may have set a lower one. */
	if (getrlimit((__rlimit_resource_t)what, &limit) != 0)
		return -1;
	if (limit.rlim_max == RLIM_INFINITY || (rlim_t)value < limit.rlim_max)
		limit.rlim_max = (rlim_t)value;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &limit);
}

static int
set_limits(const struct sandbox_limits *limits, struct sandbox_report *report)
{
	const struct {
		int what;
		int64_t value;
	} table[] = {
		{ RLIMIT_CPU, limits->cpu_s },
		{ RLIMIT_FSIZE, limits->file_bytes },
		{ RLIMIT_NOFILE, limits->files },
		{ RLIMIT_NPROC, report->threads_max },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },
		{ RLIMIT_RTPRIO, 0 },
	};

	/* AddressSanitizer maps terabytes of shadow. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	if (limits->memory_bytes) {
		if (set_limit(RLIMIT_AS, limits->memory_bytes) != 0)
			return -1;
		report->memory_limit = true;
	}
#endif
	/* A file that grows too large is an error (EFBIG), not a death. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return -1;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (set_limit(table[i].what, table[i].value) != 0)
			return -1;
	return 0;
}

/* A ruleset that handles everything and allows nothing. */
static struct ruleset_attr
deny_all(int abi, size_t *size)
{
	struct ruleset_attr attr = { .handled_access_fs = FS_RIGHTS_ABI1 };

	*size = sizeof(attr.handled_access_fs);
	if (abi >= 2)
		attr.handled_access_fs |= FS_REFER;
	if (abi >= 3)
		attr.handled_access_fs |= FS_TRUNCATE;
	if (abi >= 4) {
		attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
		*size += sizeof(attr.handled_access_net);
	}
	if (abi >= 5)
		attr.handled_access_fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		*size += sizeof(attr.scoped);
	}
	return attr;
}

static void
set_landlock(struct sandbox_report *report)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset_attr attr;
	size_t size;
	int fd;

	if (abi < 1)
		return;
	report->landlock_abi = (int)abi;
	attr = deny_all((int)abi, &size);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return;
	report->landlock = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
}

int
sandbox_lock(const struct sandbox_limits *limits, struct sandbox_report *report,
	     const char **failed)
{
	pid_t parent = getppid();

	*report = (struct sandbox_report){ 0 };
	*failed = "uid";
	if (drop_identity(report) != 0)
		return -1;
	*failed = "prctl";
	if (set_process_flags(parent, report) != 0)
		return -1;
	set_landlock(report);
	/* Linux counts processes by user within a namespace of users. */
	report->threads_max =
	    report->user_namespace
		? THREADS_SPARE + THREADS_PER_THREAD * limits->threads
		: THREADS_OF_USER;
	*failed = "rlimit";
	if (set_limits(limits, report) != 0)
		return -1;
	*failed = "seccomp";
	if (seccomp_install() != 0)
		return -1;
	report->seccomp = true;
	return 0;
}
