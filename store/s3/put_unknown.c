/*
 * A put of unknown size, made of puts of known size: of the store's own
 * contract, so that each is streamed, checked and journalled as any other.
 */
#include "store/s3/put_unknown.h"
#include "base/encode.h"
#include "base/hash.h"

#define HELD_MAX (8u << 20) /* and the size of a part */

struct unknown_put {
	struct store_put base;
	struct arena arena;
	struct store_put_req req; /* its slices in the arena */
	struct buf held;
	char upload_id[STORE_UPLOAD_ID_MAX]; /* "": none so far */
	struct buf parts;		     /* of struct sent_part */
};

struct sent_part {
	char etag[STORE_ETAG_MAX];
	uint8_t checksum[32];
};

static void
unknown_free(struct unknown_put *put)
{
	buf_release(&put->parts);
	buf_release(&put->held);
	arena_release(&put->arena);
	free(put);
}

void
s3_unknown_abort(struct store_put *base)
{
	struct unknown_put *put = (struct unknown_put *)base;

	/* What cannot be aborted now is a matter of the bucket's rules. */
	if (put->upload_id[0] &&
	    store_upload_abort(base->store, put->req.bucket, put->req.key,
			       slice_str(put->upload_id)) != S3_OK)
		put->upload_id[0] = '\0';
	unknown_free(put);
}

static struct store_headers
copy_headers(struct arena *a, const struct store_headers *from)
{
	struct store_header *v = arena_array(a, from->n + 1, sizeof(*v));

	for (size_t i = 0; v && i < from->n; i++)
		v[i] = (struct store_header){ arena_copy(a, from->v[i].name),
					      arena_copy(a, from->v[i].value) };
	return (struct store_headers){ v, v ? from->n : 0 };
}

enum s3_error
s3_unknown_begin(struct store *s, const struct store_put_req *req,
		 struct store_put **out)
{
	struct unknown_put *put = calloc(1, sizeof(*put));
	struct arena *a;

	if (!put)
		return S3_ERR_INTERNAL_ERROR;
	a = &put->arena;
	put->base.store = s;
	arena_init(a, 128u << 10);
	put->held.max = HELD_MAX + 1;
	put->req = *req;
	put->req.bucket = arena_copy(a, req->bucket);
	put->req.key = arena_copy(a, req->key);
	put->req.storage_class = arena_copy(a, req->storage_class);
	put->req.headers = copy_headers(a, &req->headers);
	put->req.tags = copy_headers(a, &req->tags);
	put->req.cond.if_match = arena_copy(a, req->cond.if_match);
	put->req.cond.if_none_match = arena_copy(a, req->cond.if_none_match);
	/* A checksum over parts is joined from theirs: CRCs only can be. */
	if (!hash_is_crc(put->req.checksum_alg))
		put->req.checksum_alg = HASH_NONE;
	if (a->err) {
		unknown_free(put);
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = &put->base;
	return S3_OK;
}

static enum s3_error
create_upload(struct unknown_put *put)
{
	const struct store_upload_req req = {
		.bucket = put->req.bucket,
		.key = put->req.key,
		.storage_class = put->req.storage_class,
		.headers = put->req.headers,
		.tags = put->req.tags,
		.checksum_alg = put->req.checksum_alg,
	};

	return store_upload_create(put->base.store, &req, put->upload_id);
}

/* The digests that a commit brings, of what is held. */
static enum s3_error
sum_held(const struct unknown_put *put, struct store_put_final *fin)
{
	struct hash h;

	fin->checksum_alg = put->req.checksum_alg;
	if (!fin->checksum_alg)
		return S3_OK;
	if (hash_init(&h, fin->checksum_alg) != 0)
		return S3_ERR_INTERNAL_ERROR;
	hash_update(&h, put->held.p, put->held.n);
	hash_final(&h, fin->checksum);
	hash_release(&h);
	return S3_OK;
}

/* What is held becomes the next part. */
static enum s3_error
send_part(struct unknown_put *put)
{
	const struct store_part_ref part = {
		.bucket = put->req.bucket,
		.key = put->req.key,
		.upload_id = slice_str(put->upload_id),
		.number =
		    (uint32_t)(put->parts.n / sizeof(struct sent_part)) + 1,
		.checksum_alg = put->req.checksum_alg,
	};
	struct store_put_final fin = { 0 };
	struct sent_part sent = { 0 };
	struct store_object made;
	struct store_put *inner;
	enum s3_error err = sum_held(put, &fin);

	if (err == S3_OK)
		err = store_part_begin(put->base.store, &part, put->held.n, 0,
				       &inner);
	if (err != S3_OK)
		return err;
	err = store_put_write(inner, put->held.p, put->held.n);
	if (err != S3_OK) {
		store_put_abort(inner);
		return err;
	}
	err = store_put_commit(inner, &fin, &made);
	buf_clear(&put->held);
	snprintf(sent.etag, sizeof(sent.etag), "%s", made.etag);
	memcpy(sent.checksum, fin.checksum, sizeof(sent.checksum));
	buf_add(&put->parts, &sent, sizeof(sent));
	return err == S3_OK && !buf_ok(&put->parts) ? S3_ERR_INTERNAL_ERROR
						    : err;
}

enum s3_error
s3_unknown_write(struct store_put *base, const void *p, size_t n)
{
	struct unknown_put *put = (struct unknown_put *)base;
	enum s3_error err = S3_OK;

	for (const char *from = p; n && err == S3_OK;) {
		size_t room = HELD_MAX - put->held.n;
		size_t now = room < n ? room : n;

		buf_add(&put->held, from, now);
		from += now;
		n -= now;
		if (!buf_ok(&put->held))
			err = S3_ERR_INTERNAL_ERROR;
		if (err == S3_OK && n && !put->upload_id[0])
			err = create_upload(put);
		if (err == S3_OK && n)
			err = send_part(put);
	}
	return err;
}

static enum s3_error
complete(struct unknown_put *put, const struct store_put_final *fin,
	 struct store_object *out)
{
	const struct sent_part *sent;
	struct store_complete_part *v;
	struct store_complete_req req = {
		.bucket = put->req.bucket,
		.key = put->req.key,
		.upload_id = slice_str(put->upload_id),
		.size = put->base.written,
		.cond = put->req.cond,
		.checksum_alg = put->req.checksum_alg,
		.note = fin->note,
	};
	struct store_complete_result result;
	enum s3_error err = send_part(put);

