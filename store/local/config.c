/*
 * Documents kept with a bucket, by bucket id and kind. A new bucket has a new
 * id, so nothing of one before it can be found.
 */
#include "store/local/local.h"
#include "store/local/bytes.h"

#include <errno.h>

static struct slice
config_key(uint32_t bucket_id, enum store_config which, uint8_t key[5])
{
	be_put(key, bucket_id, 4);
	key[4] = (uint8_t)which;
	return slice_mem(key, 5);
}

static enum s3_error
get_in(struct local *ls, MDB_txn *txn, struct slice bucket,
       enum store_config which, struct arena *a, struct slice *out)
{
	struct record_reader r;
	struct local_bucket b;
	struct slice row;
	uint8_t key[5];
	enum s3_error err = local_bucket_find(ls, txn, bucket, &b);
	int rc;

	if (err != S3_OK)
		return err;
	rc = local_row_get(ls, txn, TABLE_CONFIG, config_key(b.id, which, key),
			   &row);
	if (rc == MDB_NOTFOUND)
		return S3_OK;
	if (rc == 0 && record_open(row, RECORD_CONFIG, &r, NULL) != 0)
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return local_error("config", rc);
	*out = arena_copy(a, r.rest);
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}

enum s3_error
local_config_get(struct store *s, struct slice bucket, enum store_config which,
		 struct arena *a, struct slice *out)
{
	struct local *ls = local_of(s);
	enum s3_error err;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return local_error("config", rc);
	err = get_in(ls, txn, bucket, which, a, out);
	local_read_end(ls, txn);
	return err;
}

struct config_op {
	struct writer_op op; /* first */
	struct slice bucket;
	enum store_config which;
	struct slice row; /* empty: delete */
};

static int
drop_one(struct writer_txn *t, uint32_t bucket_id, enum store_config which)
{
	uint8_t key[5];
	int rc = local_row_del(t->ls, t->txn, TABLE_CONFIG,
			       config_key(bucket_id, which, key));

	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
run_put(struct writer_op *op, struct writer_txn *t)
{
	struct config_op *c = (struct config_op *)op;
	struct local_bucket b;
	uint8_t key[5];

	op->result = local_bucket_find(t->ls, t->txn, c->bucket, &b);
	if (op->result != S3_OK)
		return 0;
	if (c->row.n == 0)
		return drop_one(t, b.id, c->which);
	return local_row_put(t->ls, t->txn, TABLE_CONFIG,
			     config_key(b.id, c->which, key), c->row);
}

enum s3_error
local_config_put(struct store *s, struct slice bucket, enum store_config which,
		 struct slice document)
{
	struct config_op c = { .op = { .run = run_put,
				       .bytes = document.n,
				       .kind = document.n ? WRITER_CHANGE
							  : WRITER_REMOVAL },
			       .bucket = bucket,
			       .which = which };
	struct buf row = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (document.n) {
		record_begin(&row, RECORD_CONFIG);
		buf_put(&row, document);
		record_end(&row);
	}
	if (buf_ok(&row)) {
		c.row = buf_slice(&row);
		err = writer_run(local_of(s), &c.op);
	}
	buf_release(&row);
	return err;
}

int
config_drop(struct writer_txn *t, uint32_t bucket_id)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < STORE_CONFIG_COUNT; i++)
		rc = drop_one(t, bucket_id, (enum store_config)i);
	return rc;
}
