/*
 * version.h - the versions of a key: their numbers, their ids, and how
 * one is found.
 *
 * A version has a number, unique in the store and larger than that of every
 * version before it, which stands in the record's name (key.h). Its id is the
 * number and 64 random bits in 26 characters, so an id leads to one record.
 * The null version has a number as well; "null" is found through the current
 * record, whose null_version is its number or that of a record that is gone.
 * Threads: as the transaction.
 */
#ifndef STORE_LOCAL_VERSION_H
#define STORE_LOCAL_VERSION_H

#include "store/local/index.h"

#define VERSION_NULL "null"

/* A number larger than all before it, whatever the clock does: milliseconds
 * and a counter. */
uint64_t version_next(struct local_state *st, int64_t now_us);
/* When it was given out, or later. */
int64_t version_time_us(uint64_t number);
/* An id that begins with @number. Also of multipart uploads. */
void version_id_new(uint64_t number, char out[STORE_VERSION_ID_MAX]);
/* The number of a well-formed id; -1 for what none can be. */
int version_id_parse(struct slice id, uint64_t *number);

struct version {
	uint64_t number;
	bool is_latest;
	struct record_object rec; /* lies in the transaction's map */
};

/*
 * version_find - the version @id of a key, the current one when it is empty;
 * delete markers are found like any other.
 * Returns an LMDB code; where it is 0, *result is S3_OK or NO_SUCH_KEY,
 * NO_SUCH_VERSION, INVALID_ARGUMENT (an id that none can be).
 */
int version_find(struct local *ls, MDB_txn *txn, uint32_t bucket_id,
		 struct slice key, struct slice id, struct version *out,
		 enum s3_error *result);

#endif
