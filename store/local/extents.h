/*
 * extents.h - bytes in many pieces. A part of an upload keeps its
 * extents in its own row, an object of one piece too; an object made of parts
 * keeps them in an extent set, together with sizes and checksums of the parts,
 * so that a copy of it is one reference more, however many there are.
 *   table set      set id                        -> references and totals
 *   table ext      set id (8) | number (4)       -> up to 128 extents
 *   table setpart  set id (8) | number (4)       -> up to 64 parts
 * (number: of the row's first extent or part, from 0). A set never changes
 * but for its references; the last one that goes leaves it to the keeper,
 * which takes it apart in slices.
 * Extents are passed encoded, see record_extent(). LMDB codes.
 * Threads: as the transaction.
 */
#ifndef STORE_LOCAL_EXTENTS_H
#define STORE_LOCAL_EXTENTS_H

#include "store/local/local.h"
#include "store/local/upload_record.h"

/* An object has no more pieces, nor has a part: copies of ranges of copies,
 * which could double them each time, end here. */
#define EXTENTS_MAX 65536u
#define PART_EXTENTS_MAX 4096u
static inline size_t
extents_count(struct slice extents)
{
	return extents.n / RECORD_EXTENT_BYTES;
}

/* Appends @add, joining what lies side by side in one blob. Each extent holds
 * a reference: those that were joined to another go to @spare, to be released
 * with the new list. */
void extents_append(struct buf *to, struct slice add, struct buf *spare);
/* Appends those of @from that hold the bytes [offset, offset + size); -1 when
 * they do not reach so far. */
int MUST_CHECK extents_cut(struct buf *to, struct slice from, uint64_t offset,
			   uint64_t size);
/* One reference more, or less, to the blob of each. */
int extents_hold(struct writer_txn *t, struct slice extents);
int extents_release(struct writer_txn *t, struct slice extents, int64_t now_us);

/* A set with one reference. @parts: with offsets. */
int set_put(struct writer_txn *t, uint64_t id, struct slice extents,
	    const struct store_part *parts, size_t n_parts);
int set_hold(struct writer_txn *t, uint64_t id);
int set_release(struct writer_txn *t, uint64_t id, int64_t now_us);
/* All of its extents, appended. */
int set_extents(struct local *ls, MDB_txn *txn, uint64_t id, struct buf *to);
/* Parts after number @after, at most @max, which out has room for. */
int set_parts(struct local *ls, MDB_txn *txn, uint64_t id, uint32_t after,
	      uint32_t max, struct store_part *out, size_t *n);
/* Takes a slice of a set without references away; @done: nothing is left. */
int set_take_apart(struct writer_txn *t, uint64_t id, int64_t now_us,
		   bool *done);

#endif
