/*
 * Multipart uploads at another S3 endpoint: beginning, looking, giving up.
 */
#include "store/s3/begun.h"
#include "store/s3/bucket.h"

static int
take_id(void *ctx, struct slice text)
{
	return s3_text_copy(text, ctx, STORE_UPLOAD_ID_MAX);
}

static const struct xml_rule create_rules[] = {
	{ "InitiateMultipartUploadResult/UploadId", NULL, take_id },
};

/* Of one that says with which checksum it is: what it makes of none is read in
 * its list of parts. */
static void
keep(struct s3_store *s, const struct store_upload_req *req, const char *id,
     const struct http_client_answer *answer)
{
	const struct s3_upload_ref upload = { req->bucket, req->key,
					      slice_str(id) };
	struct slice alg =
	    http_client_header(answer, "x-amz-checksum-algorithm");
	struct slice type = http_client_header(answer, "x-amz-checksum-type");

	if (alg.n && type.n)
		s3_begun_keep(s->begun, &upload, req->storage_class,
			      (uint16_t)s3_sum_by_name(alg),
			      slice_eq_str(type, "COMPOSITE"));
}

enum s3_error
s3_upload_create(struct store *s, const struct store_upload_req *req,
		 char id[STORE_UPLOAD_ID_MAX])
{
	struct s3_call call = { .method = "POST",
				.bucket = req->bucket,
				.key = req->key,
				.query = SLICE("uploads="),
				.payload_hash = S3_EMPTY_SHA256 };
	const char *sum = s3_sum_name(req->checksum_alg);
	struct http_client_answer answer = { 0 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;
	struct store_header *v;
	struct arena a;
	size_t n;

	id[0] = '\0';
	arena_init(&a, 256u << 10);
	v = s3_object_headers(&a, &req->headers, req->storage_class, &req->tags,
			      2, &n);
	if (v && sum) {
		v[n++] =
		    (struct store_header){ SLICE("x-amz-checksum-algorithm"),
					   slice_str(sum) };
		v[n++] = (struct store_header){ SLICE("x-amz-checksum-type"),
						s3_sum_type(
						    req->checksum_composite) };
	}
	call.headers = (struct store_headers){ v, n };
	if (v)
		err = s3_ask(s3_of(s), &call, create_rules,
			     ARRAY_LEN(create_rules), id, &answer);
	if (err == S3_OK && !id[0])
		err = s3_answer_broken(&call, "an upload without an id");
	if (err == S3_OK)
		keep(s3_of(s), req, id, &answer);
	http_client_answer_release(&answer);
	arena_release(&a);
	return err;
}

static enum s3_error
ask_facts(struct s3_store *s, const struct s3_upload_ref *upload,
	  struct arena *a, struct s3_begun_facts *out)
{
	struct s3_parts *page = arena_alloc(a, sizeof(*page));
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (page)
		err = s3_parts_ask(s, upload, 0, 1, a, page);
	if (err != S3_OK)
		return err;
	s3_begun_keep(s->begun, upload, page->storage_class, page->checksum_alg,
		      page->checksum_composite);
	out->checksum_alg = page->checksum_alg;
	out->checksum_composite = page->checksum_composite;
	return s3_text_copy(page->storage_class, out->storage_class,
			    sizeof(out->storage_class)) == 0
		   ? S3_OK
		   : S3_ERR_INTERNAL_ERROR;
}

/*
 * From its list of parts, which tells no headers, tags, or when it began. Who
 * began it is the owner of the bucket, see uploads.c.
 */
enum s3_error
s3_upload_get(struct store *base, struct slice bucket, struct slice key,
	      struct slice id, struct arena *a, struct store_upload *out)
{
	const struct s3_upload_ref upload = { bucket, key, id };
	struct s3_store *s = s3_of(base);
	struct s3_begun_facts facts;
	enum s3_error err = S3_OK;

	if (!s3_begun_find(s->begun, &upload, &facts))
		err = ask_facts(s, &upload, a, &facts);
	if (err != S3_OK)
		return err;
	*out = (struct store_upload){
		.key = arena_copy(a, key),
		.initiator = s3_bucket_owner(s, bucket, a),
		.storage_class = arena_copy(a, slice_str(facts.storage_class)),
		.checksum_alg = facts.checksum_alg,
		.checksum_composite = facts.checksum_composite,
	};
	if (a->err || s3_text_copy(id, out->id, sizeof(out->id)) != 0)
		return S3_ERR_INTERNAL_ERROR;
	return S3_OK;
}

enum s3_error
s3_upload_abort(struct store *s, struct slice bucket, struct slice key,
		struct slice id)
{
	struct buf query = BUF_INIT;
	struct s3_call call = {
		.method = "DELETE",
		.bucket = bucket,
		.key = key,
		.payload_hash = S3_EMPTY_SHA256,
	};
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (id.n == 0)
		return S3_ERR_NO_SUCH_UPLOAD;
	s3_query_put(&query, "uploadId", id);
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_tell(s3_of(s), &call);
	buf_release(&query);
	if (err == S3_OK || err == S3_ERR_NO_SUCH_UPLOAD)
		s3_begun_forget(s3_of(s)->begun,
				&(struct s3_upload_ref){ bucket, key, id });
	return err;
}
