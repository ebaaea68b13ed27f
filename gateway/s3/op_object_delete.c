/*
 * DeleteObject and DeleteObjects. Deleting what is not there succeeds.
 */
#include "gateway/s3/body.h"
#include "base/xml_read.h"
#include "gateway/s3/ops.h"

#define KEYS_MAX 1000u

struct victim {
	struct slice key;
	struct slice version_id;
	struct slice etag; /* If-Match */
	bool guarded;	   /* by what is not implemented */
};

struct delete_list {
	struct arena *arena;
	struct victim *v;
	size_t n;
	bool quiet;
};

static enum s3_error
remove_one(struct s3_request *rq, struct slice key,
	   const struct store_cond *cond)
{
	const struct store_note note = s3_note(rq, "");

	return store_remove(rq->world->store, &STORE_REF(rq->bucket, key), cond,
			    &note, NULL);
}

enum s3_error
op_delete_object(struct s3_request *rq)
{
	struct slice version = s3_param(rq, "versionId");
	struct store_cond cond;
	enum s3_error err = s3_write_conditions(rq, &cond);

	if (version.p && !slice_eq_str(version, "null"))
		return s3_bad_argument(rq, "Invalid version id specified",
				       "versionId", version);
	if (err == S3_OK)
		err = remove_one(rq, rq->key, &cond);
	if (err != S3_OK)
		return s3_condition_failed(rq, err);
	http_answer(rq->http, 204, SLICE_EMPTY);
	return S3_OK;
}

/* ---- DeleteObjects ------------------------------------------------------ */

enum s3_error
op_delete_objects_begin(struct s3_request *rq)
{
	if (s3_body_is_protected(rq->filters))
		return S3_OK;
	rq->detail.message = "Missing required header for this request: "
			     "Content-MD5 OR x-amz-checksum-*";
	return S3_ERR_INVALID_REQUEST;
}

static int
on_object(void *ctx)
{
	struct delete_list *l = ctx;

	if (l->n == KEYS_MAX)
		return -1;
	l->v[l->n++] = (struct victim){ 0 };
	return 0;
}

/* Which of two keys is meant, nobody knows: none is deleted. */
static int
on_key(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;
	struct victim *v = &l->v[l->n - 1];

	if (v->key.n)
		return -1;
	v->key = arena_copy(l->arena, text);
	return 0;
}

static int
on_version(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;

	l->v[l->n - 1].version_id = arena_copy(l->arena, text);
	return 0;
}

static int
on_etag(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;

	l->v[l->n - 1].etag = arena_copy(l->arena, text);
	return 0;
}

static int
on_guard(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;

	(void)text;
	l->v[l->n - 1].guarded = true;
	return 0;
}

static int
on_quiet(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;

	l->quiet = slice_ieq_str(slice_trim(text), "true");
	return 0;
}

static enum s3_error
read_list(struct s3_request *rq, struct delete_list *l)
{
	static const struct xml_rule rules[] = {
		{ "Delete/Object", on_object, NULL },
		{ "Delete/Object/Key", NULL, on_key },
		{ "Delete/Object/VersionId", NULL, on_version },
		{ "Delete/Object/ETag", NULL, on_etag },
		{ "Delete/Object/LastModifiedTime", NULL, on_guard },
		{ "Delete/Object/Size", NULL, on_guard },
		{ "Delete/Quiet", NULL, on_quiet },
	};

	if (rq->body.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	l->arena = &rq->http->arena;
	l->v = arena_array(l->arena, KEYS_MAX, sizeof(*l->v));
	if (!l->v)
		return S3_ERR_INTERNAL_ERROR;
	if (xml_read(buf_slice(&rq->body), rules, ARRAY_LEN(rules), l) != 0 ||
	    l->n == 0)
		return S3_ERR_MALFORMED_XML;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].key.n == 0)
			return S3_ERR_MALFORMED_XML;
	return S3_OK;
}

static enum s3_error
remove_victim(struct s3_request *rq, const struct victim *v)
{
	struct store_cond cond = STORE_COND_NONE;

	cond.if_match = v->etag;
	if (v->guarded)
		return S3_ERR_NOT_IMPLEMENTED;
	if (v->key.n > STORE_KEY_MAX)
		return S3_ERR_KEY_TOO_LONG;
	if (v->version_id.n && !slice_eq_str(v->version_id, "null"))
		return S3_ERR_NO_SUCH_VERSION;
	return remove_one(rq, v->key, &cond);
}

static void
put_result(struct buf *xml, const struct victim *v, enum s3_error err,
	   bool quiet)
{
	const struct s3_error_info *info = s3_error_info(err);
	const char *element = err == S3_OK ? "Deleted" : "Error";

	if (err == S3_OK && quiet)
		return;
	xml_open(xml, element);
	xml_text(xml, "Key", v->key);
	if (v->version_id.n)
		xml_text(xml, "VersionId", v->version_id);
	if (err != S3_OK) {
		xml_text(xml, "Code", slice_str(info->code));
		xml_text(xml, "Message", slice_str(info->message));
	}
	xml_close(xml, element);
}

enum s3_error
op_delete_objects(struct s3_request *rq)
{
	struct delete_list list = { 0 };
	struct store_bucket b;
	struct buf xml = BUF_INIT;
	enum s3_error err = read_list(rq, &list);

	if (err == S3_OK)
		err = store_bucket_head(rq->world->store, rq->bucket,
					&rq->http->arena, &b);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "DeleteResult", XML_NS_S3);
	for (size_t i = 0; i < list.n; i++)
		put_result(&xml, &list.v[i], remove_victim(rq, &list.v[i]),
			   list.quiet);
	xml_close(&xml, "DeleteResult");
	return s3_answer_xml(rq, &xml);
}
