/*
 * change.h - what changes a key, inside an operation of the writer: a
 * new current version, or one version less, with blob references, counters
 * and event.
 *
 * Two steps, since an operation decides every logical failure before its
 * first put (writer.h): prepare reads and decides, apply writes. Between them
 * an operation puts rows of its own, and may prepare a change of another key.
 * Prepare sets everything anew, so an operation may run again.
 */
#ifndef STORE_LOCAL_CHANGE_H
#define STORE_LOCAL_CHANGE_H

#include "store/local/version.h"

struct change {
	/* what is asked; zeroed otherwise */
	struct slice bucket;
	struct slice key;
	struct slice version_id;       /* of a removal, of tags; or empty */
	const struct store_cond *cond; /* NULL: none */
	const struct store_note *note;
	/* the new version: prepare sets its seq, epoch, mtime, version id and
	 * null version, the rest is the caller's */
	struct record_object object;
	bool rewrite; /* of an old version, in its place */
	/* of a removal */
	struct store_removed removed;

	/* from prepare to apply */
	uint32_t bucket_id;
	int64_t now_us;
	uint64_t made;		  /* number of the version written, 0: none */
	uint64_t gone;		  /* number of the version that goes, 0: none */
	struct record_object old; /* the one that goes ... */
	struct buf extents_of_old; /* ... and its extents */
	struct buf record, event;
};

/*
 * change_prepare_put - a new current version of the key, which replaces the
 * null version unless versioning is enabled.
 * Returns an LMDB code; where it is 0, *result is S3_OK or NO_SUCH_BUCKET, or
 * that of the conditions.
 */
int change_prepare_put(struct change *c, struct writer_txn *t,
		       enum s3_error *result);
/* As store_remove(): a delete marker is a new version too. Nothing to do is
 * S3_OK, and change_apply() then does nothing. */
int change_prepare_remove(struct change *c, struct writer_txn *t,
			  enum s3_error *result);
/* For a prepare step of another kind: bucket and time; S3_OK, NO_SUCH_BUCKET,
 * INTERNAL_ERROR. Then the event about the version @o; @is_new: with what is
 * known of it, not just its id. LMDB code. */
enum s3_error change_look(struct change *c, struct writer_txn *t,
			  struct local_bucket *out);
int change_event(struct change *c, const struct local_bucket *b,
		 struct slice name, const struct store_object *o, bool is_new);
/* What was prepared. The new version's blobs are the caller's to add. LMDB
 * code. */
int change_apply(struct change *c, struct writer_txn *t);
/* The new version as store_put_commit() answers it: without the slices. */
void change_made(const struct change *c, struct store_object *out);
void change_release(struct change *c); /* scratch */

#endif
