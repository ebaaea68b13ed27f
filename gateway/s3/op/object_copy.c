/*
 * CopyObject: a new object that shares the source's bytes. What it carries is
 * the source's or the request's, as the directives say. When the source is
 * replaced between the look at it and the commit, the copy looks again.
 */
#include "gateway/s3/checksum.h"
#include "gateway/s3/copy_source.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/op/ops.h"

#define TRIES 4
#define PIECE 262144u

struct copy {
	struct s3_copy_source source;
	struct store_object from;
	struct store_read *read; /* only to compute a checksum */
	struct store_copy_req req;
	bool replace_headers;
	bool replace_tags;
	enum hash_alg alg; /* asked for, HASH_NONE: the source's */
};

/* ---- the request -------------------------------------------------------- */

/* COPY or REPLACE. */
static enum s3_error
read_directive(struct s3_request *rq, const char *header, const char *unknown,
	       bool *replace)
{
	struct slice v = s3_header_or_hoisted(rq, header);

	*replace = slice_eq_str(v, "REPLACE");
	if (!v.p || *replace || slice_eq_str(v, "COPY"))
		return S3_OK;
	return s3_bad_argument(rq, unknown, header, v);
}

/* Copying an object onto itself must change it; an older version, named by
 * its id, is brought back by it. */
static enum s3_error
check_self(struct s3_request *rq, const struct copy *c)
{
	const struct store_ref *from = &c->source.ref;
	bool is_older =
	    from->version_id.n && rq->record.versioning != STORE_UNVERSIONED;

	if (!slice_eq(from->bucket, rq->bucket) ||
	    !slice_eq(from->key, rq->key) || is_older || c->replace_headers ||
	    s3_header_or_hoisted(rq, "x-amz-storage-class").p ||
	    s3_header_or_hoisted(rq, S3_REDIRECT).p)
		return S3_OK;
	return s3_failf(rq, S3_ERR_INVALID_REQUEST,
			"This copy request is illegal because it is trying to "
			"copy an object to itself without changing the "
			"object's metadata, storage class, website redirect "
			"location or encryption attributes.");
}

/* With COPY the request's own metadata say nothing, but they are checked. */
static enum s3_error
read_target(struct s3_request *rq, struct copy *c)
{
	struct store_copy_req *req = &c->req;
	bool composite;
	enum s3_error err;

	req->bucket = rq->bucket;
	req->key = rq->key;
	req->size_max = s3_object_max(rq);
	req->note = s3_note(rq, "ObjectCreated:Copy");
	err = s3_read_kept(rq, &req->headers, &req->storage_class, &req->tags);
	if (err == S3_OK)
		err = s3_checksum_choice(rq, &c->alg, &composite);
	if (err == S3_OK)
		err = s3_write_conditions(rq, &req->cond);
	return err;
}

static enum s3_error
read_request(struct s3_request *rq, struct copy *c)
{
	enum s3_error err = s3_no_version(rq);

	if (err == S3_OK)
		err = read_directive(rq, "x-amz-metadata-directive",
				     "Unknown metadata directive.",
				     &c->replace_headers);
	if (err == S3_OK)
		err = read_directive(rq, "x-amz-tagging-directive",
				     "Unknown tagging directive.",
				     &c->replace_tags);
	if (err == S3_OK)
		err = read_target(rq, c);
	if (err == S3_OK)
		err = s3_refuse_key(rq);
	if (err == S3_OK)
		err = s3_copy_source_read(rq, &c->source);
	return err == S3_OK ? check_self(rq, c) : err;
}

/* ---- what the copy carries ---------------------------------------------- */

/* A redirect belongs to one key: it is never copied, only given anew. */
static enum s3_error
copied_headers(struct s3_request *rq, const struct store_headers *from,
	       struct store_headers *out)
{
	struct slice redirect = s3_header_or_hoisted(rq, S3_REDIRECT);
	struct store_header *v =
	    arena_array(&rq->http->arena, from->n + 1, sizeof(*v));

	if (!v)
		return S3_ERR_INTERNAL_ERROR;
	*out = (struct store_headers){ .v = v };
	for (size_t i = 0; i < from->n; i++)
		if (!slice_eq_str(from->v[i].name, S3_REDIRECT))
			v[out->n++] = from->v[i];
	if (redirect.n)
		v[out->n++] =
		    (struct store_header){ SLICE(S3_REDIRECT), redirect };
	return S3_OK;
}

