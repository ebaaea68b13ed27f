/*
 * Writing an object, in the caller's thread: small ones are gathered in
 * memory and go into the index; past inline_max the bytes move to a blob
 * file, and the rest is written there as it comes.
 */
#include "store/local/put.h"
#include "base/hash.h"
#include "store/local/change.h"

#define LOOK_BYTES (1u << 20)

void
put_free(struct local_put *p)
{
	space_unreserve(p->ls, p->reserved);
	buf_release(&p->data);
	arena_release(&p->copies);
	free(p);
}

void
local_put_abort(struct store_put *put)
{
	struct local_put *p = (struct local_put *)put;

	blob_settle(p->blob, BLOB_DROPPED);
	put_free(p);
}

/* Refuses early what the commit would refuse anyway. */
static enum s3_error
check_now(struct store *s, const struct store_put_req *req)
{
	struct store_object current;
	struct store_bucket bucket;
	struct arena a;
	enum s3_error err;

	arena_init(&a, PUT_COPIES_MAX);
	err = local_bucket_head(s, req->bucket, &a, &bucket);
	if (err == S3_OK &&
	    (req->cond.if_match.n || req->cond.if_none_match.n ||
	     req->cond.if_unmodified_since_us != INT64_MIN)) {
		err = local_get(s, &STORE_REF(req->bucket, req->key), NULL, &a,
				&current, NULL);
		if (err == S3_OK)
			err = store_cond_check(&req->cond, &current, false);
		else if (err == S3_ERR_NO_SUCH_KEY)
			err = store_cond_check(&req->cond, NULL, false);
	}
	arena_release(&a);
	return err;
}

static struct store_headers
copy_headers(struct arena *a, const struct store_headers *from)
{
	struct store_header *h = arena_array(a, from->n, sizeof(*h));

	for (size_t i = 0; h && i < from->n; i++) {
		h[i].name = arena_copy(a, from->v[i].name);
		h[i].value = arena_copy(a, from->v[i].value);
	}
	return (struct store_headers){ h, from->n };
}

static int
copy_request(struct local_put *p, const struct store_put_req *req)
{
	struct arena *a = &p->copies;

	p->bucket = arena_copy(a, req->bucket);
	p->key = arena_copy(a, req->key);
	p->cond = req->cond;
	p->cond.if_match = arena_copy(a, req->cond.if_match);
	p->cond.if_none_match = arena_copy(a, req->cond.if_none_match);
	p->storage_class = arena_copy(a, req->storage_class);
	p->headers = copy_headers(a, &req->headers);
	p->tags = copy_headers(a, &req->tags);
	return a->err ? -1 : 0;
}

enum s3_error
put_new(struct local *ls, uint64_t size, struct local_put **out)
{
	uint64_t reserved = size == UINT64_MAX ? 0 : size;
	struct local_put *p;
	enum s3_error err = writer_admit(ls);

	if (err == S3_OK)
		err = space_reserve(ls, reserved);
	if (err != S3_OK)
		return err;
	p = calloc(1, sizeof(*p));
	if (!p) {
		space_unreserve(ls, reserved);
		return S3_ERR_INTERNAL_ERROR;
	}
	p->ls = ls;
	p->reserved = reserved;
	arena_init(&p->copies, PUT_COPIES_MAX);
	*out = p;
	return S3_OK;
}

enum s3_error
local_put_begin(struct store *s, const struct store_put_req *req,
		struct store_put **out)
{
	struct local_put *p;
	enum s3_error err = check_now(s, req);

