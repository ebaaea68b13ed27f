/*
 * PostObject: an upload by a browser's form ("POST Object", Amazon S3 API
 * reference). The form's fields come first: when the file begins they are
 * complete, expanded and put in the place of the request's headers, so that
 * signature, limits and metadata are checked before its first byte, by the
 * code of PutObject; so the object's type is the field's, not that of the
 * file's part. What may be refused by the request's own headers is refused
 * before the body.
 */
#include "gateway/s3/op/post.h"
#include "gateway/s3/authorise.h"
#include "gateway/s3/body.h"
#include "gateway/s3/op/ops.h"
#include "gateway/s3/tags.h"

#define ENCLOSURE \
	"Bucket POST must be of the enclosure-type multipart/form-data"

/* ---- before the body ----------------------------------------------------- */

/* A form carries its signature in its fields, and nowhere else. */
static enum s3_error
refuse_signed_request(struct s3_request *rq)
{
	struct slice header = http_header_get(rq->http, "Authorization");

	if (!header.p && !s3_param_has(rq, "X-Amz-Algorithm") &&
	    !s3_param_has(rq, "X-Amz-Signature") &&
	    !s3_param_has(rq, "AWSAccessKeyId"))
		return S3_OK;
	return s3_bad_argument(rq,
			       "Only one auth mechanism allowed; a form is "
			       "authenticated by its fields",
			       "Authorization", header);
}

static enum s3_error begin_file(void *ctx);
static enum s3_error take_data(void *ctx, const void *p, size_t n);

enum s3_error
op_post_object_begin(struct s3_request *rq)
{
	const struct form_sink sink = { begin_file, take_data, rq };
	struct arena *a = &rq->http->arena;
	struct post *post = arena_alloc(a, sizeof(*post));
	struct store_info info;
	enum s3_error err;

	if (!post)
		return S3_ERR_INTERNAL_ERROR;
	rq->post = post;
	err = form_boundary(http_header_get(rq->http, "Content-Type"), a,
			    &post->boundary);
	if (err == S3_ERR_PRECONDITION_FAILED)
		return s3_fail(rq, err, NULL, "Condition", SLICE(ENCLOSURE));
	if (err == S3_OK)
		err = refuse_signed_request(rq);
	if (err == S3_OK)
		err = store_bucket_head(rq->world->store, rq->bucket, a,
					&rq->record);
	if (err == S3_OK && !http_header_has(rq->http, "Content-Length"))
		err = S3_ERR_MISSING_CONTENT_LENGTH;
	if (err == S3_OK)
		err = store_info(rq->world->store, &info);
	/* Said before the form is read, however long it is. */
	if (err == S3_OK && info.space != STORE_SPACE_OK)
		err = S3_ERR_INSUFFICIENT_STORAGE;
	if (err != S3_OK)
		return err;
	post->form = form_new(post->boundary, "file", &sink, a);
	return post->form ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

/* ---- the fields ---------------------------------------------------------- */

static enum s3_error
take_key(struct s3_request *rq)
{
	struct slice key = post_field(rq->post, "key");

	if (!key.p)
		return s3_bad_argument(
		    rq,
		    "Bucket POST must contain a field named 'key'.  If it is "
		    "specified, please check the order of the fields.",
		    "key", SLICE_EMPTY);
	if (key.n == 0)
		return s3_bad_argument(
		    rq, "User key must have a length greater than 0.", "key",
		    key);
	rq->key = key;
	return s3_check_key(rq);
}

static enum s3_error
verify(struct s3_request *rq)
{
	const struct auth_form form = {
		.fields = rq->post->fields,
		.n = rq->post->n_fields,
		.bucket = rq->bucket,
	};
	const struct auth_keys keys = s3_auth_keys(rq);
	const struct auth_policy policy = s3_auth_policy(rq);

	return auth_form_verify(&form, &keys, &policy, &rq->http->arena,
				&rq->id, &rq->post->range, &rq->detail);
}

static enum s3_error
begin_put(struct s3_request *rq)
{
	struct store_put_req *req = &rq->put_req;
	struct slice tagging = post_field(rq->post, "tagging");
	enum s3_error err = s3_body_new(rq);

	req->bucket = rq->bucket;
	req->key = rq->key;
	req->size = HTTP_LENGTH_UNKNOWN;
	req->size_max = s3_put_max(rq);
	if (rq->post->range.max < req->size_max)
		req->size_max = rq->post->range.max;
	if (err == S3_OK && tagging.p)
		err = tags_read_xml(rq, tagging, TAGS_OF_OBJECT, &req->tags);
	return err == S3_OK ? s3_begin_put(rq) : err;
}

/* All fields are there, the file's first byte is not. */
static enum s3_error
begin_file(void *ctx)
{
	struct s3_request *rq = ctx;
	enum s3_error err = post_take_fields(rq);

	if (err == S3_OK)
		err = take_key(rq);
	if (err == S3_OK)
		err = verify(rq);
	if (err == S3_OK)
		err = s3_authorise(rq);
	if (err == S3_OK)
		err = post_fields_to_headers(rq);
	return err == S3_OK ? begin_put(rq) : err;
}

/* ---- the file ------------------------------------------------------------ */

/* What the file's size will be when nothing but the end of the form follows
 * it, and never less than what came. */
static uint64_t
proposed_size(const struct s3_request *rq)
{
	const struct post *post = rq->post;
	uint64_t around = form_pre_data(post->form) + strlen("\r\n--") +
			  post->boundary.n + strlen("--\r\n");
	uint64_t length = rq->http->content_length;

	return length >= around && length - around > post->size
		   ? length - around
		   : post->size;
}

static enum s3_error
take_data(void *ctx, const void *p, size_t n)
{
	struct s3_request *rq = ctx;

	rq->post->size += n;
	if (rq->post->size > rq->put_req.size_max)
		return s3_check_size(rq, proposed_size(rq),
				     rq->put_req.size_max);
	return s3_body_feed(rq, p, n, op_put_object_data);
}

enum s3_error
op_post_object_data(struct s3_request *rq, const void *p, size_t n)
{
	enum s3_error err = form_feed(rq->post->form, p, n);

	if (err == S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED)
		s3_detail_add(&rq->detail, "MaxPostPreDataLengthBytes",
			      s3_number(rq, FORM_PRE_DATA_MAX));
	return err;
}

/* ---- the end ------------------------------------------------------------- */

static enum s3_error
check_complete(struct s3_request *rq)
{
	struct post *post = rq->post;
	unsigned files = form_files(post->form);
	enum s3_error err = form_end(post->form);

	if (err != S3_OK)
		return err;
	if (files != 1)
		return s3_bad_argument(
		    rq, "POST requires exactly one file upload per request.",
		    "file", s3_number(rq, files));
	if (post->size >= post->range.min)
		return S3_OK;
	s3_detail_add(&rq->detail, "ProposedSize", s3_number(rq, post->size));
	return s3_fail(rq, S3_ERR_ENTITY_TOO_SMALL, NULL, "MinSizeAllowed",
		       s3_number(rq, post->range.min));
}

enum s3_error
op_post_object_finish(struct s3_request *rq)
{
	char etag[STORE_ETAG_MAX];
	enum s3_error err = check_complete(rq);

	if (err == S3_OK)
		err = s3_end_put(rq, "ObjectCreated:Post", etag);
	if (err == S3_OK)
		post_answer(rq, etag);
	return err;
}
