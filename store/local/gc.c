/*
 * Reference counts of blobs, and table gc: what the keeper has to do, and from
 * when on. The last release of a blob puts its row there in the same
 * transaction.
 */
#include "store/local/local.h"
#include "store/local/bytes.h"

static struct slice
id_key(uint64_t id, uint8_t key[8])
{
	be_put(key, id, 8);
	return slice_mem(key, 8);
}

int
gc_blob_decode(struct slice value, struct blob_row *b)
{
	struct record_reader r;

	if (record_open(value, RECORD_BLOB, &r, NULL) != 0)
		return MDB_CORRUPTED;
	b->refs = record_get_int(&r, 4);
	b->size = record_get_int(&r, 8);
	return record_done(&r) == 0 ? 0 : MDB_CORRUPTED;
}

int
gc_blob_get(struct local *ls, MDB_txn *txn, uint64_t id, struct blob_row *b)
{
	uint8_t key[8];
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_BLOB, id_key(id, key), &value);

	return rc == 0 ? gc_blob_decode(value, b) : rc;
}

static int
blob_row_put(struct local *ls, MDB_txn *txn, uint64_t id, struct blob_row row)
{
	struct buf b = BUF_INIT;
	uint8_t key[8];

	record_begin(&b, RECORD_BLOB);
	record_int(&b, row.refs, 4);
	record_int(&b, row.size, 8);
	return local_record_put(ls, txn, TABLE_BLOB, id_key(id, key), &b);
}

int
gc_blob_add(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t size,
	    struct slice crcs)
{
	int rc = blob_row_put(ls, txn, id, (struct blob_row){ 1, size });

	for (uint64_t block = 0; rc == 0 && crcs.n; block += CRCS_PER_ROW) {
		struct buf b = BUF_INIT;
		uint8_t key[12];

		be_put(key, id, 8);
		be_put(key + 8, block, 4);
		record_begin(&b, RECORD_CRCS);
		buf_put(&b, slice_head(crcs, CRCS_PER_ROW * 4u));
		crcs = slice_from(crcs, CRCS_PER_ROW * 4u);
		rc = local_record_put(ls, txn, TABLE_CRC, slice_mem(key, 12),
				      &b);
	}
	return rc;
}

int
gc_blob_hold(struct local *ls, MDB_txn *txn, uint64_t id)
{
	struct blob_row row;
	int rc = gc_blob_get(ls, txn, id, &row);

	/* Whoever shares it holds it. */
	if (rc == MDB_NOTFOUND ||
	    (rc == 0 && (row.refs == 0 || row.refs == UINT32_MAX)))
		return MDB_CORRUPTED;
	row.refs++;
	return rc == 0 ? blob_row_put(ls, txn, id, row) : rc;
}

int
gc_blob_release(struct local *ls, MDB_txn *txn, uint64_t id, int64_t now_us)
{
	struct blob_row row;
	int rc = gc_blob_get(ls, txn, id, &row);

	if (rc == 0 && row.refs == 0)
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	row.refs--;
	rc = blob_row_put(ls, txn, id, row);
	if (rc != 0 || row.refs > 0)
		return rc;
	return gc_due_put(ls, txn, RECORD_DUE, now_us + ls->gc_delay_us, id);
}

int
gc_due_put(struct local *ls, MDB_txn *txn, enum record_kind what,
	   int64_t due_us, uint64_t id)
{
	struct buf b = BUF_INIT;
	uint8_t key[16];

	be_put(key, (uint64_t)due_us, 8);
	be_put(key + 8, id, 8);
	record_begin(&b, what);
	record_int(&b, mdb_txn_id(txn), 8);
	return local_record_put(ls, txn, TABLE_GC, slice_mem(key, 16), &b);
}

int
gc_due_decode(struct slice value, enum record_kind *what, uint64_t *since)
{
	static const enum record_kind kinds[] = { RECORD_DUE, RECORD_DUE_SET,
						  RECORD_DUE_PARTS,
						  RECORD_DUE_COMPLETED };
	struct record_reader r;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (record_open(value, kinds[i], &r, NULL) != 0)
			continue;
		*what = kinds[i];
		*since = record_get_int(&r, 8);
		return record_done(&r) == 0 ? 0 : MDB_CORRUPTED;
	}
	return MDB_CORRUPTED;
}

/* Those of one row, from @first on, at most n; *got of them. */
static int
row_crcs(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t first, size_t n,
	 uint32_t *out, size_t *got)
{
	size_t skip = (size_t)(first % CRCS_PER_ROW);
	struct record_reader r;
	uint8_t key[12];
	struct slice value;
	int rc;

	be_put(key, id, 8);
	be_put(key + 8, first - skip, 4);
	rc = local_row_get(ls, txn, TABLE_CRC, slice_mem(key, 12), &value);
	if (rc != 0)
		return rc;
	if (record_open(value, RECORD_CRCS, &r, NULL) != 0)
		return MDB_CORRUPTED;
	if (r.rest.n <= skip * 4)
		return MDB_NOTFOUND;
	r.rest = slice_from(r.rest, skip * 4);
	for (*got = 0; *got < n && r.rest.n; (*got)++)
		out[*got] = (uint32_t)record_get_int(&r, 4);
	return r.err ? MDB_CORRUPTED : 0;
}

int
gc_blob_crcs(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t first,
	     size_t n, uint32_t *out)
{
	int rc = 0;

	while (rc == 0 && n) {
		size_t got = 0;

		rc = row_crcs(ls, txn, id, first, n, out, &got);
		first += got;
		out += got;
		n -= got;
	}
	return rc;
}

/* ---- forgetting ------------------------------------------------------- */

static int
delete_crcs(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t size)
{
	uint64_t blocks = size / BLOB_BLOCK_BYTES + 1;
	uint8_t key[12];

	be_put(key, id, 8);
	for (uint64_t block = 0; block < blocks; block += CRCS_PER_ROW) {
		int rc;

		be_put(key + 8, block, 4);
		rc = local_row_del(ls, txn, TABLE_CRC, slice_mem(key, 12));
		if (rc != 0 && rc != MDB_NOTFOUND)
			return rc;
	}
	return 0;
}

int
gc_blob_forget(struct local *ls, MDB_txn *txn, uint64_t id)
{
	struct blob_row row;
	uint8_t key[8];
	int rc = gc_blob_get(ls, txn, id, &row);

	if (rc == 0)
		rc = delete_crcs(ls, txn, id, row.size);
	return rc == 0 ? local_row_del(ls, txn, TABLE_BLOB, id_key(id, key))
		       : rc;
}