	if (err != S3_OK)
		return err;
	if (req.checksum_alg && fin->checksum_alg != req.checksum_alg)
		return S3_ERR_INVALID_ARGUMENT; /* another was announced */
	memcpy(req.checksum, fin->checksum, sizeof(req.checksum));
	sent = (const void *)put->parts.p;
	req.n_parts = put->parts.n / sizeof(*sent);
	v = calloc(req.n_parts, sizeof(*v));
	if (!v)
		return S3_ERR_INTERNAL_ERROR;
	for (uint32_t i = 0; i < req.n_parts; i++) {
		v[i].number = i + 1;
		v[i].etag = slice_str(sent[i].etag);
		v[i].checksum_alg = req.checksum_alg;
		memcpy(v[i].checksum, sent[i].checksum, sizeof(v[i].checksum));
	}
	req.parts = v;
	err = store_upload_complete(put->base.store, &req, &result);
	free(v);
	if (err != S3_OK)
		return err;
	put->upload_id[0] = '\0'; /* nothing is left to be aborted */
	if (out)
		*out = result.object;
	return S3_OK;
}

/* All of it was held, so its size is known by now. */
static enum s3_error
put_whole(struct unknown_put *put, const struct store_put_final *fin,
	  struct store_object *out)
{
	struct store_put *inner;
	enum s3_error err;

	put->req.size = put->held.n;
	err = store_put_begin(put->base.store, &put->req, &inner);
	if (err != S3_OK)
		return err;
	err = store_put_write(inner, put->held.p, put->held.n);
	if (err == S3_OK)
		return store_put_commit(inner, fin, out);
	store_put_abort(inner);
	return err;
}

enum s3_error
s3_unknown_commit(struct store_put *base, const struct store_put_final *fin,
		  struct store_object *out)
{
	struct unknown_put *put = (struct unknown_put *)base;
	enum s3_error err = put->upload_id[0] ? complete(put, fin, out)
					      : put_whole(put, fin, out);

	s3_unknown_abort(base);
	return err;
}
