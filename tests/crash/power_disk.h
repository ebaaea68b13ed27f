/*
 * power_disk.h - a model of what a disk may hold after a power cut.
 *
 * Records of a trace are applied in order. What POSIX promises is durable:
 * bytes and size of a file once a sync of it returned (a write with O_DSYNC by
 * itself), names of a folder once a sync of the folder returned. Everything
 * else is pending, and after a cut may be there or not, in any combination;
 * a write may be there in part, in pieces of 512 bytes, and a file may have
 * its new size without the bytes.
 * Threads: one.
 */
#ifndef TESTS_CRASH_POWER_DISK_H
#define TESTS_CRASH_POWER_DISK_H

#include "tests/crash/power.h"

#include <stdbool.h>

/* What became of the pending changes. */
enum power_outcome {
	POWER_DROP,    /* all lost */
	POWER_KEEP,    /* all there */
	POWER_NAMES,   /* names there, bytes and sizes lost */
	POWER_BYTES,   /* bytes there, names lost */
	POWER_SIZES,   /* names and sizes there, the new bytes are zeros */
	POWER_JOURNAL, /* as ext4: a file's sync brings its name, and all names
			  that are older; the rest lost */
	POWER_TORN,    /* each at random, in pieces */
	POWER_OUTCOMES
};
extern const char *const power_outcome_names[POWER_OUTCOMES];

/* Promises that are not kept, for negative controls. */
enum power_lie {
	POWER_HONEST,
	POWER_NO_FILE_SYNC,    /* syncs of files do nothing, but of the index */
	POWER_NO_FOLDER_SYNC,  /* syncs of folders do nothing */
	POWER_NO_FIRST_COMMIT, /* nothing is synced from a kill to the next mark
				*/
	POWER_COMMIT_FIRST     /* those syncs happen only after the next commit
				  of the index */
};

struct power_disk;
struct power_disk *power_disk_new(enum power_lie lie);
/* Holds what is in the folder @path, all of it durable. */
struct power_disk *power_disk_load(enum power_lie lie, const char *path);
void power_disk_free(struct power_disk *d);

/*
 * One record: begin is the change, end what the call promised when it
 * returned. Between the two lies a moment of its own where
 * power_disk_promises() says so.
 */
void power_disk_begin(struct power_disk *d, const struct power_record *r,
		      const char *data);
bool power_disk_promises(const struct power_disk *d,
			 const struct power_record *r);
void power_disk_end(struct power_disk *d, const struct power_record *r);

/* The process was killed, the machine runs on: nothing is lost, nothing becomes
 * durable. */
void power_disk_kill(struct power_disk *d);

/* Writes a disk after a cut at this moment into the new folder @path. @seed
 * chooses where the outcome is left to chance. */
void power_disk_cut(const struct power_disk *d, enum power_outcome o,
		    uint64_t seed, const char *path);

/* Does the real folder @path hold what the model says? 0, or -1 with a line in
 * err. */
int power_disk_compare(const struct power_disk *d, const char *path,
		       char err[512]);

#endif
