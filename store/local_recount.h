/*
 * local_recount.h - are all reference counts right? Counts every reference in
 * the index anew and compares, in one read transaction; for checks of a whole
 * store, offline or in tests.
 */
#ifndef STORE_LOCAL_RECOUNT_H
#define STORE_LOCAL_RECOUNT_H

#include "store/local.h"

/*
 * Appends one line to @report for each of: a blob or set whose count is not
 * the number of references to it; a reference to one that is not there; one
 * without references, or parts without their upload, that table gc does not
 * name; counters of the state that differ. *n: how many. LMDB code.
 */
int local_recount(struct local *ls, struct buf *report, size_t *n);

#endif
