/*
 * power_work.h - what the recorded program of the power-cut test does to its
 * store, and what it tells of it (power_check.h).
 *
 * Each worker is a thread with keys of its own in buckets that all share, and
 * knows exactly what lies there. An operation changes copies of the keys it
 * touches, tells them as what will be, does it, and tells them again with the
 * ids that the store gave. Whatever the store refuses ends the program.
 */
#ifndef TESTS_CRASH_POWER_WORK_H
#define TESTS_CRASH_POWER_WORK_H

#include "tests/crash/power.h"
#include "tests/crash/power_check.h"
#include "auth/accounts.h"
#include "store/store.h"

#include <pthread.h>
#include <unistd.h>

#define BUCKETS 3u /* not versioned, versioned, suspended */
#define KEYS 3u	   /* of a worker in each bucket */
#define VERSIONS 6u
#define PARTS 2u
#define PART_MIN 5242880u
#define ACCOUNT_KEYS 3u

struct version {
	char id[STORE_VERSION_ID_MAX];
	char etag[STORE_ETAG_MAX];
	char md5[33];
	uint64_t size;
	unsigned tag;
	bool marker;
};

struct part {
	char md5[33];
	uint64_t size; /* of content @seed */
	uint32_t seed;
};

struct key {
	unsigned bucket;
	char name[700];
	struct version v[VERSIONS]; /* newest first */
	size_t n;
	char upload[STORE_UPLOAD_ID_MAX];
	struct part parts[PARTS];
	size_t n_parts;
};

struct worker {
	struct store *s;
	struct accounts *accounts;
	unsigned account_keys[ACCOUNT_KEYS]; /* of its account */
	size_t n_account_keys;		     /* 0: it has none */
	unsigned no;
	unsigned steps;
	uint32_t seed;
	struct key keys[BUCKETS * KEYS];
	struct arena a;
	pthread_t thread;
};

/* An operation: up to three keys, as they are and as they will be. */
struct op {
	struct worker *w;
	struct key *is[3];
	struct key next[3];
	unsigned events[3];
	size_t n;
};

extern const char *const bucket_names[BUCKETS];
extern const struct store_note note;

#define CHECK(cond)                                                        \
	do {                                                               \
		if (!(cond)) {                                             \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#cond);                                    \
			_exit(1);                                          \
		}                                                          \
	} while (0)

/* ---- power_model.c ------------------------------------------------------ */

/* Makes @k part of the operation; the copy to change. */
struct key *touch(struct op *op, struct key *k, unsigned events);
/* A marker in the place of a marker looks the same before and after: what
 * cannot be told apart is not done. */
bool can_be_seen(const struct op *op);
void tell_begin(const struct op *op);
/* Tells, and makes the copies what is; forgets them. */
void tell_ack(struct op *op);
/* An item that is no key; "begin" or "ack". */
void tell_item(unsigned worker, const char *what, const char *item,
	       const char *state);

uint32_t rnd(struct worker *w, uint32_t below);
unsigned unique(void);
void unique_from(unsigned n);
/* The bytes of a part, and those of a new one. */
void fill(char *p, size_t n, uint32_t seed);
char *make_part(struct part *p, size_t size);

struct slice bucket_of(const struct key *k);
void drop_version(struct key *k, size_t i);
/* A new version on top; the id "?" is not known yet. */
struct version *new_version(struct key *k);
/* A removal that names no version; how many events it has. */
unsigned remove_top(struct key *k);

/* ---- power_work.c ------------------------------------------------------- */

/* Each way to write at least once: also those too large to come often. */
void work_script(struct worker *w);
/* A random operation on a random key. */
void work_step(struct worker *w);

/* ---- power_driver.c ----------------------------------------------------- */

/* Of the control that writes events late: before an acknowledgement. */
void write_late_events(struct store *s);

#endif
