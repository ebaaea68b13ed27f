/*
 * Parts of an object at another S3 endpoint: GetObjectAttributes where it
 * tells them, and a HEAD for each where it does not.
 */
#include "store/s3/bucket.h"
#include "store/s3/xml.h"

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

	return s3_part_sum(&p->v[p->n - 1], alg, text);
}
S3_SUM_TAKERS(take_sum)

/* Sizes and checksums. An endpoint may tell their number alone. */
static enum s3_error
ask_attributes(struct s3_store *s, const struct store_ref *ref, uint32_t after,
	       struct arena *a, struct parts *out)
{
#define PART "*/ObjectParts/Part" /* the root has several names */
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
	struct s3_call call = s3_get_call(ref->bucket);
	struct buf query = BUF_INIT;
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_put(&query, "attributes", SLICE_EMPTY);
	s3_query_version(&query, ref->version_id);
	call.key = ref->key;
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
ask_part(struct s3_store *s, const struct store_ref *ref, uint32_t number,
	 struct arena *a, struct store_part *out)
{
	struct s3_call call;
	struct buf query = BUF_INIT;
	struct http_client_answer answer = { 0 };
	struct store_object o;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_u64(&query, "partNumber", number);
	call = s3_head_call(ref, &query);
	if (buf_ok(&query))
		err = s3_request_run(s->remote, &call, &answer);
	if (err == S3_OK)
		err = s3_record_of(&answer, call.key, a, &o);
	out->offset = 0; /* of nothing there is no range */
	if (err == S3_OK && s3_range_begin(&answer, &out->offset) != 0 &&
	    o.size) {
		(void)s3_answer_broken(&call, "a part without its range");
		err = S3_ERR_NOT_IMPLEMENTED;
	}
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
	struct s3_store *s = s3_of(base);
	const struct store_ref named = s3_named(s, ref);
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
	if (!parts.v)
		return S3_ERR_INTERNAL_ERROR;
	if (parts.max > 1)
		err = ask_attributes(s, &named, after, a, &parts);
	if (err == S3_OK && parts.n > 0)
		err = ask_part(s, &named, after + 1, a, &parts.v[0]);
	for (size_t i = 1; err == S3_OK && i < parts.n; i++)
		parts.v[i].offset = parts.v[i - 1].offset + parts.v[i - 1].size;
	for (; err == S3_OK && parts.n < parts.max; parts.n++)
		err = ask_part(s, &named, after + (uint32_t)parts.n + 1, a,
			       &parts.v[parts.n]);
	*out = parts.v;
	*n = err == S3_OK ? parts.n : 0;
	return err;
}
