/*
 * power_record.h - what the two files of the recorder share: one lock, the
 * trace, and which descriptors stand for something in the data directory.
 */
#ifndef TESTS_CRASH_POWER_RECORD_H
#define TESTS_CRASH_POWER_RECORD_H

#include "tests/crash/power.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* Covers each call on the data directory together with its record. */
extern pthread_mutex_t rec_mu;
extern pthread_once_t rec_once;
extern useconds_t rec_sync_us;
void rec_begin(void);
_Noreturn void rec_die(const char *what, const char *path);

/* The next definition of a function, looked up once. */
#define REAL(type, name, ...)               \
	static type (*real)(__VA_ARGS__);   \
	pthread_once(&rec_once, rec_begin); \
	if (!real)                          \
	*(void **)(&real) = dlsym(RTLD_NEXT, #name)

/* Under the lock: a whole record, or its pieces with the filling last. */
void rec_record(struct power_record r, const void *first, const void *second);
void rec_record_path(enum power_kind kind, const char *path);
void rec_put(const void *p, size_t n);
void rec_fill(const struct power_record *r);

/* The relative path that a descriptor stands for, NULL: it is not ours. */
const char *rec_path(int fd);
/* That of what a call names; false when it lies elsewhere. */
bool rec_resolve(int dirfd, const char *name, char out[PATH_MAX]);

#endif
