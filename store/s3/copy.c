/*
 * Copies and renames at another S3 endpoint: CopyObject, no bytes come this
 * way. All that the new object carries is given, so both directives say
 * REPLACE. The source is pinned by its ETag.
 *
 * A rename is a copy and a removal of the source, which are two changes
 * there: between them both names show the object. Of two renames of one
 * source that meet in this process one comes second, and finds none.
 */
#include "store/s3/xml.h"
#include "base/timeval.h"
#include "store/s3/part.h"

#include <pthread.h>

#define HEADERS_MAX 8 /* beside those of the object */

static int
take_etag(void *ctx, struct slice text)
{
	struct store_object *o = ctx;

	return s3_text_etag(text, o->etag, sizeof(o->etag));
}

static int
take_time(void *ctx, struct slice text)
{
	struct store_object *o = ctx;

	return time_parse_iso(text, &o->mtime_us);
}

static int
take_sum(void *ctx, enum hash_alg alg, struct slice text)
{
	return s3_object_sum(ctx, alg, text);
}
S3_SUM_TAKERS(take_sum)

static const struct xml_rule rules[] = {
	{ "CopyObjectResult/ETag", NULL, take_etag },
	{ "CopyObjectResult/LastModified", NULL, take_time },
	S3_SUM_RULES("CopyObjectResult", take_sum),
};

static void
add(struct store_headers *to, struct store_header *v, const char *name,
    struct slice value)
{
	v[to->n++] = (struct store_header){ slice_str(name), value };
}

static struct store_headers
copy_headers(const struct store_copy_req *req, struct arena *a)
{
	struct store_headers h = { NULL, 0 };
	struct store_header *v =
	    s3_object_headers(a, &req->headers, req->storage_class, &req->tags,
			      HEADERS_MAX, &h.n);
	const char *sum =
	    req->keep_checksum ? NULL : s3_sum_name(req->checksum_alg);

	h.v = v;
	if (!v)
		return h;
	h.n += s3_cond_headers(&req->cond, v + h.n);
	add(&h, v, "x-amz-copy-source", s3_copy_source_text(a, &req->source));
	add(&h, v, "x-amz-metadata-directive", SLICE("REPLACE"));
	add(&h, v, "x-amz-tagging-directive", SLICE("REPLACE"));
	if (req->source_etag.n)
		add(&h, v, "x-amz-copy-source-if-match",
		    arena_printf(a, "\"%.*s\"", SLICE_ARG(req->source_etag)));
	if (sum)
		add(&h, v, "x-amz-checksum-algorithm", slice_str(sum));
	return h;
}

static enum s3_error
send(struct s3_store *s, const struct store_copy_req *req, struct arena *a,
     struct store_object *made)
{
	struct s3_call call = { .method = "PUT",
				.bucket = req->bucket,
				.key = req->key,
				.headers = copy_headers(req, a),
				.payload_hash = S3_EMPTY_SHA256,
				.may_fail_late = true };
	struct http_client_answer answer;
	enum s3_error err;

	if (a->err)
		return S3_ERR_INTERNAL_ERROR;
	err = s3_ask(s, &call, rules, ARRAY_LEN(rules), made, &answer);
	if (err == S3_OK) {
		made->size = req->source_size;
		s3_copy_version(&answer, made);
		if (!*made->version_id)
			memcpy(made->version_id, "null", sizeof("null"));
		made->n_parts = s3_etag_parts(made->etag);
		/* Some tell it in headers. */
		if (!made->checksum_alg && s3_copy_sum(&answer, made) != 0)
			made->checksum_alg = HASH_NONE;
	}
	http_client_answer_release(&answer);
	return err;
}

/*
 * A refusal may be about the source or about the target, which its code does
 * not tell: the source is looked at.
 */
static enum s3_error
explain(struct s3_store *s, const struct store_copy_req *req, struct arena *a,
	enum s3_error refused)
{
	struct store_object o;
	enum s3_error err;

