/*
 * CompleteMultipartUpload: the parts named become the object. All that takes
 * time - checks, ETag, checksum, extents - is done in the caller's thread from
 * a read transaction; the writer only compares the parts' rows with those that
 * were read, and starts over when one was replaced meanwhile. Nothing moves:
 * the extent set takes the parts' references over.
 */
#include "base/encode.h"
#include "base/hash.h"
#include "store/local/bytes.h"
#include "store/local/change.h"
#include "store/local/extents.h"
#include "store/local/upload.h"

#include <errno.h>

#define ATTEMPTS 8		    /* a part may be replaced meanwhile */
#define PLAN_BYTES_MAX (128u << 10) /* headers and tags of the upload */

struct complete {
	struct writer_op op; /* first */
	const struct store_complete_req *req;
	struct store_complete_result *out;
	uint8_t digest[PARTS_DIGEST_BYTES]; /* of what is asked */
	/* the plan */
	struct arena a;
	struct record_upload upload;
	struct store_part *parts; /* req->n_parts */
	struct buf rows;	  /* as read, one behind the other */
	struct buf extents;
	struct buf spare; /* references that joined extents leave over */
	struct change change;
	bool repeat; /* completed before: *out has the answer */
	/* scratch of the run */
	struct buf object, row;
};

/* What makes two completions the same: numbers and ETags. */
static int
digest_request(struct complete *c)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < c->req->n_parts; i++) {
		record_int(&b, c->req->parts[i].number, 2);
		record_bytes(&b, c->req->parts[i].etag);
	}
	if (buf_ok(&b))
		sha256(b.p, b.n, c->digest);
	else
		c->op.result = S3_ERR_INTERNAL_ERROR;
	buf_release(&b);
	return c->op.result == S3_OK ? 0 : -1;
}

/* An upload completed before: the same answer to the same question. */
static enum s3_error
answer_repeat(struct complete *c, const struct upload_found *f)
{
	struct store_object *o = &c->out->object;

	if (!f->row.completed ||
	    !slice_eq(f->row.digest, slice_mem(c->digest, sizeof(c->digest))))
		return S3_ERR_NO_SUCH_UPLOAD;
	*o = f->row.object.o;
	o->storage_class = SLICE_EMPTY;
	o->is_latest = true;
	c->out->size = o->size;
	c->repeat = true;
	return S3_OK;
}

/* ---- the plan ----------------------------------------------------------- */

static enum s3_error
read_part(struct complete *c, struct local *ls, MDB_txn *txn, uint64_t upload,
	  size_t i)
{
	const struct store_complete_part *asked = &c->req->parts[i];
	struct store_part *p = &c->parts[i];
	struct record_part part;
	struct slice value;
	int rc = part_row_get(ls, txn, upload, asked->number, &value);

	c->out->bad = (struct store_part){ .number = asked->number };
	if (rc == MDB_NOTFOUND)
		return S3_ERR_INVALID_PART;
	if (rc == 0 && record_part_decode(value, &part) != 0)
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return local_error("part", rc);
	if (!slice_eq_str(asked->etag, part.p.etag))
		return S3_ERR_INVALID_PART;
	part.p.number = asked->number;
	*p = c->out->bad = part.p;
	if (asked->checksum_alg && (asked->checksum_alg != p->checksum_alg ||
				    memcmp(asked->checksum, p->checksum,
					   hash_size(p->checksum_alg)) != 0))
		return S3_ERR_BAD_DIGEST;
	c->out->size += p->size;
	buf_put(&c->rows, value);
	extents_append(&c->extents, part.extents, &c->spare);
	return extents_count(buf_slice(&c->extents)) > EXTENTS_MAX
		   ? S3_ERR_ENTITY_TOO_LARGE
		   : S3_OK;
}

static enum s3_error
check_sizes(struct complete *c)
{
	const struct store_complete_req *req = c->req;

	for (size_t i = 0; i + 1 < req->n_parts; i++) {
		c->out->bad = c->parts[i];
		if (c->parts[i].size < STORE_PART_BYTES_MIN)
			return S3_ERR_ENTITY_TOO_SMALL;
	}
	c->out->bad = (struct store_part){ 0 };
	if (req->size_max && c->out->size > req->size_max)
		return S3_ERR_ENTITY_TOO_LARGE;
	if (req->size != UINT64_MAX && req->size != c->out->size)
		return S3_ERR_INVALID_REQUEST;
	return S3_OK;
}

static enum s3_error
read_parts(struct complete *c, struct local *ls, MDB_txn *txn, uint64_t upload)
{
	enum s3_error err = S3_OK;

	buf_clear(&c->rows);
	buf_clear(&c->extents);
	buf_clear(&c->spare);
	c->out->size = 0;
	for (size_t i = 0; err == S3_OK && i < c->req->n_parts; i++)
		err = read_part(c, ls, txn, upload, i);
	if (err == S3_OK &&
	    (!buf_ok(&c->rows) || !buf_ok(&c->extents) || !buf_ok(&c->spare)))
		err = S3_ERR_INTERNAL_ERROR;
	return err == S3_OK ? check_sizes(c) : err;
}

