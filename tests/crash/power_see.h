/*
 * power_see.h - what an open store holds, as items with states
 * (power_check.h), read to the last byte.
 */
#ifndef TESTS_CRASH_POWER_SEE_H
#define TESTS_CRASH_POWER_SEE_H

#include "tests/crash/power_check.h"
#include "store/local/local.h"

struct accounts;
struct power_found {
	struct store *s;
	struct local *ls;
	struct arena a; /* of all states */
	struct power_item *v;
	size_t n;
	char *err; /* 512 bytes */
	char *bytes;
};

void power_found_init(struct power_found *f, struct store *s, char err[512]);
void power_found_release(struct power_found *f);
/* 0, or -1 with a line in f->err. @dir: of the data. */
int power_see(struct power_found *f, const char *dir);

/* The item, which is made with an empty state where there is none. The
 * pointer is good until the next call. */
struct power_item *power_found_item(struct power_found *f, struct slice name);
/* The accounts in that directory, or NULL with a line in err. */
struct accounts *power_accounts(const char *dir, char err[512]);
void power_md5(const void *p, size_t n, char out[33]);
/* Writes the line of f->err; -1. */
int power_wrong(struct power_found *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define TRY(f, call)                                                      \
	do {                                                              \
		enum s3_error e_ = (call);                                \
		if (e_ != S3_OK)                                          \
			return power_wrong(f, "%s: error %d", #call, e_); \
	} while (0)

#endif
