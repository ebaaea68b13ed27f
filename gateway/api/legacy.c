/*
 * POST /api/videos/upload: a small video in a browser's form, field `video`.
 * Its bytes go into the store as they come; what becomes of the object is
 * what becomes of any upload.
 */
#include "base/encode.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/api/names.h"
#include "gateway/api/upload.h"
#include "gateway/http/form.h"

#define FILE_MAX 4718592u /* 4.5 MiB */
/* What stands around the file: the fields before it, the last boundary. */
#define FORM_MAX (FILE_MAX + 65536u)
#define BAD_FORM "Request body must be multipart/form-data with a file `video`"

struct form_upload {
	struct form *form;
	struct upload upload;
	struct store_put *put;
	struct hash md5;
	uint64_t size;	   /* bytes of the file so far */
	uint64_t received; /* of the body */
	bool stored;
};

static uint64_t
file_max(const struct api_call *c)
{
	uint64_t max = c->api->conf.conf->max_upload_bytes;

	return max < FILE_MAX ? max : FILE_MAX;
}

/* An error of the form or of the store: answers it, once. */
static void
fail(struct api_call *c, enum s3_error err)
{
	if (err == S3_OK || http_answered(c->http))
		return;
	if (err == S3_ERR_ENTITY_TOO_LARGE)
		upload_fail_too_large(c, 413, file_max(c));
	else if (err == S3_ERR_MALFORMED_POST_REQUEST ||
		 err == S3_ERR_PRECONDITION_FAILED)
		api_fail(c, 400, BAD_FORM);
	else if (err == S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED)
		api_fail(c, 400, "Too much stands before the file");
	else if (err == S3_ERR_INSUFFICIENT_STORAGE)
		api_fail_for(c, 507, API_POLL_S,
			     "Not enough disk space for this file");
	else
		api_unavailable(c, "The object store is not available");
}

/* ---- the file ------------------------------------------------------------ */

static enum s3_error
begin_put(struct api_call *c, struct form_upload *f)
{
	const struct store_header headers[] = {
		{ SLICE("content-type"), slice_str(f->upload.type) },
		{ SLICE("x-amz-meta-upload-time"), slice_str(f->upload.time) },
		{ SLICE("x-amz-meta-user-id"), slice_str(c->user) },
	};
	const struct store_put_req req = {
		.bucket = slice_str(c->api->conf.conf->aws_s3_bucket),
		.key = slice_str(f->upload.key),
		.size = HTTP_LENGTH_UNKNOWN,
		.size_max = file_max(c),
		.headers = { headers, ARRAY_LEN(headers) },
		.cond = STORE_COND_NONE,
	};

	if (hash_init(&f->md5, HASH_MD5) != 0)
		return S3_ERR_INTERNAL_ERROR;
	return store_put_begin(c->api->conf.store, &req, &f->put);
}

/* The file's headers are read, its bytes are not. An answer given here ends
 * the reading too. */
