/*
 * power_check.h - what a store must hold after a power cut, and whether it
 * does.
 *
 * The program under test tells by marks what it is about to do and what was
 * acknowledged. A mark is text in lines: "begin W" or "ack W" (W: which of its
 * threads), then per item "EVENTS<tab>ITEM<tab>STATE". Items and states:
 *   b/BUCKET      VERSIONING MD5-OF-ITS-CORS-DOCUMENT
 *   k/BUCKET/KEY  of each version, newest first: ID ETAG SIZE MD5 TAG; or
 *                 ID marker;
 *   u/BUCKET/KEY  of the open upload: ID NUMBER:ETAG:SIZE,...;
 *   a/ACCOUNT     its access keys, each with a comma behind it
 *   acked         the last event delivered
 * After a process was killed, its successor tells in "seen 0" all that it
 * found. An empty state: not there. In "begin", a word "?" stands for any.
 * EVENTS is how many the operation adds for that item.
 */
#ifndef TESTS_CRASH_POWER_CHECK_H
#define TESTS_CRASH_POWER_CHECK_H

#include "base/buf.h"

#define POWER_MASTER_KEY "a master key of thirty-two characters or more"
#define POWER_WORKERS 8u
#define POWER_OP_ITEMS 8u

struct power_item {
	struct slice name;
	struct slice state;
	unsigned events;
};

struct power_op {
	struct power_item v[POWER_OP_ITEMS];
	size_t n; /* 0: nothing is going on */
};

/* What was acknowledged so far, and what is going on. Slices point into the
 * marks, which must stay. */
struct power_expect {
	struct power_item *v;
	size_t n;
	struct power_op flying[POWER_WORKERS];
};

/* 0, or -1: no such mark. */
int power_expect_mark(struct power_expect *e, struct slice mark);
/* The item as it was acknowledged; an empty state where it was not. */
const struct power_item *power_acknowledged(const struct power_expect *e,
					    struct slice name);
/* Is @got the state @want, in which a word "?" stands for any? */
bool power_matches(struct slice want, struct slice got);
void power_expect_release(struct power_expect *e);

/* Opens the store in @dir and compares. 0, or -1 with one line in err. */
int power_check(const char *dir, const struct power_expect *e, char err[512]);

#endif
