/*
 * Removals at another S3 endpoint: DeleteObject, and DeleteObjects for many.
 *
 * The endpoint does not say whether there was anything to delete. For one it
 * is asked before; of many it is assumed, since a thousand questions cost
 * more than an event too many.
 */
#include "store/s3/xml.h"
#include "base/xml_write.h"

#define ANSWER_MAX (4u << 20)

/* The store chooses the name; whether a marker came of it, s3_settle() knows.
 */
static struct store_note
removal_note(const struct store_note *note)
{
	struct store_note n = note ? *note : (struct store_note){ 0 };

	n.event_name = SLICE("ObjectRemoved:Delete");
	return n;
}

/* What the intent of a removal knows. */
static struct store_object
expected(const struct store_removal *v)
{
	struct store_object o = { .key = v->key };

	/* It is short enough: s3_remove() looked. */
	(void)s3_text_copy(v->version_id, o.version_id, sizeof(o.version_id));
	return o;
}

/* ---- one ---------------------------------------------------------------- */

/* Whether the version, or the current one, is there; the conditions hold. */
static enum s3_error
look(struct s3_store *s, const struct store_ref *ref,
     const struct store_cond *cond, bool *there)
{
	struct store_object o;
	struct arena a;
	enum s3_error err, cond_err;

	arena_init(&a, 512u << 10);
	err = s3_get(&s->base, ref, NULL, &a, &o, NULL);
	*there = err == S3_OK || err == S3_ERR_METHOD_NOT_ALLOWED;
	cond_err = store_cond_check(cond, err == S3_OK ? &o : NULL, false);
	arena_release(&a);
	if (!*there && err != S3_ERR_NO_SUCH_KEY &&
	    err != S3_ERR_NO_SUCH_VERSION)
		return err;
	/* A version that is not there has nothing to be decided on. */
	return ref->version_id.n && !*there ? S3_OK : cond_err;
}

/* Conditions on the current version are the endpoint's to decide, in the
 * same step; a version that is named does not change. */
