/*
 * Uploads that nobody will end: of buckets that are gone, and older than they
 * may get. Looked for without a scan of all: the scopes of uploads in table M
 * are visited once each, and table upload is in order of age.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "store/local/bytes.h"
#include "store/local/upload.h"
#include "store/local/version.h"

#include <errno.h>

#define EXPIRE_MAX 64u

struct expired {
	uint32_t bucket_id;
	uint64_t number;
	size_t key_n;
	char key[STORE_KEY_MAX];
};

struct expire_op {
	struct writer_op op; /* first */
	size_t n;
	struct expired v[EXPIRE_MAX];
};

static void
add(struct expire_op *e, uint32_t bucket_id, uint64_t number, struct slice key)
{
	struct expired *x = &e->v[e->n++];

	x->bucket_id = bucket_id;
	x->number = number;
	x->key_n = key.n < sizeof(x->key) ? key.n : sizeof(x->key);
	memcpy(x->key, key.p, x->key_n);
}

/* ---- of deleted buckets ------------------------------------------------- */

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* The ids of all buckets, in order. */
static int
live_buckets(struct local *ls, MDB_txn *txn, struct buf *ids)
{
	struct local_bucket bucket;
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, ls->dbi[TABLE_BUCKET], &c);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		if (local_bucket_find(ls, txn, slice_mem(k.mv_data, k.mv_size),
				      &bucket) != S3_OK) {
			rc = MDB_CORRUPTED;
			break;
		}
		buf_add(ids, &bucket.id, sizeof(bucket.id));
	}
	mdb_cursor_close(c);
	if (rc != MDB_NOTFOUND)
		return rc;
	if (!buf_ok(ids))
		return ENOMEM;
	if (ids->n)
		qsort(ids->p, ids->n / sizeof(uint32_t), sizeof(uint32_t),
		      compare_ids);
	return 0;
}

static int
add_bucket(struct local *ls, MDB_txn *txn, uint32_t id, struct expire_op *e)
{
	struct index_cursor c;
	int rc = index_cursor_open(&c, ls, txn, upload_scope(id));

	if (rc != 0)
		return rc;
	rc = index_seek(&c, SLICE_EMPTY);
	while (rc == 0 && e->n < EXPIRE_MAX) {
		add(e, id, ~c.version, index_key(&c));
		rc = index_next(&c);
	}
	index_cursor_close(&c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Visits the first key of each scope of uploads. */
static int
add_orphans(struct local *ls, MDB_txn *txn, const struct buf *ids,
	    struct expire_op *e)
{
	uint32_t scope = UPLOAD_SCOPE_BIT;
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn, ls->dbi[TABLE_OBJECT], &c);

	if (rc != 0)
		return rc;
	while (rc == 0 && e->n < EXPIRE_MAX) {
		uint8_t first[4];
		MDB_val k = { sizeof(first), first }, v;
		uint32_t id;

		be_put(first, scope, 4);
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
		if (rc != 0)
			break;
		if (k.mv_size < 4) {
			rc = MDB_CORRUPTED;
			break;
		}
		scope = (uint32_t)be_get(k.mv_data, 4);
		id = scope & ~UPLOAD_SCOPE_BIT;
		if (!ids->n || !bsearch(&id, ids->p, ids->n / sizeof(id),
					sizeof(id), compare_ids))
			rc = add_bucket(ls, txn, id, e);
		if (scope++ == UINT32_MAX)
			break;
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- too old ------------------------------------------------------------ */

static int
add_old(struct local *ls, MDB_txn *txn, struct expire_op *e)
{
	int64_t before = time_now_us() - ls->upload_age_max_us;
	struct record_upload row;
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, ls->dbi[TABLE_UPLOAD], &c);

	if (rc != 0)
		return rc;
	while (e->n < EXPIRE_MAX &&
	       (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size != 8)
			continue;
		/* Numbers are in order of time. */
		if (version_time_us(be_get(k.mv_data, 8)) >= before)
			break;
		/* One that is damaged does not keep the others. */
		if (record_upload_decode(slice_mem(v.mv_data, v.mv_size),
					 &row) != 0 ||
		    row.completed)
			continue;
		add(e, row.bucket_id, be_get(k.mv_data, 8), row.key);
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- the end ------------------------------------------------------------ */

static int
run_expire(struct writer_op *op, struct writer_txn *t)
{
	struct expire_op *e = (struct expire_op *)op;
	int64_t now = time_now_us();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < e->n; i++) {
		const struct expired *x = &e->v[i];
		struct record_upload row;

		/* Its owner may have ended it meanwhile. */
		rc = upload_row_get(t->ls, t->txn, x->number, &row);
		if (rc == MDB_NOTFOUND || (rc == 0 && row.completed)) {
			rc = 0;
			continue;
		}
		/* A damaged row goes with the others of its bucket. */
		if (rc == 0 || rc == MDB_CORRUPTED)
			rc = upload_unlist(t, x->bucket_id,
					   slice_mem(x->key, x->key_n),
					   x->number, now);
		if (rc == 0)
			rc = upload_forget(t, x->number);
	}
	return rc;
}

static int
find(struct local *ls, struct expire_op *e)
{
	struct buf ids = BUF_INIT;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	e->n = 0;
	if (rc != 0)
		return rc;
	rc = live_buckets(ls, txn, &ids);
	if (rc == 0)
		rc = add_orphans(ls, txn, &ids, e);
	if (rc == 0 && ls->upload_age_max_us > 0)
		rc = add_old(ls, txn, e);
	local_read_end(ls, txn);
	buf_release(&ids);
	return rc;
}

void
upload_expire(struct local *ls)
{
	struct expire_op *e = calloc(1, sizeof(*e));
	enum s3_error err = S3_OK;
	int rc;

	if (!e)
		return;
	do {
		rc = find(ls, e);
		if (rc != 0) {
			local_error("uploads", rc);
			break;
		}
		if (e->n == 0)
			break;
		log_info("uploads_expired", "%zu unfinished uploads", e->n);
		e->op = (struct writer_op){ .run = run_expire,
					    .kind = WRITER_REMOVAL };
		err = writer_run(ls, &e->op);
	} while (err == S3_OK && e->n == EXPIRE_MAX);
	free(e);
}
