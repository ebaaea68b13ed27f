/*
 * Buckets: one row each in table bucket, by name.
 */
#include "store/local/index.h"
#include "base/timeval.h"

#include <errno.h>

enum s3_error
local_bucket_find(struct local *ls, MDB_txn *txn, struct slice name,
		  struct local_bucket *out)
{
	struct record_reader r;
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_BUCKET, name, &value);

	if (rc == MDB_NOTFOUND)
		return S3_ERR_NO_SUCH_BUCKET;
	if (rc != 0)
		return local_error("bucket", rc);
	if (record_open(value, RECORD_BUCKET, &r, NULL) != 0)
		return local_error("bucket", MDB_CORRUPTED);
	out->id = (uint32_t)record_get_int(&r, 4);
	out->created_us = (int64_t)record_get_int(&r, 8);
	out->owner = record_get_bytes(&r);
	out->region = record_get_bytes(&r);
	out->versioning = (enum store_versioning)record_get_int(&r, 1);
	if (record_done(&r) != 0 ||
	    out->versioning > STORE_VERSIONING_SUSPENDED)
		return local_error("bucket", MDB_CORRUPTED);
	return S3_OK;
}

/* ---- changing ---------------------------------------------------------- */

struct bucket_op {
	struct writer_op op; /* first */
	struct slice name;
	struct slice owner;
	struct slice region;
	enum store_versioning versioning;
	int64_t now_us;
	struct buf row;
};

static int
put_row(struct bucket_op *op, struct writer_txn *t,
	const struct local_bucket *b)
{
	struct buf *row = &op->row;

	record_begin(row, RECORD_BUCKET);
	record_int(row, b->id, 4);
	record_int(row, (uint64_t)b->created_us, 8);
	record_bytes(row, b->owner);
	record_bytes(row, b->region);
	record_int(row, (uint64_t)b->versioning, 1);
	record_end(row);
	if (!buf_ok(row))
		return ENOMEM;
	return local_row_put(t->ls, t->txn, TABLE_BUCKET, op->name,
			     buf_slice(row));
}

static enum s3_error
run(struct store *s, struct bucket_op *b)
{
	enum s3_error err = writer_run(local_of(s), &b->op);

	buf_release(&b->row);
	return err;
}

static int
run_create(struct writer_op *op, struct writer_txn *t)
{
	struct bucket_op *b = (struct bucket_op *)op;
	struct local_bucket made = { .created_us = b->now_us,
				     .owner = b->owner,
				     .region = b->region },
			    old;
	enum s3_error err = local_bucket_find(t->ls, t->txn, b->name, &old);

	if (err == S3_OK)
		op->result = slice_eq(old.owner, b->owner)
				 ? S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU
				 : S3_ERR_BUCKET_ALREADY_EXISTS;
	else if (err != S3_ERR_NO_SUCH_BUCKET)
		op->result = err;
	else if (t->state->last_bucket == INT32_MAX) /* upload_scope() */
		op->result = S3_ERR_INTERNAL_ERROR;
	if (op->result != S3_OK)
		return 0;
	made.id = (uint32_t)++t->state->last_bucket;
	t->state->buckets++;
	return put_row(b, t, &made);
}

enum s3_error
local_bucket_create(struct store *s, struct slice name, struct slice owner,
		    struct slice region)
{
	struct bucket_op b = { .op = { .run = run_create,
				       .kind = WRITER_CHANGE },
			       .name = name,
			       .owner = owner,
			       .region = region,
			       .now_us = time_now_us() };

	return run(s, &b);
}

static int
run_versioning(struct writer_op *op, struct writer_txn *t)
{
	struct bucket_op *b = (struct bucket_op *)op;
	struct local_bucket bucket;

	op->result = local_bucket_find(t->ls, t->txn, b->name, &bucket);
	if (op->result != S3_OK)
		return 0;
	bucket.versioning = b->versioning;
	return put_row(b, t, &bucket);
}

enum s3_error
local_bucket_versioning(struct store *s, struct slice name,
			enum store_versioning v)
{
	struct bucket_op b = { .op = { .run = run_versioning,
				       .kind = WRITER_CHANGE },
			       .name = name,
			       .versioning = v };

	return run(s, &b);
}

