/*
 * RenameObject: AWS's operation of directory buckets, here on ordinary ones.
 * The object appears under its new key and vanishes under the old one in one
 * commit; no bytes move. The source is "key", "/key" or "bucket/key".
 */
#include "base/encode.h"
#include "gateway/s3/op/ops.h"

#define HEADER "x-amz-rename-source"
#define TRIES 4

struct rename {
	struct store_ref source;
	struct store_cond source_cond;
	struct store_cond cond; /* on the target */
	struct store_object from;
};

/* ---- the request -------------------------------------------------------- */

static enum s3_error
read_source(struct s3_request *rq, struct slice *key)
{
	struct slice v = s3_header_or_hoisted(rq, HEADER), path = SLICE_EMPTY;
	int rc = uri_decode_text(&rq->http->arena, v, false, &path);

	if (slice_starts(path, SLICE("/")))
		path = slice_from(path, 1);
	*key = path;
	if (slice_starts(path, rq->bucket) && path.n > rq->bucket.n + 1 &&
	    path.p[rq->bucket.n] == '/')
		*key = slice_from(path, rq->bucket.n + 1);
	if (rc != 0 || key->n == 0 || key->n > STORE_KEY_MAX)
		return s3_bad_argument(rq, "Invalid rename source object key",
				       HEADER, v);
	return S3_OK;
}

static enum s3_error
read_request(struct s3_request *rq, struct rename *r)
{
	struct store_cond dates;
	enum s3_error err;

	r->source = STORE_REF(rq->bucket, SLICE_EMPTY);
	err = read_source(rq, &r->source.key);
	if (err == S3_OK && slice_eq(r->source.key, rq->key))
		err = s3_failf(rq, S3_ERR_INVALID_REQUEST,
			       "The source and the destination of a rename "
			       "must be different keys.");
	if (err == S3_OK)
		err = s3_write_conditions(rq, &r->cond);
	s3_source_conditions(rq, HEADER "-", &r->source_cond);
	s3_read_conditions(rq, &dates);
	r->cond.if_modified_since_us = dates.if_modified_since_us;
	r->cond.if_unmodified_since_us = dates.if_unmodified_since_us;
	return err;
}

/*
 * If-Modified-Since on the target is no condition of a write in the store: it
 * is decided here, and holds for the object that was seen.
 */
static enum s3_error
check_target(struct s3_request *rq, const struct rename *r,
	     struct store_cond *cond)
{
	const struct store_ref target = STORE_REF(rq->bucket, rq->key);
	struct store_cond since = STORE_COND_NONE;
	struct store_object o;
	enum s3_error err;

	*cond = r->cond;
	if (r->cond.if_modified_since_us == INT64_MIN)
		return S3_OK;
	since.if_modified_since_us = r->cond.if_modified_since_us;
	cond->if_modified_since_us = INT64_MIN;
	err = store_get(rq->world->store, &target, &since, &rq->http->arena, &o,
			NULL);
	if (err == S3_ERR_NO_SUCH_KEY || err == S3_ERR_NOT_MODIFIED)
		return s3_fail(rq, S3_ERR_PRECONDITION_FAILED, NULL,
			       "Condition", SLICE("If-Modified-Since"));
	if (err == S3_OK && !cond->if_match.n && !cond->if_none_match.n)
		cond->if_match =
		    arena_copy(&rq->http->arena, slice_str(o.etag));
	return err;
}

/* ---- the change --------------------------------------------------------- */

static enum s3_error
rename_once(struct s3_request *rq, struct rename *r, struct store_object *out)
{
	struct store_copy_req req = {
		.source = r->source,
		.bucket = rq->bucket,
		.key = rq->key,
		.size_max = s3_object_max(rq),
		.keep_checksum = true,
		.note = s3_note(rq, "ObjectCreated:Copy"),
		.rename = true,
	};
	enum s3_error err =
	    store_get(rq->world->store, &r->source, &r->source_cond,
		      &rq->http->arena, &r->from, NULL);

	if (err == S3_ERR_NO_SUCH_KEY)
		return s3_fail(rq, err, NULL, "Key", r->source.key);
	if (err != S3_OK)
		return s3_source_condition_failed(rq, HEADER "-",
						  &r->source_cond, err);
	err = s3_check_size(rq, r->from.size, req.size_max);
	if (err == S3_OK)
		err = check_target(rq, r, &req.cond);
	if (err != S3_OK)
		return err;
	req.source_seq = r->from.seq;
	req.source_etag = slice_str(r->from.etag);
	req.source_size = r->from.size;
	req.storage_class = r->from.storage_class;
	req.headers = r->from.headers;
	req.tags = r->from.tags;
	return s3_condition_failed(rq, store_copy(rq->world->store, &req, out));
}

enum s3_error
op_rename_object(struct s3_request *rq)
{
	struct rename r = { 0 };
	struct store_object made;
	enum s3_error err = read_request(rq, &r);

	if (err != S3_OK)
		return err;
	err = S3_ERR_OPERATION_ABORTED;
	for (int i = 0; i < TRIES && err == S3_ERR_OPERATION_ABORTED; i++)
		err = rename_once(rq, &r, &made);
	if (err != S3_OK)
		return err;
	s3_set_made_version(rq, made.version_id);
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
