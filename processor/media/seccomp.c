/*
 * The system call filter as three tables: allowed, allowed for certain
 * arguments, and answered with an error. The last are what libraries try on
 * the way and get along without (an optional file, a thread's priority);
 * anything else is a policy violation and ends the process.
 */
#include "processor/media/seccomp.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)
/* Exactly what the C library starts a thread with: no other namespace, no
 * process, no child that shares memory. */
#define THREAD_FLAGS                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	 CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |               \
	 CLONE_CHILD_CLEARTID)

static const int allowed[] = {
	/* data */
	CALL(read),
	CALL(readv),
	CALL(pread64),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(lseek),
	CALL(ftruncate),
	CALL(close),
	/* memory */
	CALL(munmap),
	CALL(brk),
	CALL(madvise),
	CALL(mremap),
	/* threads */
	CALL(futex),
	CALL(set_robust_list),
	CALL(rseq),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(gettid),
	CALL(getpid),
	/* time and chance */
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(getrusage),
	CALL(getrandom),
	CALL(sysinfo),
	/* signals and the end */
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(exit),
	CALL(exit_group),
};

static const struct {
	int call;
	int error;
} refused[] = {
	{ CALL(clone3), ENOSYS }, /* the C library falls back to clone */
	{ CALL(open), EACCES },	      { CALL(openat), EACCES },
	{ CALL(stat), EACCES },	      { CALL(lstat), EACCES },
	{ CALL(newfstatat), EACCES }, { CALL(statx), EACCES },
	{ CALL(access), EACCES },     { CALL(faccessat), EACCES },
	{ CALL(readlink), EACCES },   { CALL(readlinkat), EACCES },
	{ CALL(ioctl), EPERM },	      { CALL(getpriority), EPERM },
	{ CALL(setpriority), EPERM },
};

static int
allow_if(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp condition)
{
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &condition);
}

static int
add_conditional(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp not_exec =
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int rc;

	rc = allow_if(ctx, CALL(clone), SCMP_A0(SCMP_CMP_EQ, THREAD_FLAGS));
	rc |= allow_if(ctx, CALL(mmap), not_exec);
	rc |= allow_if(ctx, CALL(mprotect), not_exec);
	/* abort() of ourselves, nobody else. */
	rc |= allow_if(ctx, CALL(tgkill),
		       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	rc |= allow_if(ctx, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	return rc ? -EINVAL : 0;
}

static int
add_rules(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_LEN(allowed); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !rc && i < ARRAY_LEN(refused); i++)
		rc = seccomp_rule_add(
		    ctx, SCMP_ACT_ERRNO((uint32_t)refused[i].error),
		    refused[i].call, 0);
	return rc ? rc : add_conditional(ctx);
}

int
seccomp_install(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = -ENOMEM;

	if (!ctx)
		goto out;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc) /* a binary tree: reads are not behind forty comparisons */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Calls of other architectures too: not the thread alone. */
	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				      SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = add_rules(ctx);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
out:
	if (rc)
		errno = -rc;
	return rc ? -1 : 0;
}
