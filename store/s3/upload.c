/*
 * Multipart uploads at another S3 endpoint: beginning, looking, giving up.
 */
#include "store/s3/bucket.h"
#include "store/s3/part.h"

static int
take_id(void *ctx, struct slice text)
{
	return s3_text_copy(text, ctx, STORE_UPLOAD_ID_MAX);
}

static const struct xml_rule create_rules[] = {
	{ "InitiateMultipartUploadResult/UploadId", NULL, take_id },
};

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
						req->checksum_composite
						    ? SLICE("COMPOSITE")
						    : SLICE("FULL_OBJECT") };
	}
	call.headers = (struct store_headers){ v, n };
	if (v)
		err = s3_ask(s3_of(s), &call, create_rules,
			     ARRAY_LEN(create_rules), id, &answer);
	if (err == S3_OK && !id[0])
		err = s3_answer_broken(&call, "an upload without an id");
	http_client_answer_release(&answer);
	arena_release(&a);
	return err;
}

/*
 * From its list of parts, which tells no headers, tags, or when it began. Who
 * began it is the owner of the bucket, see s3_uploads.c.
 */
enum s3_error
s3_upload_get(struct store *base, struct slice bucket, struct slice key,
	      struct slice id, struct arena *a, struct store_upload *out)
{
	const struct s3_upload_ref upload = { bucket, key, id };
	struct s3_store *s = s3_of(base);
	struct s3_parts *page = arena_alloc(a, sizeof(*page));
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (page)
		err = s3_parts_ask(s, &upload, 0, 1, a, page);
	if (err != S3_OK)
		return err;
	*out = (struct store_upload){
		.key = arena_copy(a, key),
		.initiator = s3_bucket_owner(s, bucket, a),
		.storage_class = page->storage_class,
		.checksum_alg = page->checksum_alg,
		.checksum_composite = page->checksum_composite,
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
	return err;
}
