/*
 * Copies: the target takes references to the source's blobs or extent set, or
 * inline bytes are written again. The source is looked up inside the writer,
 * and is the one that was described to the caller or the copy does not happen.
 */
#include "base/encode.h"
#include "base/hash.h"
#include "store/local/change.h"
#include "store/local/extents.h"
#include "store/local/read.h"
#include "store/local/upload.h"

#include <errno.h>

#define COPIES_MAX (128u << 10) /* of a record's headers and tags */

/* The version that @ref stands for, when it is still the one of @seq. LMDB
 * code; a logical failure goes to *result. */
static int
find_source(struct local *ls, MDB_txn *txn, const struct store_ref *ref,
	    uint64_t seq, struct version *out, enum s3_error *result)
{
	struct local_bucket bucket;
	int rc;

	*result = local_bucket_find(ls, txn, ref->bucket, &bucket);
	if (*result != S3_OK)
		return 0;
	rc = version_find(ls, txn, bucket.id, ref->key, ref->version_id, out,
			  result);
	if (rc != 0 || *result != S3_OK)
		return rc;
	if (out->rec.o.is_delete_marker)
		*result = ref->version_id.n ? S3_ERR_METHOD_NOT_ALLOWED
					    : S3_ERR_NO_SUCH_KEY;
	else if (out->rec.o.seq != seq)
		*result = S3_ERR_OPERATION_ABORTED;
	return 0;
}

/* ---- objects ------------------------------------------------------------ */

struct copy_op {
	struct writer_op op; /* first */
	const struct store_copy_req *req;
	struct change put;
	struct change gone; /* the source of a rename */
	/* copied from the source's record */
	struct buf data, extents;
};

static enum s3_error
check_size(const struct store_copy_req *req, uint64_t size)
{
	uint64_t max = req->size_max ? req->size_max : UINT64_MAX;

	if (!req->rename && max > STORE_PUT_BYTES_MAX)
		max = STORE_PUT_BYTES_MAX;
	return size > max ? S3_ERR_ENTITY_TOO_LARGE : S3_OK;
}

static void
describe(struct copy_op *c, const struct record_object *from)
{
	const struct store_copy_req *req = c->req;
	struct record_object *to = &c->put.object;
	struct store_object *o = &to->o;

	*to = (struct record_object){ .is_inline = from->is_inline,
				      .inline_crc = from->inline_crc,
				      .extent_set = from->extent_set };
	o->size = from->o.size;
	o->n_parts = from->o.n_parts;
	memcpy(o->etag, from->o.etag, sizeof(o->etag));
	o->storage_class = req->storage_class;
	o->headers = req->headers;
	o->tags = req->tags;
	o->checksum_alg =
	    req->keep_checksum ? from->o.checksum_alg : req->checksum_alg;
	o->checksum_composite =
	    req->keep_checksum && from->o.checksum_composite;
	memcpy(o->checksum,
	       req->keep_checksum ? from->o.checksum : req->checksum,
	       sizeof(o->checksum));
}

/* What the map holds and later puts may overwrite. */
static int
copy_bytes(struct copy_op *c, const struct record_object *from)
{
	buf_clear(&c->data);
	buf_clear(&c->extents);
	buf_put(&c->data, from->data);
	buf_put(&c->extents, from->extents);
	c->put.object.data = buf_slice(&c->data);
	c->put.object.extents = buf_slice(&c->extents);
	return buf_ok(&c->data) && buf_ok(&c->extents) ? 0 : ENOMEM;
}

static int
hold(struct copy_op *c, struct writer_txn *t)
{
	int rc = extents_hold(t, c->put.object.extents);

	if (rc == 0 && c->put.object.extent_set)
		rc = set_hold(t, c->put.object.extent_set);
	return rc;
}

static int
run_copy(struct writer_op *op, struct writer_txn *t)
{
	struct copy_op *c = (struct copy_op *)op;
	struct version from;
	int rc = find_source(t->ls, t->txn, &c->req->source, c->req->source_seq,
			     &from, &op->result);

	if (rc == 0 && op->result == S3_OK)
		op->result = check_size(c->req, from.rec.o.size);
	if (rc != 0 || op->result != S3_OK)
		return rc;
	describe(c, &from.rec);
	rc = copy_bytes(c, &from.rec);
	if (rc == 0)
		rc = change_prepare_put(&c->put, t, &op->result);
	if (rc == 0 && op->result == S3_OK && c->req->rename)
		rc = change_prepare_remove(&c->gone, t, &op->result);
	if (rc != 0 || op->result != S3_OK)
		return rc;
	/* First: a copy onto itself must not let go of the last reference. */
	rc = hold(c, t);
	if (rc == 0)
		rc = change_apply(&c->put, t);
	return rc == 0 && c->req->rename ? change_apply(&c->gone, t) : rc;
}

/* A rename moves the current object of a name to another name. */
static enum s3_error
check_rename(const struct store_copy_req *req)
{
	if (!slice_eq(req->source.bucket, req->bucket) ||
	    req->source.version_id.n)
		return S3_ERR_INVALID_ARGUMENT;
	return slice_eq(req->source.key, req->key) ? S3_ERR_INVALID_REQUEST
						   : S3_OK;
}

