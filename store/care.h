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

/* How far a long command is: so many of so many @what (0: nobody knows). */
typedef void store_progress(void *ctx, const char *what, uint64_t done,
			    uint64_t of);

/* ---- checking: local_fsck.c --------------------------------------------- */

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

#endif