static enum s3_error
hash_bytes(struct copy *c, struct hash *h)
{
	char *piece = malloc(PIECE);
	enum s3_error err = piece ? S3_OK : S3_ERR_INTERNAL_ERROR;

	store_read_want(c->read, 0, c->from.size);
	for (uint64_t at = 0; err == S3_OK && at < c->from.size;) {
		uint64_t left = c->from.size - at;
		size_t n = left < PIECE ? (size_t)left : PIECE;

		err = store_read_at(c->read, at, piece, n);
		if (err == S3_OK)
			hash_update(h, piece, n);
		at += n;
	}
	free(piece);
	return err;
}

/* Another algorithm than the source's means reading all of it, unless somebody
 * else does (store_is_remote()). */
static enum s3_error
choose_checksum(struct copy *c)
{
	struct hash h = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	c->req.keep_checksum =
	    c->alg == HASH_NONE ||
	    (c->alg == c->from.checksum_alg && !c->from.checksum_composite);
	c->req.checksum_alg = (uint16_t)c->alg;
	if (c->req.keep_checksum || !c->read)
		return S3_OK;
	if (hash_init(&h, c->alg) == 0)
		err = hash_bytes(c, &h);
	if (err == S3_OK)
		hash_final(&h, c->req.checksum);
	hash_release(&h);
	return err;
}

static enum s3_error
copy_once(struct s3_request *rq, struct copy *c, struct store_object *out)
{
	struct store_copy_req *req = &c->req;
	enum s3_error err = s3_copy_source_get(
	    rq, &c->source, &c->from,
	    c->alg == HASH_NONE || store_is_remote(rq->world->store)
		? NULL
		: &c->read);

	if (err == S3_OK)
		err = s3_copy_source_check_size(rq, c->from.size,
						c->req.size_max);
	if (err == S3_OK && !c->replace_headers)
		err = copied_headers(rq, &c->from.headers, &req->headers);
	if (err == S3_OK)
		err = choose_checksum(c);
	store_read_close(c->read);
	c->read = NULL;
	if (err != S3_OK)
		return err;
	if (!c->replace_tags)
		req->tags = c->from.tags;
	req->source = c->source.ref;
	req->source_seq = c->from.seq;
	req->source_etag = slice_str(c->from.etag);
	req->source_size = c->from.size;
	return s3_condition_failed(rq, store_copy(rq->world->store, req, out));
}

/* ---- the answer --------------------------------------------------------- */

static enum s3_error
answer(struct s3_request *rq, const struct copy *c,
       const struct store_object *o)
{
	struct buf xml = BUF_INIT;

	if (strcmp(c->from.version_id, "null") != 0)
		http_set_header(rq->http, "x-amz-copy-source-version-id",
				slice_str(c->from.version_id));
	s3_set_made_version(rq, o->version_id);
	xml_prolog(&xml);
	xml_open_ns(&xml, "CopyObjectResult", XML_NS_S3);
	s3_xml_time(&xml, "LastModified", o->mtime_us);
	buf_printf(&xml, "<ETag>&quot;%s&quot;</ETag>", o->etag);
	s3_xml_checksum(rq, &xml, o->checksum_alg, o->checksum,
			o->checksum_composite ? o->n_parts : 0);
	if (o->checksum_alg != HASH_NONE)
		xml_text(&xml, "ChecksumType",
			 s3_checksum_type(o->checksum_composite));
	xml_close(&xml, "CopyObjectResult");
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_copy_begin(struct s3_request *rq)
{
	uint64_t n = rq->http->content_length;

	if (n == 0 || n == HTTP_LENGTH_UNKNOWN)
		return S3_OK;
	return s3_failf(rq, S3_ERR_INVALID_REQUEST,
			"The request included a body. Requests of this type "
			"must not include a non-empty body.");
}

enum s3_error
op_copy_object(struct s3_request *rq)
{
	struct copy c = { .req.cond = STORE_COND_NONE };
	struct store_object made;
	enum s3_error err = read_request(rq, &c);

	if (err != S3_OK)
		return err;
	err = S3_ERR_OPERATION_ABORTED;
	for (int i = 0; i < TRIES && err == S3_ERR_OPERATION_ABORTED; i++)
		err = copy_once(rq, &c, &made);
	return err == S3_OK ? answer(rq, &c, &made) : err;
}