	if (refused != S3_ERR_PRECONDITION_FAILED &&
	    refused != S3_ERR_INVALID_REQUEST)
		return refused;
	err = s3_get(&s->base, &req->source, NULL, a, &o, NULL);
	if (err == S3_OK && req->source_etag.n &&
	    !slice_eq_str(req->source_etag, o.etag))
		err = S3_ERR_OPERATION_ABORTED;
	return err == S3_OK ? refused : err;
}

static enum s3_error
copy(struct s3_store *s, const struct store_copy_req *req, struct arena *a,
     struct store_object *made)
{
	struct store_object expected = { .key = req->key,
					 .size = req->source_size,
					 .headers = req->headers };
	struct journal_intent intent;
	enum s3_error err;

	if (s3_text_copy(req->source_etag, expected.etag,
			 sizeof(expected.etag)) != 0)
		return S3_ERR_OPERATION_ABORTED; /* no object has it */
	err = s3_intend(s, req->bucket, &expected, &req->note, &intent);
	if (err != S3_OK)
		return err;
	err = s3_settle(s, &intent, send(s, req, a, made), made);
	return err == S3_OK ? err : explain(s, req, a, err);
}

/* By the source's key, held while a rename lasts; no other lock is taken. */
#define FREE PTHREAD_MUTEX_INITIALIZER
static pthread_mutex_t renames[] = { FREE, FREE, FREE, FREE,
				     FREE, FREE, FREE, FREE };

/* The source, unless it is another by now: then the caller begins anew. */
static enum s3_error
remove_source(struct s3_store *s, const struct store_copy_req *req,
	      struct arena *a)
{
	struct store_removal v = { .key = req->source.key,
				   .cond = STORE_COND_NONE };
	enum s3_error err;

	if (req->source_etag.n)
		v.cond.if_match =
		    arena_printf(a, "\"%.*s\"", SLICE_ARG(req->source_etag));
	if (a->err)
		return S3_ERR_INTERNAL_ERROR;
	err = s3_remove_one(s, req->bucket, &v, &req->note);
	if (err == S3_ERR_NO_SUCH_KEY)
		err = S3_OK; /* gone by itself */
	return err == S3_ERR_PRECONDITION_FAILED ? S3_ERR_OPERATION_ABORTED
						 : err;
}

static enum s3_error
rename_object(struct s3_store *s, const struct store_copy_req *req,
	      struct arena *a, struct store_object *made)
{
	struct slice key = req->source.key;
	pthread_mutex_t *lock =
	    &renames[crc32c(0, key.p, key.n) % ARRAY_LEN(renames)];
	enum s3_error err;

	pthread_mutex_lock(lock);
	err = copy(s, req, a, made);
	if (err == S3_OK)
		err = remove_source(s, req, a);
	pthread_mutex_unlock(lock);
	return err;
}

enum s3_error
s3_copy(struct store *base, const struct store_copy_req *req,
	struct store_object *out)
{
	struct s3_store *s = s3_of(base);
	struct store_object made = { .is_latest = true };
	struct arena a;
	enum s3_error err;

	if (req->rename && !slice_eq(req->bucket, req->source.bucket))
		return S3_ERR_INVALID_ARGUMENT;
	if (req->rename && slice_eq(req->key, req->source.key))
		return S3_ERR_INVALID_REQUEST;
	if (req->size_max && req->source_size > req->size_max)
		return S3_ERR_ENTITY_TOO_LARGE;
	err = s3_cond_ask(s, req->bucket, req->key, &req->cond);
	if (err != S3_OK)
		return err;
	arena_init(&a, 512u << 10);
	err = req->rename ? rename_object(s, req, &a, &made)
			  : copy(s, req, &a, &made);
	arena_release(&a);
	if (err == S3_OK && out)
		*out = made;
	return err;
}
