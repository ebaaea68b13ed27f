/*
 * recount.h - are all reference counts right? Counts every reference in
 * the index anew and compares, in one read transaction; for checks of a whole
 * store, offline or in tests.
 */
#ifndef STORE_LOCAL_RECOUNT_H
#define STORE_LOCAL_RECOUNT_H

#include "store/local/local.h"

/*
 * recount_all - one line for each of: a blob or set whose count is not the
 * number of references to it; a reference to one that is not there; one
 * without references, or parts without their upload, that table gc does not
 * name; counters of the state that differ. LMDB code.
 * @pass_damaged: go on behind a row that cannot be read, instead of
 * MDB_CORRUPTED; what it refers to then counts as not referred to.
 * Takes 8 bytes of memory for each reference.
 */
typedef void recount_differs(void *ctx, const char *line);
int recount_all(struct local *ls, MDB_txn *txn, bool pass_damaged,
		recount_differs *report, void *ctx);
/* The same of an open store: appends the lines, *n: how many. */
int local_recount(struct local *ls, struct buf *report, size_t *n);

#endif
