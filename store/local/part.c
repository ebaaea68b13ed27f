/*
 * Parts of an upload: recorded, listed, dropped. A part's bytes are always
 * blobs: the object that they become takes the blobs over.
 */
#include "base/encode.h"
#include "base/timeval.h"
#include "store/local/bytes.h"
#include "store/local/extents.h"
#include "store/local/put.h"
#include "store/local/upload.h"

#include <errno.h>

/* Of parts being dropped: a slice is one operation of the writer. */
#define PARTS_PER_SLICE 256u
#define EXTENTS_PER_SLICE 1024u

static struct slice
part_key(uint64_t upload, uint32_t number, uint8_t key[10])
{
	be_put(key, upload, 8);
	be_put(key + 8, number, 2);
	return slice_mem(key, 10);
}

int
part_row_get(struct local *ls, MDB_txn *txn, uint64_t upload, uint32_t number,
	     struct slice *value)
{
	uint8_t key[10];

	return local_row_get(ls, txn, TABLE_PART, part_key(upload, number, key),
			     value);
}

int
part_row_del(struct writer_txn *t, uint64_t upload, uint32_t number)
{
	uint8_t key[10];

	return local_row_del(t->ls, t->txn, TABLE_PART,
			     part_key(upload, number, key));
}

/* ---- put ---------------------------------------------------------------- */

/* The extents of the part that is replaced, copied. */
static int
find_old(struct part_put *p, struct writer_txn *t, uint64_t upload)
{
	struct record_part old;
	struct slice value;
	int rc = part_row_get(t->ls, t->txn, upload, p->part.p.number, &value);

	buf_clear(&p->old);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return rc;
	if (record_part_decode(value, &old) != 0)
		return MDB_CORRUPTED;
	buf_put(&p->old, old.extents);
	return buf_ok(&p->old) ? 0 : ENOMEM;
}

/* References of the new bytes. */
static int
take_bytes(struct part_put *p, struct writer_txn *t)
{
	if (p->blob)
		return gc_blob_add(t->ls, t->txn, blob_id(p->blob),
				   p->part.p.size, blob_crcs(p->blob));
	return extents_hold(t, p->part.extents);
}

static int
run_part(struct writer_op *op, struct writer_txn *t)
{
	struct part_put *p = (struct part_put *)op;
	struct upload_found f;
	uint8_t key[10];
	int rc;

	op->result =
	    upload_find(t->ls, t->txn, p->bucket, p->key, p->upload_id, &f);
	if (op->result != S3_OK)
		return 0;
	rc = find_old(p, t, f.number);
	if (rc == 0 && p->find)
		rc = p->find(p, t);
	if (rc != 0 || op->result != S3_OK)
		return rc;
	p->part.p.mtime_us = time_now_us();
	record_part_encode(&p->row, &p->part);
	if (!buf_ok(&p->row) || !buf_ok(&p->extents))
		return ENOMEM;
	rc = take_bytes(p, t);
	if (rc == 0)
		rc = extents_release(t, buf_slice(&p->old), p->part.p.mtime_us);
	return rc == 0
		   ? local_row_put(t->ls, t->txn, TABLE_PART,
				   part_key(f.number, p->part.p.number, key),
				   buf_slice(&p->row))
		   : rc;
}

enum s3_error
part_put_run(struct local *ls, struct part_put *p)
{
	enum s3_error err;

	p->op.run = run_part;
	p->op.bytes = 0;
	err = writer_run(ls, &p->op);
	buf_release(&p->row);
	buf_release(&p->extents);
	buf_release(&p->old);
	return err;
}

