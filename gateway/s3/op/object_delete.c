/*
 * DeleteObject and DeleteObjects. Deleting what is not there succeeds.
 */
#include "base/xml_read.h"
#include "gateway/s3/op/ops.h"

#define KEYS_MAX 1000u

struct delete_list {
	struct arena *arena;
	struct store_removal *v;
	bool *guarded; /* v[i] by what is not implemented */
	size_t n;
	bool quiet;
};

enum s3_error
op_delete_object(struct s3_request *rq)
{
	const struct store_note note = s3_note(rq, "ObjectRemoved:Delete");
	struct store_removed removed;
	struct store_cond cond;
	struct store_ref ref;
	enum s3_error err = s3_write_conditions(rq, &cond);

	if (err == S3_OK)
		err = s3_ref(rq, &ref);
	if (err != S3_OK)
		return err;
	/* Conditions are about the current version. */
	if (cond.if_match.p && ref.version_id.n)
		return s3_fail(rq, S3_ERR_NOT_IMPLEMENTED, NULL, "Header",
			       SLICE("If-Match"));
	err = store_remove(rq->world->store, &ref, &cond, &note, &removed);
	if (err != S3_OK)
		return s3_ref_failed(rq, &ref, NULL,
				     s3_condition_failed(rq, err));
	if (removed.is_marker)
		http_set_header(rq->http, "x-amz-delete-marker", SLICE("true"));
	/* A version that is named is told, whether or not it was there. */
	if (ref.version_id.n)
		http_set_header(rq->http, "x-amz-version-id", ref.version_id);
	else if (*removed.version_id)
		s3_set_version_id(rq, removed.version_id);
	http_answer(rq->http, 204, SLICE_EMPTY);
	return S3_OK;
}

/* ---- DeleteObjects ------------------------------------------------------ */

static int
on_object(void *ctx)
{
	struct delete_list *l = ctx;

	if (l->n == KEYS_MAX)
		return -1;
	l->v[l->n++] = (struct store_removal){ .cond = STORE_COND_NONE };
	return 0;
}

/* Which of two keys is meant, nobody knows: none is deleted. */
static int
on_key(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;
	struct store_removal *v = &l->v[l->n - 1];

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

	l->v[l->n - 1].cond.if_match = arena_copy(l->arena, text);
	return 0;
}

static int
on_guard(void *ctx, struct slice text)
{
	struct delete_list *l = ctx;

	(void)text;
	l->guarded[l->n - 1] = true;
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
	l->guarded = arena_array(l->arena, KEYS_MAX, sizeof(*l->guarded));
	if (!l->v || !l->guarded)
		return S3_ERR_INTERNAL_ERROR;
	if (xml_read(buf_slice(&rq->body), rules, ARRAY_LEN(rules), l) != 0 ||
	    l->n == 0)
		return S3_ERR_MALFORMED_XML;
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].key.n == 0)
			return S3_ERR_MALFORMED_XML;
		if (l->v[i].cond.if_match.n && l->v[i].version_id.n)
			l->guarded[i] = true;
	}
	return S3_OK;
}

/* All in one commit, but for those that must not be tried. */
static enum s3_error
remove_all(struct s3_request *rq, struct delete_list *l)
{
	const struct store_note note = s3_note(rq, "ObjectRemoved:Delete");
	struct store_removal *v = arena_array(l->arena, l->n, sizeof(*l->v));
	enum s3_error err;
	size_t n = 0;

	if (!v)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < l->n; i++)
		if (!l->guarded[i])
			v[n++] = l->v[i];
	err = store_remove_many(rq->world->store, rq->bucket, v, n, &note);
	for (size_t i = l->n; err == S3_OK && i-- > 0;) {
		if (l->guarded[i])
			l->v[i].err = S3_ERR_NOT_IMPLEMENTED;
		else
			l->v[i] = v[--n];
	}
	return err;
}

static void
put_deleted(struct buf *xml, const struct store_removal *v)
{
	xml_open(xml, "Deleted");
	xml_text(xml, "Key", v->key);
	if (v->version_id.n)
		xml_text(xml, "VersionId", v->version_id);
	if (v->removed.is_marker) {
		xml_bool(xml, "DeleteMarker", true);
		xml_text(xml, "DeleteMarkerVersionId",
			 slice_str(v->removed.version_id));
	}
	xml_close(xml, "Deleted");
}

static void
put_error(struct buf *xml, const struct store_removal *v)
{
	/* An id that none can be is a version that is not there. */
	bool no_id = v->version_id.n && v->err == S3_ERR_INVALID_ARGUMENT;
	const struct s3_error_info *info =
	    s3_error_info(no_id ? S3_ERR_NO_SUCH_VERSION : v->err);

	xml_open(xml, "Error");
	xml_text(xml, "Key", v->key);
	if (v->version_id.n)
		xml_text(xml, "VersionId", v->version_id);
	xml_text(xml, "Code", slice_str(info->code));
	xml_text(xml, "Message", slice_str(info->message));
	xml_close(xml, "Error");
}

enum s3_error
op_delete_objects(struct s3_request *rq)
{
	struct delete_list list = { 0 };
	struct buf xml = BUF_INIT;
	enum s3_error err = read_list(rq, &list);

	if (err == S3_OK)
		err = remove_all(rq, &list);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "DeleteResult", XML_NS_S3);
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].err != S3_OK)
			put_error(&xml, &list.v[i]);
		else if (!list.quiet)
			put_deleted(&xml, &list.v[i]);
	}
	xml_close(&xml, "DeleteResult");
	return s3_answer_xml(rq, &xml);
}
