/*
 * Gets from another S3 endpoint: the record by HEAD, tags where it says that
 * there are some. Conditions are decided here, on the record that is answered,
 * so that a client is told of the same object it was compared with.
 */
#include "store/s3/bucket.h"
#include "store/s3/read.h"
#include "store/s3/xml.h"

/* ---- tags --------------------------------------------------------------- */

#define TAGS_MAX 10

struct tagging {
	struct arena *arena;
	struct store_header *v;
	size_t n;
};

static int
begin_tag(void *ctx)
{
	struct tagging *t = ctx;

	return t->n++ < TAGS_MAX ? 0 : -1;
}

static int
take_key(void *ctx, struct slice text)
{
	struct tagging *t = ctx;

	t->v[t->n - 1].name = arena_copy(t->arena, text);
	return t->arena->err ? -1 : 0;
}

static int
take_value(void *ctx, struct slice text)
{
	struct tagging *t = ctx;

	t->v[t->n - 1].value = arena_copy(t->arena, text);
	return t->arena->err ? -1 : 0;
}

static enum s3_error
get_tags(struct s3_store *s, const struct store_ref *ref, struct arena *a,
	 struct store_headers *out)
{
	static const struct xml_rule rules[] = {
		{ "Tagging/TagSet/Tag", begin_tag, NULL },
		{ "Tagging/TagSet/Tag/Key", NULL, take_key },
		{ "Tagging/TagSet/Tag/Value", NULL, take_value },
	};
	struct tagging t = { .arena = a };
	struct s3_call call = s3_get_call(ref->bucket);
	struct buf query = BUF_INIT;
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	t.v = arena_array(a, TAGS_MAX, sizeof(*t.v));
	s3_query_put(&query, "tagging", SLICE_EMPTY);
	s3_query_version(&query, ref->version_id);
	call.key = ref->key;
	call.query = buf_slice(&query);
	if (t.v && buf_ok(&query))
		err = s3_ask(s, &call, rules, ARRAY_LEN(rules), &t, &answer);
	*out = (struct store_headers){ t.v, err == S3_OK ? t.n : 0 };
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* ---- the record --------------------------------------------------------- */

/* No such version id, no permission, or our own pair: a GET's refusal says
 * which. Should it be none, a byte is read. */
static enum s3_error
ask_with_words(struct s3_store *s, const struct s3_call *head)
{
	const struct store_header range = { SLICE("range"),
					    SLICE("bytes=0-0") };
	struct s3_call call = *head;
	struct http_client_answer answer = { 0 };
	enum s3_error err;

	call.method = "GET";
	call.headers = (struct store_headers){ &range, 1 };
	err = s3_request_run(s->remote, &call, &answer);
	http_client_answer_release(&answer);
	return err == S3_OK ? S3_ERR_SERVICE_UNAVAILABLE : err;
}

/* A HEAD has no body to say what it is that is not there. */
static enum s3_error
explain(struct s3_store *s, const struct store_ref *ref,
	const struct s3_call *head, const struct http_client_answer *answer,
	enum s3_error err, struct arena *a, struct store_object *out)
{
	struct store_bucket bucket;

	*out = (struct store_object){ .key = arena_copy(a, ref->key) };
	if (s3_is_marker(answer)) {
		out->is_delete_marker = true;
		out->is_latest = ref->version_id.n == 0;
		s3_copy_ids(answer, out);
		out->etag[0] = '\0';
		s3_copy_time(answer, out);
		return err;
	}
	if (s3_has_no_words(answer))
		return ask_with_words(s, head);
	if (answer->status != 404)
		return err;
	if (s3_bucket_head(&s->base, ref->bucket, a, &bucket) ==
	    S3_ERR_NO_SUCH_BUCKET)
		return S3_ERR_NO_SUCH_BUCKET;
	return ref->version_id.n ? S3_ERR_NO_SUCH_VERSION : S3_ERR_NO_SUCH_KEY;
}

enum s3_error
s3_get(struct store *base, const struct store_ref *ref,
       const struct store_cond *cond, struct arena *a, struct store_object *out,
       struct store_read **read)
{
	struct s3_store *s = s3_of(base);
	const struct store_ref named = s3_named(s, ref);
	struct buf query = BUF_INIT;
	struct s3_call call = s3_head_call(&named, &query);
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (buf_ok(&query))
		err = s3_request_run(s->remote, &call, &answer);
	if (err == S3_OK)
		err = s3_record_of(&answer, ref->key, a, out);
	else
		err = explain(s, ref, &call, &answer, err, a, out);
	out->is_latest = ref->version_id.n == 0;
	if (err == S3_OK && s3_has_tags(&answer))
		err = get_tags(s, ref, a, &out->tags);
	http_client_answer_release(&answer);
	buf_release(&query);
	if (err == S3_OK)
		err = store_cond_check(cond, out, true);
	if (err == S3_OK && read)
		err = s3_read_open(s, &named, out, read);
	return err;
}