	if (err == S3_OK)
		err = put_new(local_of(s), req->size, &p);
	if (err != S3_OK)
		return err;
	if (copy_request(p, req) != 0) {
		put_free(p);
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = &p->base;
	return S3_OK;
}

/* From memory to a file. */
static enum s3_error
spill(struct local_put *p)
{
	enum s3_error err = blob_create(p->ls, &p->blob);

	if (err != S3_OK)
		return err;
	if (p->reserved && blob_expect(p->blob, p->reserved)) {
		space_unreserve(p->ls, p->reserved);
		p->reserved = 0;
	}
	if (p->data.n)
		err = blob_append(p->blob, p->data.p, p->data.n);
	buf_release(&p->data);
	return err;
}

enum s3_error
local_put_write(struct store_put *put, const void *bytes, size_t n)
{
	struct local_put *p = (struct local_put *)put;
	bool large = p->part_number || put->written > p->ls->inline_max ||
		     (put->size != UINT64_MAX && put->size > p->ls->inline_max);
	enum s3_error err = S3_OK;

	if (large && !p->blob)
		err = spill(p);
	/* Of an unknown length nothing was reserved: look at each MiB. */
	if (err == S3_OK && put->size == UINT64_MAX &&
	    put->written / LOOK_BYTES != (put->written - n) / LOOK_BYTES) {
		err = space_reserve(p->ls, n);
		if (err == S3_OK)
			space_unreserve(p->ls, n);
	}
	if (err != S3_OK)
		return err;
	if (p->blob)
		return blob_append(p->blob, bytes, n);
	/* Of a known length all memory at once, and no more. */
	if (p->data.n == 0 && put->size != UINT64_MAX) {
		p->data.max = put->size;
		buf_reserve(&p->data, put->size);
		p->data.max = 0;
	}
	buf_add(&p->data, bytes, n);
	return buf_ok(&p->data) ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

/* ---- the commit -------------------------------------------------------- */

struct put_op {
	struct writer_op op; /* first */
	struct change change;
	const struct blob_file *blob; /* or NULL */
};

static int
run_put(struct writer_op *op, struct writer_txn *t)
{
	struct put_op *put = (struct put_op *)op;
	struct change *c = &put->change;
	int rc = change_prepare_put(c, t, &op->result);

	if (rc != 0 || op->result != S3_OK)
		return rc;
	if (put->blob)
		rc = gc_blob_add(t->ls, t->txn, blob_id(put->blob),
				 c->object.o.size, blob_crcs(put->blob));
	return rc == 0 ? change_apply(c, t) : rc;
}

static void
describe(const struct local_put *p, const struct store_put_final *fin,
	 struct change *c)
{
	struct store_object *o = &c->object.o;

	o->size = p->base.written;
	o->storage_class = p->storage_class;
	o->headers = p->headers;
	o->tags = p->tags;
	snprintf(o->etag, sizeof(o->etag), "%.*s", SLICE_ARG(fin->etag));
	o->checksum_alg = fin->checksum_alg;
	memcpy(o->checksum, fin->checksum, sizeof(o->checksum));
	c->object.is_inline = !p->blob;
	if (!p->blob) {
		c->object.data = buf_slice(&p->data);
		c->object.inline_crc = crc32c(0, p->data.p, p->data.n);
	}
}

static enum s3_error
commit(struct local_put *p, const struct store_put_final *fin,
       struct store_object *out)
{
	struct put_op put = { .op = { .run = run_put, .bytes = p->data.n },
			      .change = { .bucket = p->bucket,
					  .key = p->key,
					  .cond = &p->cond,
					  .note = &fin->note },
			      .blob = p->blob };
	struct buf extents = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	describe(p, fin, &put.change);
	if (p->blob)
		blob_extent(p->blob, &extents);
	put.change.object.extents = buf_slice(&extents);
	if (buf_ok(&extents))
		err = writer_run(p->ls, &put.op);
	buf_release(&extents);
	change_release(&put.change);
	if (err == S3_OK && out)
		change_made(&put.change, out);
	return err;
}

enum s3_error
local_put_commit(struct store_put *put, const struct store_put_final *fin,
		 struct store_object *out)
{
	struct local_put *p = (struct local_put *)put;
	enum s3_error err = p->blob ? blob_sync(p->blob) : S3_OK;

	if (err == S3_OK)
		err = p->part_number ? part_commit(p, fin, out)
				     : commit(p, fin, out);
	blob_settle(p->blob, err == S3_OK ? BLOB_COMMITTED : BLOB_DROPPED);
	put_free(p);
	return err;
}
