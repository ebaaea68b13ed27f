/*
 * Gets from another S3 endpoint: the record by HEAD, tags where it says that
 * there are some. Conditions are decided here, on the record that is answered,
 * so that a client is told of the same object it was compared with.
 */
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
get_tags(struct s3_store *s, const struct s3_call *head, struct arena *a,
	 struct store_headers *out)
{
	static const struct xml_rule rules[] = {
		{ "Tagging/TagSet/Tag", begin_tag, NULL },
		{ "Tagging/TagSet/Tag/Key", NULL, take_key },
		{ "Tagging/TagSet/Tag/Value", NULL, take_value },
	};
	struct tagging t = { .arena = a };
	struct s3_call call = *head;
	struct buf query = BUF_INIT;
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	t.v = arena_array(a, TAGS_MAX, sizeof(*t.v));
	s3_query_put(&query, "tagging", SLICE_EMPTY);
	if (head->query.n)
		buf_printf(&query, "&%.*s", SLICE_ARG(head->query));
	call.method = "GET";
	call.query = buf_slice(&query);
	call.headers.n = 0;
	if (t.v && buf_ok(&query))
		err = s3_ask(s, &call, rules, ARRAY_LEN(rules), &t, &answer);
	*out = (struct store_headers){ t.v, err == S3_OK ? t.n : 0 };
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* ---- the record --------------------------------------------------------- */

/* A HEAD has no body to say what it is that is not there. */
static enum s3_error
explain(struct s3_store *s, const struct store_ref *ref,
	const struct http_client_answer *answer, enum s3_error err,
	struct arena *a, struct store_object *out)
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
	if (answer->status == 400 && ref->version_id.n)
		return S3_ERR_INVALID_ARGUMENT;
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
	const struct store_header mode = { SLICE("x-amz-checksum-mode"),
					   SLICE("ENABLED") };
	struct s3_store *s = s3_of(base);
	struct buf query = BUF_INIT;
	struct s3_call call = { .method = "HEAD",
				.bucket = ref->bucket,
				.key = ref->key,
				.headers = { &mode, 1 },
				.payload_hash = S3_EMPTY_SHA256 };
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (ref->version_id.n)
		s3_query_put(&query, "versionId", ref->version_id);
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_request_run(s->remote, &call, &answer);
	if (err == S3_OK)
		err = s3_record_of(&answer, ref->key, a, out);
	else
		err = explain(s, ref, &answer, err, a, out);
	out->is_latest = ref->version_id.n == 0;
	if (err == S3_OK && s3_has_tags(&answer))
		err = get_tags(s, &call, a, &out->tags);
	http_client_answer_release(&answer);
	buf_release(&query);
	if (err == S3_OK)
		err = store_cond_check(cond, out, true);
	if (err == S3_OK && read)
		err = s3_read_open(s, ref, out, read);
	return err;
}

/* ---- parts -------------------------------------------------------------- */

struct parts {
	struct store_part *v;
	size_t n;
	size_t max;
};

static int
begin_part(void *ctx)
{
	struct parts *p = ctx;

	return p->n++ < p->max ? 0 : -1;
}

static int
take_number(void *ctx, struct slice text)
{
	struct parts *p = ctx;
	uint64_t n;

	if (slice_u64(text, &n) != 0 || n < 1 || n > STORE_PARTS_MAX)
		return -1;
	p->v[p->n - 1].number = (uint32_t)n;
	return 0;
}

static int
take_size(void *ctx, struct slice text)
{
	struct parts *p = ctx;

	return slice_u64(text, &p->v[p->n - 1].size);
}

static int
take_sum(void *ctx, enum hash_alg alg, struct slice text)
{
	struct parts *p = ctx;
	bool composite;

	p->v[p->n - 1].checksum_alg = (uint16_t)alg;
	return s3_text_sum(alg, text, p->v[p->n - 1].checksum, &composite);
}
S3_SUM_TAKERS(take_sum)