enum s3_error
local_copy(struct store *s, const struct store_copy_req *req,
	   struct store_object *out)
{
	struct copy_op c = { .op = { .run = run_copy,
				     .bytes = local_of(s)->inline_max,
				     .kind = WRITER_CHANGE },
			     .req = req,
			     .put = { .bucket = req->bucket,
				      .key = req->key,
				      .cond = &req->cond,
				      .note = &req->note },
			     .gone = { .bucket = req->source.bucket,
				       .key = req->source.key,
				       .note = &req->note } };
	enum s3_error err = req->rename ? check_rename(req) : S3_OK;

	if (err == S3_OK)
		err = space_reserve(local_of(s), 0); /* full already? */
	if (err == S3_OK)
		err = writer_run(local_of(s), &c.op);
	if (err == S3_OK && out)
		change_made(&c.put, out);
	change_release(&c.put);
	change_release(&c.gone);
	buf_release(&c.data);
	buf_release(&c.extents);
	return err;
}

/* ---- parts -------------------------------------------------------------- */

struct part_copy {
	struct part_put put; /* first */
	const struct store_part_copy_req *req;
};

/* The range's extents, into put.part; see struct part_put. */
static int
find_range(struct part_put *p, struct writer_txn *t)
{
	const struct store_part_copy_req *req = ((struct part_copy *)p)->req;
	struct buf all = BUF_INIT;
	struct version from;
	int rc = find_source(t->ls, t->txn, &req->source, req->source_seq,
			     &from, &p->op.result);

	if (rc != 0 || p->op.result != S3_OK)
		return rc;
	if (from.rec.extent_set)
		rc = set_extents(t->ls, t->txn, from.rec.extent_set, &all);
	else
		buf_put(&all, from.rec.extents);
	buf_clear(&p->extents);
	if (rc == 0 && extents_cut(&p->extents, buf_slice(&all), req->offset,
				   req->size) != 0)
		rc = MDB_CORRUPTED; /* the range was checked */
	if (!buf_ok(&all) || !buf_ok(&p->extents))
		rc = ENOMEM;
	if (extents_count(buf_slice(&p->extents)) > PART_EXTENTS_MAX)
		p->op.result = S3_ERR_ENTITY_TOO_LARGE;
	buf_release(&all);
	p->part.extents = buf_slice(&p->extents);
	return rc;
}

/* The range of an inline object, as a blob of its own that is on disk. */
static enum s3_error
make_blob(struct local *ls, const char *p, uint64_t n, struct blob_file **out)
{
	enum s3_error err = space_reserve(ls, n);

	if (err != S3_OK)
		return err;
	err = blob_create(ls, out);
	if (err == S3_OK)
		err = blob_append(*out, p, n);
	if (err == S3_OK)
		err = blob_sync(*out);
	space_unreserve(ls, n);
	return err;
}

static enum s3_error
record_range(struct local *ls, struct part_copy *c, const struct local_read *r)
{
	const struct store_part_copy_req *req = c->req;
	struct blob_file *blob = NULL;
	enum s3_error err = S3_OK;

	if (!r->data) {
		c->put.find = find_range;
	} else if (req->size) {
		err = make_blob(ls, r->data + req->offset, req->size, &blob);
		if (err == S3_OK) {
			blob_extent(blob, &c->put.extents);
			c->put.part.extents = buf_slice(&c->put.extents);
			c->put.blob = blob;
		}
	}
	if (err == S3_OK)
		err = part_put_run(ls, &c->put);
	blob_settle(blob, err == S3_OK ? BLOB_COMMITTED : BLOB_DROPPED);
	return err;
}

enum s3_error
local_part_copy(struct store *s, const struct store_part_copy_req *req,
		struct store_part *out)
{
	struct part_copy c = { .put = { .op.kind = WRITER_CHANGE,
					.bucket = req->part.bucket,
					.key = req->part.key,
					.upload_id = req->part.upload_id },
			       .req = req };
	struct store_part *part = &c.put.part.p;
	struct store_read *read = NULL;
	struct store_object o;
	struct arena a;
	enum s3_error err;

	if (hex_decode(req->etag, c.put.part.md5, MD5_BYTES) != 0)
		return S3_ERR_INVALID_ARGUMENT;
	err = space_reserve(local_of(s), 0); /* full already? */
	if (err != S3_OK)
		return err;
	arena_init(&a, COPIES_MAX);
	err = local_get(s, &req->source, NULL, &a, &o, &read);
	if (err == S3_OK && o.seq != req->source_seq)
		err = S3_ERR_OPERATION_ABORTED;
	if (err == S3_OK &&
	    (req->offset > o.size || req->size > o.size - req->offset))
		err = S3_ERR_INVALID_ARGUMENT;
	part->number = req->part.number;
	part->size = req->size;
	part->checksum_alg = req->checksum_alg;
	memcpy(part->checksum, req->checksum, sizeof(part->checksum));
	hex_encode(c.put.part.md5, MD5_BYTES, part->etag);
	if (err == S3_OK)
		err = record_range(local_of(s), &c,
				   (const struct local_read *)read);
	if (err == S3_OK)
		*out = *part;
	if (read)
		local_read_close(read);
	arena_release(&a);
	return err;
}