/* What the new object takes from the upload. */
static enum s3_error
read_upload(struct complete *c, const struct record_upload *row)
{
	struct store_object *o = &c->change.object.o;

	c->upload.u = row->u;
	o->storage_class = arena_copy(&c->a, row->u.storage_class);
	if (record_headers(row->headers, &c->a, &o->headers) != 0 ||
	    record_headers(row->tags, &c->a, &o->tags) != 0 || c->a.err)
		return S3_ERR_INTERNAL_ERROR;
	return S3_OK;
}

static enum s3_error
read_plan(struct complete *c, struct local *ls)
{
	const struct store_complete_req *req = c->req;
	struct upload_found f;
	enum s3_error err;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return local_error("complete", rc);
	err = upload_find(ls, txn, req->bucket, req->key, req->upload_id, &f);
	if (err == S3_OK)
		err = read_parts(c, ls, txn, f.number);
	else if (err == S3_ERR_NO_SUCH_UPLOAD)
		err = answer_repeat(c, &f);
	if (err == S3_OK && !c->repeat)
		err = read_upload(c, &f.row);
	local_read_end(ls, txn);
	return err;
}

/* Parts numbered from 1, as they lie in the object. */
static void
renumber(struct complete *c)
{
	uint64_t offset = 0;

	for (size_t i = 0; i < c->req->n_parts; i++) {
		c->parts[i].number = (uint32_t)i + 1;
		c->parts[i].offset = offset;
		offset += c->parts[i].size;
	}
}

static int
make_etag(struct complete *c)
{
	struct store_object *o = &c->change.object.o;
	uint8_t sum[HASH_BYTES_MAX], md5[MD5_BYTES];
	char hex[2 * MD5_BYTES + 1];
	struct hash h;

	if (hash_init(&h, HASH_MD5) != 0)
		return -1;
	for (size_t i = 0; i < c->req->n_parts; i++) {
		if (hex_decode(slice_str(c->parts[i].etag), md5, sizeof(md5)) !=
		    0) {
			hash_release(&h);
			return -1;
		}
		hash_update(&h, md5, sizeof(md5));
	}
	hash_final(&h, sum);
	hash_release(&h);
	hex_encode(sum, MD5_BYTES, hex);
	snprintf(o->etag, sizeof(o->etag), "%s-%zu", hex, c->req->n_parts);
	return 0;
}

static int
sum_composite(const struct complete *c, uint16_t alg, uint8_t out[32])
{
	struct hash h;

	if (hash_init(&h, alg) != 0)
		return -1;
	for (size_t i = 0; i < c->req->n_parts; i++)
		hash_update(&h, c->parts[i].checksum, hash_size(alg));
	hash_final(&h, out);
	hash_release(&h);
	return 0;
}

/* The object's checksum; none when a part has none of the algorithm. An upload
 * that named no algorithm takes that of its parts. */
static enum s3_error
make_checksum(struct complete *c)
{
	struct store_object *o = &c->change.object.o;
	uint16_t alg = c->upload.u.checksum_alg;
	size_t n = c->req->n_parts;

	if (alg == HASH_NONE)
		alg = c->parts[0].checksum_alg;
	for (size_t i = 0; i < n; i++)
		if (c->parts[i].checksum_alg != alg)
			alg = HASH_NONE;
	o->checksum_alg = alg;
	o->checksum_composite = alg && c->upload.u.checksum_composite;
	memset(o->checksum, 0, sizeof(o->checksum));
	if (o->checksum_composite) {
		if (sum_composite(c, alg, o->checksum) != 0)
			return S3_ERR_INTERNAL_ERROR;
	} else if (alg && hash_is_crc(alg)) {
		memcpy(o->checksum, c->parts[0].checksum, hash_size(alg));
		for (size_t i = 1; i < n; i++)
			hash_crc_combine(alg, o->checksum, c->parts[i].checksum,
					 c->parts[i].size);
	} else {
		o->checksum_alg = HASH_NONE;
	}
	if (c->req->checksum_alg && (c->req->checksum_alg != o->checksum_alg ||
				     memcmp(c->req->checksum, o->checksum,
					    hash_size(o->checksum_alg)) != 0))
		return S3_ERR_BAD_DIGEST;
	return S3_OK;
}

static enum s3_error
plan(struct complete *c, struct local *ls)
{
	enum s3_error err = read_plan(c, ls);

	if (err != S3_OK || c->repeat)
		return err;
	renumber(c);
	if (make_etag(c) != 0)
		return S3_ERR_INTERNAL_ERROR;
	c->change.object.o.size = c->out->size;
	c->change.object.o.n_parts = (uint32_t)c->req->n_parts;
	return make_checksum(c);
}

