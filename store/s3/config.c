/*
 * Documents of buckets: CORS rules and tags are the endpoint's, and pass as
 * they are, but lie in the journal where the endpoint knows no such thing;
 * notification rules are ours, since the events are, and always lie there.
 * CORS rules are known for a while, as each request of a browser asks for
 * them.
 */
#include "store/s3/bucket.h"
#include "store/s3/known.h"
#include "store/s3/xml.h"

static const struct {
	const char *query;
	enum s3_error none; /* the endpoint's word for an empty one */
} upstream[STORE_CONFIG_COUNT] = {
	[STORE_CONFIG_CORS] = { "cors=", S3_ERR_NO_SUCH_CORS_CONFIGURATION },
	[STORE_CONFIG_TAGGING] = { "tagging=", S3_ERR_NO_SUCH_TAG_SET },
};

/* ---- in the journal ----------------------------------------------------- */

static enum s3_error
get_own(struct s3_store *s, struct slice bucket, enum store_config which,
	struct arena *a, struct slice *out)
{
	enum s3_error err = S3_OK;

	if (s->journal)
		err = store_config_get(s->journal, bucket, which, a, out);
	return err == S3_ERR_NO_SUCH_BUCKET ? S3_OK : err;
}

static enum s3_error
put_own(struct s3_store *s, struct slice bucket, enum store_config which,
	struct slice document)
{
	struct store_bucket b;
	enum s3_error err;
	struct arena a;

	arena_init(&a, 64u << 10);
	err = s3_bucket_head(&s->base, bucket, &a, &b);
	if (err == S3_OK)
		err = s3_shadow_make(s, bucket, b.owner);
	if (err == S3_OK)
		err = store_config_put(s->journal, bucket, which, document);
	arena_release(&a);
	return err;
}

/* One that was kept when the endpoint could not. */
static enum s3_error
drop_own(struct s3_store *s, struct slice bucket, enum store_config which)
{
	enum s3_error err = S3_OK;

	if (s->journal)
		err = store_config_put(s->journal, bucket, which, SLICE_EMPTY);
	return err == S3_ERR_NO_SUCH_BUCKET ? S3_OK : err;
}

/* ---- at the endpoint ---------------------------------------------------- */

static enum s3_error
get_upstream(struct s3_store *s, struct slice bucket, enum store_config which,
	     struct arena *a, struct slice *out)
{
	struct s3_call call = s3_get_call(bucket);
	struct http_client_answer answer;
	enum s3_error err;

	call.query = slice_str(upstream[which].query);
	call.answer_max = STORE_CONFIG_BYTES_MAX;
	err = s3_request_run(s->remote, &call, &answer);
	if (err == S3_OK)
		*out = arena_copy(a, buf_slice(&answer.body));
	else if (err == upstream[which].none || err == S3_ERR_NOT_IMPLEMENTED)
		err = get_own(s, bucket, which, a, out);
	http_client_answer_release(&answer);
	return a->err ? S3_ERR_INTERNAL_ERROR : err;
}

static enum s3_error
get_cors(struct s3_store *s, struct slice bucket, struct arena *a,
	 struct slice *out)
{
	uint64_t generation;
	enum s3_error err;

	if (s3_known_find_cors(s->known, bucket, a, out, &generation))
		return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
	err = get_upstream(s, bucket, STORE_CONFIG_CORS, a, out);
	if (err == S3_OK)
		s3_known_keep_cors(s->known, bucket, *out, generation);
	return err;
}

static enum s3_error
put_upstream(struct s3_store *s, struct slice bucket, enum store_config which,
	     struct slice document)
{
	struct s3_document doc;
	struct s3_call call = { .method = "DELETE",
				.bucket = bucket,
				.query = slice_str(upstream[which].query),
				.payload_hash = S3_EMPTY_SHA256 };
	enum s3_error err;

	if (document.n) {
		s3_document_init(&doc, document);
		call.method = "PUT";
		call.body = &doc.body;
		call.payload_hash = doc.sha256;
		call.headers = (struct store_headers){ &doc.content_md5, 1 };
	}
	err = s3_tell(s, &call);
	if (err == S3_OK)
		err = drop_own(s, bucket, which);
	else if (err == S3_ERR_NOT_IMPLEMENTED && s->journal)
		err = put_own(s, bucket, which, document);
	s3_known_forget(s->known, bucket);
	return err;
}

enum s3_error
s3_config_get(struct store *base, struct slice bucket, enum store_config which,
	      struct arena *a, struct slice *out)
{
	struct s3_store *s = s3_of(base);
	struct store_bucket b;
	enum s3_error err;

	if (which == STORE_CONFIG_CORS)
		return get_cors(s, bucket, a, out);
	if (upstream[which].query)
		return get_upstream(s, bucket, which, a, out);
	err = s3_bucket_head(base, bucket, a, &b);
	return err == S3_OK ? get_own(s, bucket, which, a, out) : err;
}

enum s3_error
s3_config_put(struct store *base, struct slice bucket, enum store_config which,
	      struct slice document)
{
	struct s3_store *s = s3_of(base);

	return upstream[which].query ? put_upstream(s, bucket, which, document)
				     : put_own(s, bucket, which, document);
}