static enum s3_error
send_one(struct s3_store *s, struct slice bucket, const struct store_removal *v,
	 struct store_object *made)
{
	struct store_header headers[2];
	struct s3_call call = { .method = "DELETE",
				.bucket = bucket,
				.key = v->key,
				.payload_hash = S3_EMPTY_SHA256 };
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (v->version_id.n)
		s3_query_put(&query, "versionId", v->version_id);
	else
		call.headers =
		    (struct store_headers){ headers, s3_cond_headers(&v->cond,
								     headers) };
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_request_run(s->remote, &call, &answer);
	if (err == S3_OK) {
		made->is_delete_marker = s3_is_marker(&answer);
		s3_copy_version(&answer, made);
	}
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

enum s3_error
s3_remove_one(struct s3_store *s, struct slice bucket, struct store_removal *v,
	      const struct store_note *note)
{
	const struct store_ref ref = { bucket, v->key, v->version_id };
	const struct store_note named = removal_note(note);
	const struct store_object was = expected(v);
	struct store_object made = { 0 };
	struct journal_intent intent;
	bool there;
	enum s3_error err = look(s, &ref, &v->cond, &there);

	if (err != S3_OK || (v->version_id.n && !there))
		return err;
	err = s3_intend(s, bucket, &was, &named, &intent);
	if (err != S3_OK)
		return err;
	err = send_one(s, bucket, v, &made);
	if (err == S3_OK && !there && !made.is_delete_marker)
		s3_drop(s, &intent); /* nothing was changed */
	else
		err = s3_settle(s, &intent, err, &made);
	if (err != S3_OK)
		return err;
	v->removed.existed = there;
	v->removed.is_marker = made.is_delete_marker;
	(void)s3_text_copy(
	    v->version_id.n ? v->version_id : slice_str(made.version_id),
	    v->removed.version_id, sizeof(v->removed.version_id));
	return S3_OK;
}

/* ---- many --------------------------------------------------------------- */

/* What a row of DeleteObjects can say: XML holds no control characters. An
 * ETag it could, but there are endpoints that would not read it, and delete. */
static bool
is_plain(const struct store_removal *v)
{
	for (size_t i = 0; i < v->key.n; i++)
		if ((unsigned char)v->key.p[i] < ' ')
			return false;
	return slice_is_text(v->key) && !v->cond.if_none_match.n &&
	       !v->cond.if_match.n &&
	       v->cond.if_modified_since_us == INT64_MIN &&
	       v->cond.if_unmodified_since_us == INT64_MIN;
}

struct removing {
	struct store_removal **v; /* those that were sent */
	struct journal_intent *intents;
	size_t n;
	bool *answered;
	size_t next; /* rows are answered in order, mostly */
	/* the row being read */
	struct arena *arena;
	struct slice key, version_id;
	struct store_removed removed;
	enum s3_error err;
};

static int
begin_row(void *ctx)
{
	struct removing *r = ctx;

	r->key = r->version_id = SLICE_EMPTY;
	r->removed = (struct store_removed){ .existed = true };
	r->err = S3_OK;
	return 0;
}

static int
take_key(void *ctx, struct slice text)
{
	struct removing *r = ctx;

	r->key = arena_copy(r->arena, text);
	return 0;
}

static int
take_version(void *ctx, struct slice text)
{
	struct removing *r = ctx;

	r->version_id = arena_copy(r->arena, text);
	return 0;
}

static int
take_marker(void *ctx, struct slice text)
{
	struct removing *r = ctx;

	return s3_text_bool(text, &r->removed.is_marker);
}

static int
take_marker_version(void *ctx, struct slice text)
{
	struct removing *r = ctx;

	return s3_text_copy(text, r->removed.version_id,
			    sizeof(r->removed.version_id));
}

static int
take_code(void *ctx, struct slice text)
{
	struct removing *r = ctx;

	r->err = s3_error_by_code(text);
	return 0;
}

/* To the first row of that name that has no answer yet. */
static int
end_row(void *ctx, struct slice text)
{
	struct removing *r = ctx;

	(void)text;
	if (r->key.n == 0)
		return 0; /* so some answer what was named twice */
	for (size_t i = 0; i < r->n; i++) {
		size_t at = (r->next + i) % r->n;
		struct store_removal *v = r->v[at];

		if (r->answered[at] || !slice_eq(v->key, r->key) ||
		    !slice_eq(v->version_id, r->version_id))
			continue;
		r->answered[at] = true;
		r->next = at + 1;
		v->err = r->err;
		if (r->err != S3_OK)
			return 0;
		v->removed = r->removed;
		return v->version_id.n
			   ? s3_text_copy(v->version_id, v->removed.version_id,
					  STORE_VERSION_ID_MAX)
			   : 0;
	}
	return -1; /* nobody asked for it */
}

#define ROW(path)                                                      \
	{ path, begin_row, end_row }, { path "/Key", NULL, take_key }, \
	{                                                              \
		path "/VersionId", NULL, take_version                  \
	}
static const struct xml_rule rules[] = {
	ROW("DeleteResult/Deleted"),
	{ "DeleteResult/Deleted/DeleteMarker", NULL, take_marker },
	{ "DeleteResult/Deleted/DeleteMarkerVersionId", NULL,
	  take_marker_version },
	ROW("DeleteResult/Error"),
	{ "DeleteResult/Error/Code", NULL, take_code },
};

static void
put_rows(const struct removing *r, struct buf *xml)
{
	xml_prolog(xml);
	xml_open_ns(xml, "Delete", XML_NS_S3);
	for (size_t i = 0; i < r->n; i++) {
		const struct store_removal *v = r->v[i];

		xml_open(xml, "Object");
		xml_text(xml, "Key", v->key);
		if (v->version_id.n)
			xml_text(xml, "VersionId", v->version_id);
		xml_close(xml, "Object");
	}
	xml_close(xml, "Delete");
}

static enum s3_error
send_many(struct s3_store *s, struct slice bucket, struct removing *r)
{
	struct buf xml = BUF_INIT;
	struct s3_document doc;
	struct s3_call call = { .method = "POST",
				.bucket = bucket,
				.query = SLICE("delete="),
				.body = &doc.body,
				.payload_hash = doc.sha256,
				.headers = { &doc.content_md5, 1 },
				.answer_max = ANSWER_MAX,
				.may_fail_late = true };
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	put_rows(r, &xml);
	s3_document_init(&doc, buf_slice(&xml));
	if (buf_ok(&xml))
		err = s3_ask(s, &call, rules, ARRAY_LEN(rules), r, &answer);
	http_client_answer_release(&answer);
	buf_release(&xml);
	return err;
}

/* All or each: a row without an answer is one whose outcome is unknown. */
static enum s3_error
settle_rows(struct s3_store *s, struct removing *r, enum s3_error all)
{
	struct s3_outcome *v = arena_array(r->arena, r->n, sizeof(*v));
	struct store_object *made = arena_array(r->arena, r->n, sizeof(*made));

	if (!v || !made)
		return S3_ERR_INTERNAL_ERROR; /* settled at the next start */
	for (size_t i = 0; i < r->n; i++) {
		const struct store_removed *removed = &r->v[i]->removed;

		v[i].intent = &r->intents[i];
		v[i].made = &made[i];
		v[i].err = r->answered[i] ? r->v[i]->err
			   : all != S3_OK ? all
					  : S3_ERR_INTERNAL_ERROR;
		made[i].is_delete_marker = removed->is_marker;
		memcpy(made[i].version_id, removed->version_id,
		       sizeof(made[i].version_id));
	}
	s3_settle_all(s, v, r->n);
	for (size_t i = 0; i < r->n; i++)
		r->v[i]->err = v[i].err;
	return all;
}

static enum s3_error
remove_rows(struct s3_store *s, struct slice bucket, struct removing *r,
	    const struct store_note *note)
{
	struct store_object *were = arena_array(r->arena, r->n, sizeof(*were));
	enum s3_error err = were ? S3_OK : S3_ERR_INTERNAL_ERROR;

	for (size_t i = 0; were && i < r->n; i++)
		were[i] = expected(r->v[i]);
	if (err == S3_OK)
		err = s3_intend_all(s, bucket, were, r->n, note, r->intents);
	if (err != S3_OK)
		return err;
	return settle_rows(s, r, send_many(s, bucket, r));
}

static enum s3_error
remove_many(struct s3_store *s, struct slice bucket, struct store_removal *v,
	    size_t n, const struct store_note *note)
{
	const struct store_note named = removal_note(note);
	struct removing r = { 0 };
	struct arena a;
	enum s3_error err = S3_OK;

	arena_init(&a, 32u << 20);
	r.arena = &a;
	r.v = arena_array(&a, n, sizeof(*r.v));
	r.intents = arena_array(&a, n, sizeof(*r.intents));
	r.answered = arena_array(&a, n, sizeof(*r.answered));
	for (size_t i = 0; !a.err && i < n; i++)
		if (v[i].err == S3_OK && is_plain(&v[i]))
			r.v[r.n++] = &v[i];
	if (a.err)
		err = S3_ERR_INTERNAL_ERROR;
	else if (r.n)
		err = remove_rows(s, bucket, &r, &named);
	arena_release(&a);
	return err;
}

enum s3_error
s3_remove(struct store *base, struct slice bucket, struct store_removal *v,
	  size_t n, const struct store_note *note)
{
	struct s3_store *s = s3_of(base);
	enum s3_error err = S3_OK;

	for (size_t i = 0; i < n; i++)
		if (v[i].version_id.n >= STORE_VERSION_ID_MAX)
			v[i].err = S3_ERR_INVALID_ARGUMENT;
	/* A guarded key may be named once more without its guard. */
	for (size_t i = 0; i < n; i++)
		if (v[i].err == S3_OK && (n == 1 || !is_plain(&v[i])))
			v[i].err = s3_remove_one(s, bucket, &v[i], note);
	if (n > 1)
		err = remove_many(s, bucket, v, n, note);
	for (size_t i = 0; err == S3_OK && i < n; i++)
		if (v[i].err == S3_ERR_NO_SUCH_BUCKET)
			err = v[i].err; /* which holds for all */
	return err;
}
