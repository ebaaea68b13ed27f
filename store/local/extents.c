/*
 * Extents and extent sets. Rows are read to the end, or copied, before the
 * first write of a function: LMDB may reuse a page the transaction changed.
 */
#include "store/local/extents.h"
#include "store/local/bytes.h"

#include <errno.h>

#define ROWS_PER_SLICE 8u /* of a set being taken apart: 1,024 extents */

/* ---- encoded extents ---------------------------------------------------- */

/* True when it was joined to the last one. */
static bool
append(struct buf *to, struct record_extent e)
{
	size_t n = extents_count(buf_slice(to));
	struct record_extent last = { 0 };
	bool join;

	if (n > 0)
		last = record_extent(buf_slice(to), n - 1);
	join = n > 0 && last.blob_id == e.blob_id &&
	       last.offset + last.length == e.offset;
	if (join) {
		e.offset = last.offset;
		e.length += last.length;
		to->n -= RECORD_EXTENT_BYTES;
	}
	record_put_extent(to, &e);
	return join;
}

void
extents_append(struct buf *to, struct slice add, struct buf *spare)
{
	for (size_t i = 0; i < extents_count(add); i++) {
		struct record_extent e = record_extent(add, i);

		if (append(to, e))
			record_put_extent(spare, &e);
	}
}

int
extents_cut(struct buf *to, struct slice from, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; size && i < extents_count(from); i++) {
		struct record_extent e = record_extent(from, i);

		if (offset >= e.length) {
			offset -= e.length;
			continue;
		}
		e.offset += offset;
		e.length -= offset;
		offset = 0;
		if (e.length > size)
			e.length = size;
		size -= e.length;
		record_put_extent(to, &e);
	}
	return size ? -1 : 0;
}

int
extents_hold(struct writer_txn *t, struct slice extents)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < extents_count(extents); i++)
		rc = gc_blob_hold(t->ls, t->txn,
				  record_extent(extents, i).blob_id);
	return rc;
}

int
extents_release(struct writer_txn *t, struct slice extents, int64_t now_us)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < extents_count(extents); i++)
		rc = gc_blob_release(t->ls, t->txn,
				     record_extent(extents, i).blob_id, now_us);
	return rc;
}

/* ---- rows of a set ------------------------------------------------------ */

static struct slice
id_key(uint64_t id, uint8_t key[8])
{
	be_put(key, id, 8);
	return slice_mem(key, 8);
}

static struct slice
row_key(uint64_t id, size_t first, uint8_t key[12])
{
	be_put(key, id, 8);
	be_put(key + 8, first, 4);
	return slice_mem(key, 12);
}

static int
set_get(struct local *ls, MDB_txn *txn, uint64_t id, struct record_set *out)
{
	uint8_t key[8];
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_SET, id_key(id, key), &value);

	/* Whoever asks holds a reference. */
	if (rc == MDB_NOTFOUND)
		return MDB_CORRUPTED;
	if (rc == 0 && record_set_decode(value, out) != 0)
		return MDB_CORRUPTED;
	return rc;
}

static int
set_store(struct writer_txn *t, uint64_t id, const struct record_set *set)
{
	struct buf b = BUF_INIT;
	uint8_t key[8];
	int rc = ENOMEM;

	record_set_encode(&b, set);
	if (buf_ok(&b))
		rc = local_row_put(t->ls, t->txn, TABLE_SET, id_key(id, key),
				   buf_slice(&b));
	buf_release(&b);
	return rc;
}

int
set_put(struct writer_txn *t, uint64_t id, struct slice extents,
	const struct store_part *parts, size_t n_parts)
{
	struct record_set set = { .refs = 1,
				  .n_extents = (uint32_t)extents_count(extents),
				  .n_parts = (uint32_t)n_parts };
	struct buf b = BUF_INIT;
	uint8_t key[12];
	int rc = 0;

	for (size_t i = 0; i < n_parts; i++)
		set.size += parts[i].size;
	for (size_t i = 0; rc == 0 && i < set.n_extents; i += SET_ROW_EXTENTS) {
		struct slice rest =
		    slice_from(extents, i * RECORD_EXTENT_BYTES);

		record_extents_encode(
		    &b,
		    slice_head(rest, SET_ROW_EXTENTS * RECORD_EXTENT_BYTES));
		rc = buf_ok(&b)
			 ? local_row_put(t->ls, t->txn, TABLE_EXT,
					 row_key(id, i, key), buf_slice(&b))
			 : ENOMEM;
	}
	for (size_t i = 0; rc == 0 && i < n_parts; i += SET_ROW_PARTS) {
		size_t n = n_parts - i;

		record_parts_encode(&b, parts + i,
				    n < SET_ROW_PARTS ? n : SET_ROW_PARTS);
		rc = buf_ok(&b)
			 ? local_row_put(t->ls, t->txn, TABLE_SETPART,
					 row_key(id, i, key), buf_slice(&b))
			 : ENOMEM;
	}
	buf_release(&b);
	return rc == 0 ? set_store(t, id, &set) : rc;
}

int
set_hold(struct writer_txn *t, uint64_t id)
{
	struct record_set set;
	int rc = set_get(t->ls, t->txn, id, &set);

	if (rc != 0)
		return rc;
	if (set.refs == 0 || set.refs == UINT32_MAX)
		return MDB_CORRUPTED;
	set.refs++;
	return set_store(t, id, &set);
}