/* Any version, a delete marker too, keeps its bucket. LMDB code. */
static int
bucket_is_empty(struct writer_txn *t, uint32_t id, bool *empty)
{
	struct index_cursor c;
	int rc = index_cursor_open(&c, t->ls, t->txn, id);

	if (rc != 0)
		return rc;
	rc = index_seek(&c, SLICE_EMPTY);
	index_cursor_close(&c);
	*empty = rc == MDB_NOTFOUND;
	return *empty ? 0 : rc;
}

static int
run_delete(struct writer_op *op, struct writer_txn *t)
{
	struct bucket_op *b = (struct bucket_op *)op;
	struct local_bucket bucket;
	bool empty;
	int rc;

	op->result = local_bucket_find(t->ls, t->txn, b->name, &bucket);
	if (op->result != S3_OK)
		return 0;
	rc = bucket_is_empty(t, bucket.id, &empty);
	if (rc != 0)
		return rc;
	if (!empty) {
		op->result = S3_ERR_BUCKET_NOT_EMPTY;
		return 0;
	}
	t->state->buckets--;
	rc = config_drop(t, bucket.id);
	if (rc == 0)
		rc = local_row_del(t->ls, t->txn, TABLE_BUCKET, b->name);
	return rc;
}

enum s3_error
local_bucket_delete(struct store *s, struct slice name)
{
	struct bucket_op b = { .op = { .run = run_delete,
				       .kind = WRITER_REMOVAL },
			       .name = name };

	return run(s, &b);
}

/* ---- reading ---------------------------------------------------------- */

static enum s3_error
copy_out(struct slice name, const struct local_bucket *b, struct arena *a,
	 struct store_bucket *out)
{
	*out = (struct store_bucket){ .name = arena_copy(a, name),
				      .owner = arena_copy(a, b->owner),
				      .region = arena_copy(a, b->region),
				      .created_us = b->created_us,
				      .versioning = b->versioning };
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}

enum s3_error
local_bucket_head(struct store *s, struct slice name, struct arena *a,
		  struct store_bucket *out)
{
	struct local *ls = local_of(s);
	struct local_bucket b;
	enum s3_error err;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return local_error("bucket", rc);
	err = local_bucket_find(ls, txn, name, &b);
	if (err == S3_OK)
		err = copy_out(name, &b, a, out);
	local_read_end(ls, txn);
	return err;
}

/* Appends to an array in the arena that doubles. */
static struct store_bucket *
grow(struct arena *a, struct store_bucket *v, size_t n, size_t *cap)
{
	struct store_bucket *wider;

	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 16;
	wider = arena_array(a, *cap, sizeof(*v));
	if (wider && n)
		memcpy(wider, v, n * sizeof(*v));
	return wider;
}

static enum s3_error
list_in(struct local *ls, MDB_txn *txn, MDB_cursor *c, struct slice owner,
	struct arena *a, struct store_bucket **out, size_t *n)
{
	struct local_bucket b;
	size_t cap = 0;
	MDB_val k, v;
	int rc;

	*out = NULL;
	*n = 0;
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		struct slice name = slice_mem(k.mv_data, k.mv_size);
		enum s3_error err = local_bucket_find(ls, txn, name, &b);

		if (err != S3_OK)
			return err;
		if (owner.n && !slice_eq(owner, b.owner))
			continue;
		*out = grow(a, *out, *n, &cap);
		if (!*out)
			return S3_ERR_INTERNAL_ERROR;
		err = copy_out(name, &b, a, &(*out)[(*n)++]);
		if (err != S3_OK)
			return err;
	}
	return rc == MDB_NOTFOUND ? S3_OK : local_error("buckets", rc);
}

enum s3_error
local_bucket_list(struct store *s, struct slice owner, struct arena *a,
		  struct store_bucket **out, size_t *n)
{
	struct local *ls = local_of(s);
	enum s3_error err;
	MDB_cursor *c;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return local_error("buckets", rc);
	rc = mdb_cursor_open(txn, ls->dbi[TABLE_BUCKET], &c);
	if (rc != 0) {
		err = local_error("buckets", rc);
	} else {
		err = list_in(ls, txn, c, owner, a, out, n);
		mdb_cursor_close(c);
	}
	local_read_end(ls, txn);
	return err;
}
