/*
 * seccomp.h - the system calls the worker may still make once it is locked.
 * Everything not in seccomp.c's tables kills the process (SIGSYS).
 */
#ifndef PROCESSOR_MEDIA_SECCOMP_H
#define PROCESSOR_MEDIA_SECCOMP_H

/* For all threads of the process. 0, or -1 with errno. */
int seccomp_install(void);

#endif