/* Sizes and checksums. An endpoint may tell their number alone. */
static enum s3_error
ask_attributes(struct s3_store *s, const struct s3_call *head, uint32_t after,
	       struct arena *a, struct parts *out)
{
#define PART "GetObjectAttributesResponse/ObjectParts/Part"
	static const struct xml_rule rules[] = {
		{ PART, begin_part, NULL },
		{ PART "/PartNumber", NULL, take_number },
		{ PART "/Size", NULL, take_size },
		S3_SUM_RULES(PART, take_sum),
	};
	const struct store_header headers[] = {
		{ SLICE("x-amz-max-parts"), arena_printf(a, "%zu", out->max) },
		{ SLICE("x-amz-object-attributes"), SLICE("ObjectParts") },
		{ SLICE("x-amz-part-number-marker"),
		  arena_printf(a, "%u", after) },
	};
	struct s3_call call = *head;
	struct buf query = BUF_INIT;
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_put(&query, "attributes", SLICE_EMPTY);
	if (head->query.n)
		buf_printf(&query, "&%.*s", SLICE_ARG(head->query));
	call.method = "GET";
	call.query = buf_slice(&query);
	call.headers = (struct store_headers){ headers, ARRAY_LEN(headers) };
	call.answer_max = 1u << 20;
	if (!a->err && buf_ok(&query))
		err = s3_ask(s, &call, rules, ARRAY_LEN(rules), out, &answer);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* Where one lies, which HEAD tells everywhere. */
static enum s3_error
ask_part(struct s3_store *s, const struct s3_call *head, uint32_t number,
	 struct arena *a, struct store_part *out)
{
	struct s3_call call = *head;
	struct buf query = BUF_INIT;
	struct http_client_answer answer = { 0 };
	struct store_object o;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_u64(&query, "partNumber", number);
	if (head->query.n)
		buf_printf(&query, "&%.*s", SLICE_ARG(head->query));
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_request_run(s->remote, &call, &answer);
	if (err == S3_OK)
		err = s3_record_of(&answer, call.key, a, &o);
	out->offset = 0; /* of nothing there is no range */
	if (err == S3_OK && s3_range_begin(&answer, &out->offset) != 0 &&
	    o.size)
		err = s3_answer_broken(&call, "a part without its range");
	if (err == S3_OK) {
		out->number = number;
		out->size = o.size;
		/* The type that stands beside it is the whole object's. */
		if (o.checksum_alg &&
		    slice_chr(http_client_header(&answer,
						 s3_sum_field(o.checksum_alg)),
			      '-') < 0) {
			out->checksum_alg = o.checksum_alg;
			memcpy(out->checksum, o.checksum, sizeof(o.checksum));
		}
	}
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

enum s3_error
s3_get_parts(struct store *base, const struct store_ref *ref, uint32_t after,
	     uint32_t max, struct arena *a, struct store_part **out, size_t *n)
{
	const struct store_header mode = { SLICE("x-amz-checksum-mode"),
					   SLICE("ENABLED") };
	struct s3_store *s = s3_of(base);
	struct buf query = BUF_INIT;
	struct s3_call call = { .method = "HEAD",
				.bucket = ref->bucket,
				.key = ref->key,
				.headers = { &mode, 1 },
				.payload_hash = S3_EMPTY_SHA256 };
	struct store_object o;
	struct parts parts = { 0 };
	enum s3_error err = s3_get(base, ref, NULL, a, &o, NULL);
	uint32_t count =
	    err == S3_OK && after < o.n_parts ? o.n_parts - after : 0;

	parts.max = count < max ? count : max;
	*n = 0;
	if (err != S3_OK || parts.max == 0)
		return err;
	parts.v = arena_array(a, parts.max, sizeof(*parts.v));
	if (ref->version_id.n)
		s3_query_put(&query, "versionId", ref->version_id);
	call.query = buf_slice(&query);
	if (!parts.v || !buf_ok(&query))
		err = S3_ERR_INTERNAL_ERROR;
	if (err == S3_OK && parts.max > 1)
		err = ask_attributes(s, &call, after, a, &parts);
	if (err == S3_OK && parts.n > 0)
		err = ask_part(s, &call, after + 1, a, &parts.v[0]);
	for (size_t i = 1; err == S3_OK && i < parts.n; i++)
		parts.v[i].offset = parts.v[i - 1].offset + parts.v[i - 1].size;
	for (; err == S3_OK && parts.n < parts.max; parts.n++)
		err = ask_part(s, &call, after + (uint32_t)parts.n + 1, a,
			       &parts.v[parts.n]);
	buf_release(&query);
	*out = parts.v;
	*n = err == S3_OK ? parts.n : 0;
	return err;
}
