/*
 * blob_walk.h - blob files seen from outside the store: all names below
 * blobs/f, and all rows in order. For check, backup and restore. LMDB codes, or
 * errno through -1 where said. Threads: any.
 */
#ifndef STORE_LOCAL_BLOB_WALK_H
#define STORE_LOCAL_BLOB_WALK_H

#include "store/local/blob.h"

/*
 * blob_walk - calls f for every file below blobs/f, which @root is the
 * descriptor of. @dir: the folder it lies in; @is_blob: its name is that of
 * blob @id in the right place. 0, f's answer when it is not 0, or -1 with
 * errno. What is removed meanwhile may be seen or not.
 */
typedef int blob_visit(void *ctx, int dir, const char *name, bool is_blob,
		       uint64_t id);
int MUST_CHECK blob_walk(int root, blob_visit *f, void *ctx);

/* Blobs of the index in order: the first with an id >= *id. MDB_NOTFOUND
 * behind the last; MDB_CORRUPTED: blob *id has a damaged record;
 * MDB_BAD_VALSIZE: a key that no blob has. */
int blob_next(struct local *ls, MDB_txn *txn, uint64_t *id,
	      struct blob_row *row);

#endif
