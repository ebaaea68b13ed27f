/*
 * care.h - looking after a local store: what operators do with it, beside the
 * data plane of store.h. Public, like store.h.
 *
 * Functions that take a struct store work on one that is open; with another
 * backend than the local one they answer S3_ERR_NOT_IMPLEMENTED. Those that
 * take a directory are for a store that nobody has open (they lock it) or for
 * a backup; they return 0, or -1 with one line for the user in err (512
 * bytes).
 * Threads: any, unless said otherwise. Strings are the caller's.
 */
#ifndef STORE_CARE_H
#define STORE_CARE_H

#include "store/store.h"

#define STORE_LOCAL_FORMAT 2u /* of the disk, see docs/store-format.md */

/* How far a long command is: so many of so many @what (0: nobody knows). */
typedef void store_progress(void *ctx, const char *what, uint64_t done,
			    uint64_t of);

/* ---- checking: local/fsck.c --------------------------------------------- */

struct store_finding {
	const char *kind;    /* "record", "key", "object", "reference", ... */
	struct slice bucket; /* what it is about; empty: no object */
	struct slice key;
	const char *version_id;
	const char *text; /* one line */
};

struct store_fsck_conf {
	const char *dir;    /* holds index/ and blobs/ */
	const char *backup; /* name of a file that tells a backup: there, files
			       that no row names are counted, not reported */
	bool bytes;	    /* read every blob and compare its checksums */
	bool index_only;    /* there are no blobs to look at */
	void (*found)(void *ctx, const struct store_finding *f);
	store_progress *progress;
	void *ctx;
};

struct store_fsck_result {
	uint64_t rows;
	uint64_t objects; /* versions, without delete markers */
	uint64_t bytes;	  /* of them */
	uint64_t blobs;
	uint64_t blob_bytes;
	uint64_t orphans; /* files that no row names */
	uint64_t orphan_bytes;
	uint64_t findings;
};

/*
 * store_fsck - reads the whole index, and blobs/ as far as asked, and tells
 * all that does not fit; changes nothing. 0 when it came to the end, whatever
 * it found. LMDB has no checksums of its own: a damaged page can end the
 * process by SIGSEGV, SIGBUS or SIGABRT, so call it in a child.
 */
int MUST_CHECK store_fsck(const struct store_fsck_conf *conf,
			  struct store_fsck_result *out, char err[512]);

/* ---- the index: local/watch.c ------------------------------------------- */

struct store_index_status {
	uint64_t bytes;	     /* of its file, as far as it is in use */
	uint64_t used_bytes; /* the others are free for what comes */
	uint64_t map_bytes;  /* it can grow to */
	unsigned readers;    /* read transactions, a second ago at most */
	/* For how long the oldest of them has kept replaced pages from being
	 * used again: 0, or as seen once a second. */
	int64_t oldest_reader_us;
	unsigned backups; /* that hold back what is to be unlinked */
};

/* Of an open store; cheap. */
enum s3_error MUST_CHECK store_index_status(struct store *s,
					    struct store_index_status *out);

/* ---- epochs: local/epoch.c ---------------------------------------------- */

struct store_identity {
	char deployment_id[40];
	char epoch[40];
	uint64_t last_seq; /* of events */
	uint64_t objects;
	uint64_t bytes;
};

/*
 * store_new_epoch - for a store that was brought back to an earlier state,
 * before a gateway uses it: the events that follow are others than those that
 * were written before under the same numbers, and the relay tells them apart
 * by the epoch. Also passes over the ids of all files below blobs/, which may
 * be newer than the index.
 */
int MUST_CHECK store_new_epoch(const char *data_dir, struct store_identity *out,
			       char err[512]);

/* ---- backup: local/backup.c, local/copies.c ----------------------------- */

/*
 * Of an open store: from the return of store_backup_begin to
 * store_backup_end no blob is unlinked that the copy of the index refers to.
 * The index as it is, without its free pages, is written to @fd, one read
 * transaction long: pages that are replaced meanwhile are not reused.
 * INSUFFICIENT_STORAGE, INTERNAL_ERROR: nothing is held then.
 */
enum s3_error MUST_CHECK store_backup_begin(struct store *s, int fd);
void store_backup_end(struct store *s);

