/*
 * local_change.h - the operations that change an object, as the writer runs
 * them: object, blobs, counters and event in one transaction.
 */
#ifndef STORE_LOCAL_CHANGE_H
#define STORE_LOCAL_CHANGE_H

#include "store/local_index.h"

struct change {
	struct writer_op op; /* first */
	struct slice bucket;
	struct slice key;
	const struct store_cond *cond; /* NULL: none */
	const struct store_note *note;
	char event_id[STORE_EVENT_ID_MAX];
	/* put only: the new object; seq, epoch and mtime are set by the run */
	struct record_object object;
	struct slice data;	      /* inline bytes */
	const struct blob_file *blob; /* or NULL */
	/* answer of a removal */
	bool existed;
	/* scratch, kept over repeated runs */
	struct buf head, event, extents;
};

/* Frees the scratch. */
enum s3_error change_put(struct local *ls, struct change *c);

#endif
