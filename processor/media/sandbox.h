/*
 * sandbox.h - the doors the worker closes behind itself before it touches a
 * byte of the input. A decoder is assumed to be taken over: what is left must
 * be worthless.
 *
 * sandbox_lock() must be called by the only thread, with every descriptor it
 * will ever need already open: no path can be opened afterwards. What the
 * kernel does not offer (namespaces in a container, Landlock) is reported, not
 * an error; no_new_privs, the limits and the system call filter are required.
 */
#ifndef PROCESSOR_MEDIA_SANDBOX_H
#define PROCESSOR_MEDIA_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sandbox_limits {
	int64_t memory_bytes; /* address space; 0: unlimited */
	int64_t cpu_s;
	int64_t file_bytes; /* largest output file */
	int files;	    /* highest descriptor + 1 */
	int threads;	    /* of each decoder and encoder */
};

struct sandbox_report {
	bool uid_dropped; /* was root, is nobody */
	bool user_namespace;
	bool net_namespace; /* and that of System V and POSIX IPC */
	bool memory_limit;  /* false under AddressSanitizer */
	int threads_max;    /* of this process with its own user namespace,
			       else of the user */
	bool no_exec_gain;  /* the kernel refuses to make memory executable */
	int landlock_abi;   /* 0: the kernel has none */
	bool landlock;
	bool seccomp;
};

/* 0, or -1 with errno and *failed naming the step. */
int sandbox_lock(const struct sandbox_limits *limits,
		 struct sandbox_report *report, const char **failed);

#endif