/* ---- inside the writer -------------------------------------------------- */

/* The rows are those of the plan? Else OPERATION_ABORTED. */
static int
compare_rows(struct complete *c, struct writer_txn *t, uint64_t upload)
{
	struct slice rest = buf_slice(&c->rows), value;

	for (size_t i = 0; i < c->req->n_parts; i++) {
		int rc = part_row_get(t->ls, t->txn, upload,
				      c->req->parts[i].number, &value);

		if (rc != 0 && rc != MDB_NOTFOUND)
			return rc;
		if (rc == MDB_NOTFOUND || !slice_starts(rest, value)) {
			c->op.result = S3_ERR_OPERATION_ABORTED;
			return 0;
		}
		rest = slice_from(rest, value.n);
	}
	return 0;
}

/* The upload's row from now on: the answer to a repeat. */
static int
remember(struct complete *c, struct writer_txn *t, const struct upload_found *f)
{
	struct record_upload row = {
		.bucket_id = f->bucket.id,
		.key = c->req->key,
		.id = c->req->upload_id,
		.digest = slice_mem(c->digest, sizeof(c->digest)),
	};
	struct record_object object = { 0 };
	int rc;

	change_made(&c->change, &object.o);
	record_object_encode(&c->object, &object);
	if (!buf_ok(&c->object))
		return ENOMEM;
	record_completed_encode(&c->row, &row, buf_slice(&c->object));
	if (!buf_ok(&c->row))
		return ENOMEM;
	rc = upload_row_put(t, f->number, buf_slice(&c->row));
	return rc == 0 ? gc_due_put(t->ls, t->txn, RECORD_DUE_COMPLETED,
				    c->change.now_us + t->ls->completed_keep_us,
				    f->number)
		       : rc;
}

/* The parts become the set. */
static int
take_parts(struct complete *c, struct writer_txn *t,
	   const struct upload_found *f)
{
	int rc = set_put(t, c->change.object.extent_set, buf_slice(&c->extents),
			 c->parts, c->req->n_parts);

	if (rc == 0)
		rc = extents_release(t, buf_slice(&c->spare), c->change.now_us);
	for (size_t i = 0; rc == 0 && i < c->req->n_parts; i++)
		rc = part_row_del(t, f->number, c->req->parts[i].number);
	return rc == 0 ? upload_unlist(t, f->bucket.id, c->req->key, f->number,
				       c->change.now_us)
		       : rc;
}

static int
run_complete(struct writer_op *op, struct writer_txn *t)
{
	struct complete *c = (struct complete *)op;
	const struct store_complete_req *req = c->req;
	struct upload_found f;
	int rc;

	c->repeat = false;
	op->result = upload_find(t->ls, t->txn, req->bucket, req->key,
				 req->upload_id, &f);
	if (op->result == S3_ERR_NO_SUCH_UPLOAD)
		op->result = answer_repeat(c, &f);
	if (op->result != S3_OK || c->repeat)
		return 0;
	rc = compare_rows(c, t, f.number);
	if (rc == 0 && op->result == S3_OK)
		rc = change_prepare_put(&c->change, t, &op->result);
	if (rc != 0 || op->result != S3_OK)
		return rc;
	c->change.object.extent_set = version_next(t->state, c->change.now_us);
	rc = take_parts(c, t, &f);
	if (rc == 0)
		rc = change_apply(&c->change, t);
	return rc == 0 ? remember(c, t, &f) : rc;
}

static void
complete_release(struct complete *c)
{
	arena_release(&c->a);
	buf_release(&c->rows);
	buf_release(&c->extents);
	buf_release(&c->spare);
	buf_release(&c->object);
	buf_release(&c->row);
	change_release(&c->change);
	free(c->parts);
}

enum s3_error
local_upload_complete(struct store *s, const struct store_complete_req *req,
		      struct store_complete_result *out)
{
	struct complete c = { .op = { .run = run_complete,
				      .kind = WRITER_CHANGE },
			      .req = req,
			      .out = out,
			      .change = { .bucket = req->bucket,
					  .key = req->key,
					  .cond = &req->cond,
					  .note = &req->note } };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	arena_init(&c.a, PLAN_BYTES_MAX);
	c.parts = calloc(req->n_parts, sizeof(*c.parts));
	if (c.parts && digest_request(&c) == 0)
		err = plan(&c, local_of(s));
	for (int i = 1; err == S3_OK && !c.repeat; i++) {
		c.op.bytes = c.extents.n;
		err = writer_run(local_of(s), &c.op);
		if (err != S3_ERR_OPERATION_ABORTED || i == ATTEMPTS)
			break;
		arena_release(&c.a);
		arena_init(&c.a, PLAN_BYTES_MAX);
		err = plan(&c, local_of(s));
	}
	if (err == S3_OK && !c.repeat)
		change_made(&c.change, &out->object);
	complete_release(&c);
	return err;
}