enum s3_error
local_part_begin(struct store *s, const struct store_part_ref *part,
		 uint64_t size, struct store_put **out)
{
	struct local_put *p;
	struct store_upload upload;
	struct arena a;
	enum s3_error err;

	arena_init(&a, PUT_COPIES_MAX);
	err = local_upload_get(s, part->bucket, part->key, part->upload_id, &a,
			       &upload);
	arena_release(&a);
	if (err == S3_OK)
		err = put_new(local_of(s), size, &p);
	if (err != S3_OK)
		return err;
	p->bucket = arena_copy(&p->copies, part->bucket);
	p->key = arena_copy(&p->copies, part->key);
	p->upload_id = arena_copy(&p->copies, part->upload_id);
	p->part_number = part->number;
	if (p->copies.err) {
		put_free(p);
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = &p->base;
	return S3_OK;
}

enum s3_error
part_commit(struct local_put *put, const struct store_put_final *fin,
	    struct store_object *out)
{
	struct part_put p = { .bucket = put->bucket,
			      .key = put->key,
			      .upload_id = put->upload_id,
			      .blob = put->blob };
	struct store_part *part = &p.part.p;
	enum s3_error err;

	if (hex_decode(fin->etag, p.part.md5, sizeof(p.part.md5)) != 0)
		return S3_ERR_INVALID_ARGUMENT;
	if (put->blob) {
		blob_extent(put->blob, &p.extents);
		p.part.extents = buf_slice(&p.extents);
	}
	part->number = put->part_number;
	part->size = put->base.written;
	part->checksum_alg = fin->checksum_alg;
	memcpy(part->checksum, fin->checksum, sizeof(part->checksum));
	err = part_put_run(put->ls, &p);
	if (err != S3_OK || !out)
		return err;
	*out = (struct store_object){ .size = part->size,
				      .mtime_us = part->mtime_us,
				      .checksum_alg = part->checksum_alg };
	snprintf(out->etag, sizeof(out->etag), "%.*s", SLICE_ARG(fin->etag));
	memcpy(out->checksum, part->checksum, sizeof(out->checksum));
	return S3_OK;
}

/* ---- list --------------------------------------------------------------- */

/* The part the cursor steps to; MDB_NOTFOUND behind the last of @upload. */
static int
step(MDB_cursor *c, MDB_cursor_op op, uint64_t upload, uint32_t from,
     struct record_part *out)
{
	uint8_t key[10];
	struct slice first = part_key(upload, from, key);
	MDB_val k = { first.n, key }, v;
	int rc = mdb_cursor_get(c, &k, &v, op);

	if (rc != 0)
		return rc;
	if (k.mv_size != sizeof(key))
		return MDB_CORRUPTED;
	if (be_get(k.mv_data, 8) != upload)
		return MDB_NOTFOUND;
	if (record_part_decode(slice_mem(v.mv_data, v.mv_size), out) != 0)
		return MDB_CORRUPTED;
	out->p.number = (uint32_t)be_get((const char *)k.mv_data + 8, 2);
	return 0;
}

static int
collect(MDB_cursor *c, uint64_t upload, uint32_t after, uint32_t max,
	struct store_part *out, size_t *n)
{
	struct record_part part;
	int rc = 0;

	for (*n = 0; rc == 0 && *n < max;) {
		rc = step(c, *n ? MDB_NEXT : MDB_SET_RANGE, upload, after + 1,
			  &part);
		if (rc == 0)
			out[(*n)++] = part.p;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static enum s3_error
list_in(struct local *ls, MDB_txn *txn, uint64_t upload, uint32_t after,
	uint32_t max, struct store_part *out, size_t *n)
{
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn, ls->dbi[TABLE_PART], &c);

	if (rc == 0) {
		rc = collect(c, upload, after, max, out, n);
		mdb_cursor_close(c);
	}
	return rc == 0 ? S3_OK : local_error("parts", rc);
}

enum s3_error
local_part_list(struct store *s, struct slice bucket, struct slice key,
		struct slice id, uint32_t after, uint32_t max, struct arena *a,
		struct store_part **out, size_t *n)
{
	struct local *ls = local_of(s);
	struct upload_found f;
	enum s3_error err;
	MDB_txn *txn;
	int rc;

	if (max > STORE_PARTS_MAX)
		max = STORE_PARTS_MAX;
	if (after > STORE_PARTS_MAX)
		after = STORE_PARTS_MAX;
	*out = arena_array(a, max, sizeof(**out));
	if (!*out)
		return S3_ERR_INTERNAL_ERROR;
	rc = local_read_begin(ls, &txn);
	if (rc != 0)
		return local_error("parts", rc);
	err = upload_find(ls, txn, bucket, key, id, &f);
	if (err == S3_OK)
		err = list_in(ls, txn, f.number, after, max, *out, n);
	local_read_end(ls, txn);
	return err;
}

/* ---- drop --------------------------------------------------------------- */

/* Numbers and extents of the first parts that are left; @last: there are no
 * others. */
static int
first_parts(struct writer_txn *t, uint64_t upload, uint32_t *numbers, size_t *n,
	    struct buf *extents, bool *last)
{
	struct record_part part;
	MDB_cursor *c;
	int rc = mdb_cursor_open(t->txn, t->ls->dbi[TABLE_PART], &c);

	*n = 0;
	*last = false;
	if (rc != 0)
		return rc;
	while (rc == 0 && *n < PARTS_PER_SLICE &&
	       extents_count(buf_slice(extents)) < EXTENTS_PER_SLICE) {
		rc = step(c, *n ? MDB_NEXT : MDB_SET_RANGE, upload, 0, &part);
		if (rc == 0) {
			numbers[(*n)++] = part.p.number;
			buf_put(extents, part.extents);
		}
	}
	mdb_cursor_close(c);
	*last = rc == MDB_NOTFOUND;
	if (rc == MDB_NOTFOUND)
		rc = 0;
	return rc == 0 && !buf_ok(extents) ? ENOMEM : rc;
}

int
upload_drop_parts(struct writer_txn *t, uint64_t upload, int64_t now_us,
		  bool *done)
{
	uint32_t numbers[PARTS_PER_SLICE];
	struct buf extents = BUF_INIT;
	bool last;
	size_t n;
	int rc = first_parts(t, upload, numbers, &n, &extents, &last);

	if (rc == 0)
		rc = extents_release(t, buf_slice(&extents), now_us);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = part_row_del(t, upload, numbers[i]);
	*done = rc == 0 && last;
	buf_release(&extents);
	return rc;
}
