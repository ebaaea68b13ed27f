/*
 * index.h - objects by key in the tables M and T (see key.h): point
 * access and ordered iteration, hiding where long keys are cut.
 *
 * All results are LMDB codes: 0, MDB_NOTFOUND, MDB_CORRUPTED, ... Slices lie
 * in the transaction's map and are valid until its next write or its end.
 * Threads: as the transaction.
 */
#ifndef STORE_LOCAL_INDEX_H
#define STORE_LOCAL_INDEX_H

#include "store/local/key.h"
#include "store/local/local.h"

/* The newest version of exactly @key. */
int index_get(struct local *ls, MDB_txn *txn, uint32_t bucket_id,
	      struct slice key, uint64_t *version, struct slice *value);
/* Exactly that version. */
int index_get_version(struct local *ls, MDB_txn *txn, uint32_t bucket_id,
		      struct slice key, uint64_t version, struct slice *value);
/* Writes head and body as one value; groups are made as needed. */
int index_put(struct writer_txn *t, uint32_t bucket_id, struct slice key,
	      uint64_t version, struct slice head, struct slice body);
/* Removes one version, and the pointers of groups it leaves empty. */
int index_del(struct writer_txn *t, uint32_t bucket_id, struct slice key,
	      uint64_t version);

/* Iteration over one bucket in byte order of the keys, the newest version of
 * each first. */
struct index_cursor {
	struct local *ls;
	MDB_txn *txn;
	struct {
		MDB_cursor *at;
		struct key_scope scope;
	} level[KEY_LEVELS];
	size_t depth; /* level in use */
	/* the record the cursor stands on */
	char key[KEY_LEVELS * KEY_CUT];
	size_t key_n;
	uint64_t version;
	struct slice value;
};

int index_cursor_open(struct index_cursor *c, struct local *ls, MDB_txn *txn,
		      uint32_t bucket_id);
void index_cursor_close(struct index_cursor *c);
/* To the first record with a key >= @from (any bytes but NUL). */
int index_seek(struct index_cursor *c, struct slice from);
/* To the first record at or after @version of @key, which is not newer than
 * it; of @version 0, which no record has: past all of the key. */
int index_seek_version(struct index_cursor *c, struct slice key,
		       uint64_t version);
int index_next(struct index_cursor *c);
static inline struct slice
index_key(const struct index_cursor *c)
{
	return slice_mem(c->key, c->key_n);
}

#endif
