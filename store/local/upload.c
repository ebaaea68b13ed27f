/*
 * Multipart uploads: begin, look up, abort, and what the keeper ends.
 */
#include "store/local/upload.h"
#include "base/log.h"
#include "base/timeval.h"
#include "store/local/bytes.h"
#include "store/local/extents.h"
#include "store/local/version.h"

#include <errno.h>

/* ---- rows --------------------------------------------------------------- */

static struct slice
number_key(uint64_t number, uint8_t key[8])
{
	be_put(key, number, 8);
	return slice_mem(key, 8);
}

int
upload_row_get(struct local *ls, MDB_txn *txn, uint64_t number,
	       struct record_upload *out)
{
	uint8_t key[8];
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_UPLOAD, number_key(number, key),
			       &value);

	if (rc != 0)
		return rc;
	return record_upload_decode(value, out) == 0 ? 0 : MDB_CORRUPTED;
}

int
upload_row_put(struct writer_txn *t, uint64_t number, struct slice row)
{
	uint8_t key[8];

	return local_row_put(t->ls, t->txn, TABLE_UPLOAD,
			     number_key(number, key), row);
}

enum s3_error
upload_find(struct local *ls, MDB_txn *txn, struct slice bucket,
	    struct slice key, struct slice id, struct upload_found *out)
{
	enum s3_error err = local_bucket_find(ls, txn, bucket, &out->bucket);
	int rc;

	out->row.completed = false;
	if (err != S3_OK)
		return err;
	if (version_id_parse(id, &out->number) != 0)
		return S3_ERR_NO_SUCH_UPLOAD;
	rc = upload_row_get(ls, txn, out->number, &out->row);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return local_error("upload", rc);
	if (rc == MDB_NOTFOUND || out->row.bucket_id != out->bucket.id ||
	    !slice_eq(out->row.key, key) || !slice_eq(out->row.id, id)) {
		out->row.completed = false;
		return S3_ERR_NO_SUCH_UPLOAD;
	}
	return out->row.completed ? S3_ERR_NO_SUCH_UPLOAD : S3_OK;
}

/* ---- create ------------------------------------------------------------- */

struct create_op {
	struct writer_op op; /* first */
	const struct store_upload_req *req;
	char id[STORE_UPLOAD_ID_MAX];
	struct buf row, mark;
};

static int
run_create(struct writer_op *op, struct writer_txn *t)
{
	struct create_op *c = (struct create_op *)op;
	const struct store_upload_req *req = c->req;
	struct record_upload row = { .key = req->key,
				     .u = { .initiated_us = time_now_us(),
					    .initiator = req->initiator,
					    .storage_class = req->storage_class,
					    .headers = req->headers,
					    .tags = req->tags,
					    .checksum_alg = req->checksum_alg,
					    .checksum_composite =
						req->checksum_composite } };
	struct local_bucket bucket;
	uint64_t number;
	int rc;

	op->result = local_bucket_find(t->ls, t->txn, req->bucket, &bucket);
	if (op->result != S3_OK)
		return 0;
	number = version_next(t->state, row.u.initiated_us);
	version_id_new(number, c->id);
	row.bucket_id = bucket.id;
	row.id = slice_str(c->id);
	record_upload_encode(&c->row, &row);
	record_begin(&c->mark, RECORD_UPLOAD_KEY);
	record_end(&c->mark);
	if (!buf_ok(&c->row) || !buf_ok(&c->mark))
		return ENOMEM;
	rc = upload_row_put(t, number, buf_slice(&c->row));
	return rc == 0 ? index_put(t, upload_scope(bucket.id), req->key,
				   ~number, buf_slice(&c->mark), SLICE_EMPTY)
		       : rc;
}

enum s3_error
local_upload_create(struct store *s, const struct store_upload_req *req,
		    char id[STORE_UPLOAD_ID_MAX])
{
	struct create_op c = {
		.op = { .run = run_create, .kind = WRITER_CHANGE }, .req = req
	};
	enum s3_error err = space_reserve(local_of(s), 0); /* full already? */

	if (err == S3_OK)
		err = writer_run(local_of(s), &c.op);
	if (err == S3_OK)
		memcpy(id, c.id, sizeof(c.id));
	buf_release(&c.row);
	buf_release(&c.mark);
	return err;
}

/* ---- get ---------------------------------------------------------------- */

static enum s3_error
describe(const struct record_upload *row, struct arena *a,
	 struct store_upload *out)
{
	*out = row->u;
	snprintf(out->id, sizeof(out->id), "%.*s", SLICE_ARG(row->id));
	out->key = arena_copy(a, row->key);
	out->initiator = arena_copy(a, row->u.initiator);
	out->storage_class = arena_copy(a, row->u.storage_class);
	if (record_headers(row->headers, a, &out->headers) != 0 ||
	    record_headers(row->tags, a, &out->tags) != 0 || a->err)
		return S3_ERR_INTERNAL_ERROR;
	return S3_OK;
}

enum s3_error
local_upload_get(struct store *s, struct slice bucket, struct slice key,
		 struct slice id, struct arena *a, struct store_upload *out)
{
	struct local *ls = local_of(s);
	struct upload_found f;
	enum s3_error err;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return local_error("upload", rc);
	err = upload_find(ls, txn, bucket, key, id, &f);
	if (err == S3_OK)
		err = describe(&f.row, a, out);
	local_read_end(ls, txn);
	return err;
}

/* ---- the end of an upload ----------------------------------------------- */

int
upload_unlist(struct writer_txn *t, uint32_t bucket_id, struct slice key,
	      uint64_t number, int64_t now_us)
{
	int rc = index_del(t, upload_scope(bucket_id), key, ~number);

	return rc == 0
		   ? gc_due_put(t->ls, t->txn, RECORD_DUE_PARTS, now_us, number)
		   : rc;
}

int
upload_forget(struct writer_txn *t, uint64_t number)
{
	uint8_t key[8];
	int rc =
	    local_row_del(t->ls, t->txn, TABLE_UPLOAD, number_key(number, key));

	return rc == MDB_NOTFOUND ? 0 : rc;
}

struct abort_op {
	struct writer_op op; /* first */
	struct slice bucket, key, id;
};

static int
run_abort(struct writer_op *op, struct writer_txn *t)
{
	struct abort_op *a = (struct abort_op *)op;
	struct upload_found f;
	int rc;

	op->result = upload_find(t->ls, t->txn, a->bucket, a->key, a->id, &f);
	if (op->result == S3_ERR_NO_SUCH_UPLOAD && f.row.completed)
		op->result = S3_OK;
	else if (op->result == S3_OK) {
		rc = upload_unlist(t, f.bucket.id, a->key, f.number,
				   time_now_us());
		return rc == 0 ? upload_forget(t, f.number) : rc;
	}
	return 0;
}

enum s3_error
local_upload_abort(struct store *s, struct slice bucket, struct slice key,
		   struct slice id)
{
	struct abort_op a = { .op = { .run = run_abort,
				      .kind = WRITER_REMOVAL },
			      .bucket = bucket,
			      .key = key,
			      .id = id };

	return writer_run(local_of(s), &a.op);
}