int
set_release(struct writer_txn *t, uint64_t id, int64_t now_us)
{
	struct record_set set;
	int rc = set_get(t->ls, t->txn, id, &set);

	if (rc != 0)
		return rc;
	if (set.refs == 0)
		return MDB_CORRUPTED;
	set.refs--;
	rc = set_store(t, id, &set);
	if (rc == 0 && set.refs == 0)
		rc = gc_due_put(t->ls, t->txn, RECORD_DUE_SET, now_us, id);
	return rc;
}

/* ---- reading ------------------------------------------------------------ */

static int
row_extents(struct local *ls, MDB_txn *txn, uint64_t id, size_t first,
	    struct slice *out)
{
	uint8_t key[12];
	struct slice value;
	int rc =
	    local_row_get(ls, txn, TABLE_EXT, row_key(id, first, key), &value);

	if (rc != 0)
		return rc;
	return record_extents_decode(value, out) == 0 ? 0 : MDB_CORRUPTED;
}

int
set_extents(struct local *ls, MDB_txn *txn, uint64_t id, struct buf *to)
{
	struct record_set set;
	size_t got = 0;
	int rc = set_get(ls, txn, id, &set);

	while (rc == 0 && got < set.n_extents) {
		struct slice row;

		rc = row_extents(ls, txn, id, got, &row);
		if (rc == MDB_NOTFOUND || (rc == 0 && row.n == 0))
			rc = MDB_CORRUPTED;
		if (rc == 0)
			buf_put(to, row);
		got += rc == 0 ? extents_count(row) : 0;
	}
	if (rc == 0 && !buf_ok(to))
		rc = ENOMEM;
	return rc == 0 && got != set.n_extents ? MDB_CORRUPTED : rc;
}

/* One row of parts, with their numbers. */
static int
row_parts(struct local *ls, MDB_txn *txn, uint64_t id, uint32_t first,
	  struct store_part out[SET_ROW_PARTS], size_t *n)
{
	uint8_t key[12];
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_SETPART, row_key(id, first, key),
			       &value);

	if (rc == MDB_NOTFOUND)
		return MDB_CORRUPTED;
	if (rc == 0 && record_parts_decode(value, out, n) != 0)
		return MDB_CORRUPTED;
	for (uint32_t i = 0; rc == 0 && i < *n; i++)
		out[i].number = first + i + 1;
	return rc;
}

int
set_parts(struct local *ls, MDB_txn *txn, uint64_t id, uint32_t after,
	  uint32_t max, struct store_part *out, size_t *n)
{
	struct store_part row[SET_ROW_PARTS];
	struct record_set set;
	int rc = set_get(ls, txn, id, &set);

	*n = 0;
	while (rc == 0 && *n < max && after < set.n_parts) {
		uint32_t skip = after % SET_ROW_PARTS;
		size_t in_row;

		rc = row_parts(ls, txn, id, after - skip, row, &in_row);
		if (rc == 0 && in_row <= skip)
			rc = MDB_CORRUPTED;
		for (; rc == 0 && skip < in_row && *n < max; skip++, after++)
			out[(*n)++] = row[skip];
	}
	return rc;
}

/* ---- the end of a set --------------------------------------------------- */

static int
drop_rows(struct writer_txn *t, enum local_table table, uint64_t id, size_t n,
	  size_t per_row)
{
	uint8_t key[12];

	for (size_t i = 0; i < n; i += per_row) {
		int rc =
		    local_row_del(t->ls, t->txn, table, row_key(id, i, key));

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The last row of extents: @left of them are still there. */
static int
drop_last(struct writer_txn *t, uint64_t id, uint32_t *left, int64_t now_us,
	  struct buf *copy)
{
	uint32_t first = (*left - 1) / SET_ROW_EXTENTS * SET_ROW_EXTENTS;
	uint8_t key[12];
	struct slice row;
	int rc = row_extents(t->ls, t->txn, id, first, &row);

	if (rc != 0)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	buf_clear(copy);
	buf_put(copy, row);
	if (!buf_ok(copy))
		return ENOMEM;
	rc = extents_release(t, buf_slice(copy), now_us);
	*left = first;
	return rc == 0 ? local_row_del(t->ls, t->txn, TABLE_EXT,
				       row_key(id, first, key))
		       : rc;
}

int
set_take_apart(struct writer_txn *t, uint64_t id, int64_t now_us, bool *done)
{
	struct buf copy = BUF_INIT;
	struct record_set set;
	uint8_t key[8];
	int rc = set_get(t->ls, t->txn, id, &set);

	if (rc == 0 && set.refs > 0)
		rc = MDB_CORRUPTED;
	for (unsigned i = 0; rc == 0 && i < ROWS_PER_SLICE && set.n_extents > 0;
	     i++)
		rc = drop_last(t, id, &set.n_extents, now_us, &copy);
	buf_release(&copy);
	*done = rc == 0 && set.n_extents == 0;
	if (rc != 0 || !*done)
		return rc == 0 ? set_store(t, id, &set) : rc;
	rc = drop_rows(t, TABLE_SETPART, id, set.n_parts, SET_ROW_PARTS);
	return rc == 0
		   ? local_row_del(t->ls, t->txn, TABLE_SET, id_key(id, key))
		   : rc;
}