static enum s3_error
begin_file(void *ctx)
{
	struct api_call *c = ctx;
	struct form_upload *f = c->stream.ctx;

	struct slice name = form_filename(f->form);

	if (name.n == 0 || !slice_is_text(name)) {
		api_fail(c, 400, "The file has no name");
		return S3_ERR_INVALID_REQUEST;
	}
	f->upload = (struct upload){
		.file_name = arena_cstr(&c->arena, name),
		.type = arena_cstr(&c->arena, form_file_type(f->form)),
		.bound = file_max(c),
	};
	if (c->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	if (!upload_start(c, &f->upload) || !upload_admit(c, &f->upload) ||
	    !upload_announce(c, &f->upload, NULL, UPLOAD_URL_S))
		return S3_ERR_INVALID_REQUEST;
	return begin_put(c, f);
}

static enum s3_error
take_data(void *ctx, const void *p, size_t n)
{
	struct api_call *c = ctx;
	struct form_upload *f = c->stream.ctx;

	f->size += n;
	if (f->size > file_max(c))
		return S3_ERR_ENTITY_TOO_LARGE;
	hash_update(&f->md5, p, n);
	return store_put_write(f->put, p, n);
}

static enum s3_error
commit(struct api_call *c, struct form_upload *f)
{
	uint8_t digest[HASH_BYTES_MAX];
	char etag[2 * MD5_BYTES + 1];
	const struct store_put_final fin = {
		.etag = { etag, sizeof(etag) - 1 },
		.note = { .event_name = SLICE("ObjectCreated:Post"),
			  .principal_id = c->api->conf.account,
			  .source_ip = slice_str(c->http->peer_ip),
			  .request_id = slice_str(c->http->request_id) }
	};
	struct store_put *put = f->put;
	enum s3_error err;

	hash_final(&f->md5, digest);
	hex_encode(digest, MD5_BYTES, etag);
	f->put = NULL;
	err = store_put_commit(put, &fin, NULL);
	f->stored = err == S3_OK;
	return err;
}

/* ---- the request --------------------------------------------------------- */

static void
answer_uploaded(struct api_call *c, const struct queue_video *v)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_bool(&b, "success", true);
	json_put_str(&b, "message",
		     "Upload completed, the video is being processed");
	json_open_object(&b, "video");
	api_put_video(c, &b, v, false);
	json_put_time(&b, "uploadedAt", v->created_us);
	json_close_object(&b);
	json_close_object(&b);
	api_answer(c, 201, &b);
}

/* The value of a field before the file; NULL without. */
static const char *
field(struct api_call *c, const struct form *form, const char *name)
{
	size_t n;
	const struct form_field *f = form_fields(form, &n);

	for (size_t i = 0; i < n; i++)
		if (slice_eq_str(f[i].name, name) && slice_is_text(f[i].value))
			return arena_cstr(&c->arena, f[i].value);
	return NULL;
}

static void
on_data(struct api_call *c, const void *p, size_t n)
{
	struct form_upload *f = c->stream.ctx;

	f->received += n;
	fail(c, f->received > FORM_MAX ? S3_ERR_ENTITY_TOO_LARGE
				       : form_feed(f->form, p, n));
}

static void
on_finish(struct api_call *c)
{
	struct form_upload *f = c->stream.ctx;
	const char *title = field(c, f->form, "title");
	struct upload_result result;
	enum s3_error err = form_end(f->form);

	if (err == S3_OK && form_files(f->form) != 1)
		err = S3_ERR_MALFORMED_POST_REQUEST;
	if (err == S3_OK && f->size == 0) {
		api_fail(c, 400, "The file is empty");
		return;
	}
	if (err == S3_OK && !upload_text_fits(c, NULL, title))
		return;
	if (err == S3_OK)
		err = commit(c, f);
	fail(c, err);
	if (err == S3_OK &&
	    upload_complete(c, f->upload.key, NULL, title, &result))
		answer_uploaded(c, &result.video);
}

static void
on_release(struct api_call *c)
{
	struct form_upload *f = c->stream.ctx;

	store_put_abort(f->put);
	hash_release(&f->md5);
	if (*f->upload.id && !f->stored &&
	    queue_intent_delete(c->api->conf.queue, c->user,
				c->api->conf.conf->aws_s3_bucket,
				f->upload.key) != QUEUE_OK)
		log_warn("upload_intent_left", "%s", f->upload.key);
}

void
api_upload(struct api_call *c)
{
	const struct form_sink sink = { begin_file, take_data, c };
	struct form_upload *f = arena_alloc(&c->arena, sizeof(*f));
	struct slice boundary;
	enum s3_error err = form_boundary(
	    http_header_get(c->http, "Content-Type"), &c->arena, &boundary);

	if (err == S3_OK && c->http->content_length > FORM_MAX &&
	    c->http->content_length != HTTP_LENGTH_UNKNOWN)
		err = S3_ERR_ENTITY_TOO_LARGE;
	if (err == S3_OK && f)
		f->form = form_new(boundary, "video", &sink, &c->arena);
	if (err == S3_OK && (!f || !f->form)) {
		api_fail(c, 500, "Internal error");
		return;
	}
	fail(c, err);
	if (err == S3_OK)
		c->stream =
		    (struct api_stream){ on_data, on_finish, on_release, f };
}