struct store_copies_conf {
	const char *from; /* directories that hold index/ and blobs/ */
	const char *to;
	bool index_only;
	/* One line for each blob that is not as it was written. */
	void (*damaged)(void *ctx, const char *line);
	store_progress *progress;
	void *ctx;
};

struct store_copies_result {
	struct store_identity identity;
	uint64_t blobs; /* that the index refers to */
	uint64_t blob_bytes;
	uint64_t copied;
	uint64_t copied_bytes;
	uint64_t removed;
	uint64_t damaged;
};

/*
 * A backup into conf->to, step by step: the lock and a file for the new index,
 * whose bytes the caller provides; the blobs that it refers to and the folder
 * lacks; the index in place of the last one, and what nobody refers to any
 * more removed. Until the last step the folder holds the backup it held.
 * A damaged blob is copied as it is, and one that is missing left out: both
 * are told, and a restored store answers with an error, not with its bytes.
 */
struct store_copies;
struct store_copies *store_backup_open(const struct store_copies_conf *conf,
				       char err[512]);
int store_backup_fd(const struct store_copies *c); /* for the new index */
int MUST_CHECK store_backup_blobs(struct store_copies *c, char err[512]);
int MUST_CHECK store_backup_finish(struct store_copies *c, char err[512]);
const struct store_copies_result *
store_copies_result(const struct store_copies *c);
void store_copies_close(struct store_copies *c); /* NULL is fine */

/*
 * store_restore - the backup conf->from as the store conf->to, which has no
 * index, and begins a new epoch. The index comes last: before, no gateway
 * starts there. With index_only the blobs are those that lie there.
 */
int MUST_CHECK store_restore(const struct store_copies_conf *conf,
			     struct store_copies_result *out, char err[512]);

/* ---- scrubbing: local/scrub.c, local/scrub_state.c ---------------------- */

/*
 * One thread reads the index and then every blob in order of its id, from the
 * disk, and compares: a pass. Passes begin by themselves an interval after the
 * last one ended (store_local_conf) or when asked for; where one is, and the
 * list of damage, is kept in DATA/scrub, so it goes on after a restart.
 */

/* An object or, with upload_id, a part of an open upload that a damaged block
 * belongs to. */
struct store_damaged_object {
	struct slice bucket;
	struct slice key;
	char version_id[STORE_VERSION_ID_MAX];
	char upload_id[STORE_UPLOAD_ID_MAX]; /* or "" */
};

#define STORE_DAMAGED_OBJECTS_MAX 32u /* told for each block */

struct store_damage {
	const char *text;  /* "the block's CRC-32C differs", ... */
	const char *place; /* below DATA: "blobs/f/..."; or the row */
	uint64_t block;	   /* of 1 MiB, in the file */
	int64_t found_us;
	struct store_damaged_object *objects; /* where asked for */
	size_t n_objects;
	bool more_objects;
};

struct store_scrub_status {
	bool running;
	bool in_index;	     /* its first phase: index, then blobs */
	uint64_t rate;	     /* bytes per second, 0: unbounded */
	int64_t started_us;  /* of the pass that runs, or was the last */
	int64_t finished_us; /* of the last that came to its end; 0: none */
	int64_t next_us;     /* when one begins by itself; 0: never */
	uint64_t passes;     /* that came to their end */
	/* of the pass that runs, or was the last */
	uint64_t bytes;
	uint64_t bytes_of; /* all together, as far as it was known then */
	uint64_t blobs;
	const struct store_damage *damage; /* in order of the blobs' ids */
	size_t n_damage;
	uint64_t damage_lost; /* found no room in the list */
	uint64_t damage_met;  /* since the start, by readers and passes */
};

/* Begins a pass, or changes the rate of the one that runs. @rate: bytes per
 * second; 0: as fast as it goes; UINT64_MAX: the configured one, or 20 MB/s. */
enum s3_error MUST_CHECK store_scrub_start(struct store *s, uint64_t rate);
/* Ends the pass that runs, if any; the next is an interval away. */
enum s3_error MUST_CHECK store_scrub_stop(struct store *s);
/* Does a block that holds bytes of this read stand in the list of damage? */
bool store_read_is_damaged(struct store_read *r);
/* @objects: also what the damage belongs to, which reads the records of all
 * objects when there is damage. */
enum s3_error MUST_CHECK store_scrub_status(struct store *s, bool objects,
					    struct arena *a,
					    struct store_scrub_status *out);

#endif
