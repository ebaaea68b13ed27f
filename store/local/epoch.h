/*
 * epoch.h - a new epoch in an index that is open for writing and used by
 * nobody else. Threads: one.
 */
#ifndef STORE_LOCAL_EPOCH_H
#define STORE_LOCAL_EPOCH_H

#include "store/care.h"
#include "store/local/local.h"

/* @data_dir: whose blobs/ the index is for. 0, or -1 with a line in err. */
int MUST_CHECK epoch_begin(struct local *ls, const char *data_dir,
			   struct local_state *st, char err[512]);
void epoch_identity(const struct local *ls, const struct local_state *st,
		    struct store_identity *out);

#endif
