/*
 * The parts of an upload: URLs for them, which of them are there, and the
 * object they become.
 */
#include "gateway/api/multipart.h"
#include "base/encode.h"

#include <inttypes.h>

#define SIGNED_AT_ONCE 1000
#define MISSING_NAMED 20
#define ATTEMPTS 3 /* when a part is replaced meanwhile */

/* ---- sign ---------------------------------------------------------------- */

static void
sign_part(struct api_call *c, const struct multipart *m, uint32_t number,
	  int64_t now_us, struct buf *b)
{
	struct buf query = BUF_INIT, url = BUF_INIT;
	uint64_t size = multipart_size_of(m, number);
	char length[24];
	struct auth_header header = { SLICE("content-length"), SLICE_EMPTY };
	struct api_presign put = { .method = "PUT",
				   .bucket = m->intent.bucket,
				   .key = m->key,
				   .headers = &header,
				   .n_headers = 1,
				   .expires_s = UPLOAD_URL_S,
				   .now_us = now_us };

	snprintf(length, sizeof(length), "%" PRIu64, size);
	header.value = slice_str(length);
	buf_printf(&query, "partNumber=%u&uploadId=", number);
	uri_encode(&query, slice_str(m->intent.upload_id), false);
	put.query = buf_slice(&query);
	api_presign(c, &put, &url);
	json_open_object(b, NULL);
	json_put_u64(b, "partNumber", number);
	json_put_u64(b, "size", size);
	json_put_slice(b, "url", buf_slice(&url));
	json_close_object(b);
	b->err |= url.err | query.err;
	buf_release(&url);
	buf_release(&query);
}

/* A part's number, 0 for anything else. */
static uint32_t
read_number(const cJSON *item, uint32_t count)
{
	double v = item->valuedouble;

	if (!cJSON_IsNumber(item) || !(v >= 1 && v <= count))
		return 0;
	return v == (uint32_t)v ? (uint32_t)v : 0;
}

/* The n numbers asked for; NULL when answered. */
static uint32_t *
read_numbers(struct api_call *c, const struct multipart *m, size_t *n)
{
	const cJSON *list =
	    cJSON_GetObjectItemCaseSensitive(c->in, "partNumbers");
	int length = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
	uint32_t *out = arena_array(&c->arena, SIGNED_AT_ONCE, sizeof(*out));
	bool fine = out && length > 0 && length <= SIGNED_AT_ONCE;
	const cJSON *item;

	*n = 0;
	cJSON_ArrayForEach(item, list)
	{
		if (fine)
			fine = (out[(*n)++] = read_number(item, m->count)) > 0;
	}
	if (fine)
		return out;
	api_fail(c, 400,
		 arena_printf(&c->arena,
			      "partNumbers must be a list of 1 to %d whole "
			      "numbers from 1 to %u",
			      SIGNED_AT_ONCE, m->count)
		     .p);
	return NULL;
}

void
multipart_sign(struct api_call *c, const struct multipart *m)
{
	int64_t now_us = time_now_us();
	struct store_part *parts;
	struct buf b = BUF_INIT;
	uint32_t *numbers;
	size_t n, there;

	numbers = read_numbers(c, m, &n);
	/* A URL for what has ended would be no use. */
	if (!numbers || !multipart_stored(c, m, NULL, &parts, &there))
		return;
	json_open_object(&b, NULL);
	json_put_str(&b, "key", m->key);
	json_put_str(&b, "uploadId", m->intent.upload_id);
	json_put_str(&b, "method", "PUT");
	json_put_time(&b, "expiresAt",
		      (now_us / US_PER_S + UPLOAD_URL_S) * US_PER_S);
	json_open_array(&b, "parts");
	for (size_t i = 0; i < n; i++)
		sign_part(c, m, numbers[i], now_us, &b);
	json_close_array(&b);
	json_close_object(&b);
	api_answer(c, 200, &b);
}

/* ---- list ---------------------------------------------------------------- */

void
multipart_list(struct api_call *c, const struct multipart *m)
{
	struct store_part *parts;
	struct buf b = BUF_INIT;
	size_t n;

	if (!multipart_stored(c, m, NULL, &parts, &n))
		return;
	json_open_object(&b, NULL);
	json_put_str(&b, "key", m->key);
	json_put_str(&b, "uploadId", m->intent.upload_id);
	json_put_str(&b, "fileName", m->intent.file_name);
	json_put_u64(&b, "fileSize", m->intent.size);
	json_put_u64(&b, "partSize", m->intent.part_size);
	json_put_u64(&b, "partCount", m->count);
	json_put_time(&b, "expiresAt", m->intent.expires_us);
	json_open_array(&b, "parts");
	for (size_t i = 0; i < n; i++) {
		json_open_object(&b, NULL);
		json_put_u64(&b, "partNumber", parts[i].number);
		json_put_u64(&b, "size", parts[i].size);
		json_put_slice(
		    &b, "etag",
		    arena_printf(&c->arena, "\"%s\"", parts[i].etag));
		json_close_object(&b);
	}
	json_close_array(&b);
	json_close_object(&b);
	api_answer(c, 200, &b);
}

/* ---- complete ------------------------------------------------------------ */

/* Numbers of 1..count that are not there, the first few by name. */
static bool
has_all(struct api_call *c, const struct multipart *m,
	const struct store_part *parts, size_t n)
{
	struct buf b = BUF_INIT;
	size_t i = 0, missing = 0;

	buf_puts(&b, "Parts are missing: ");
	for (uint32_t number = 1; number <= m->count; number++) {
		if (i < n && parts[i].number == number) {
			i++;
			continue;
		}
		if (missing++ < MISSING_NAMED)
			buf_printf(&b, "%s%u", missing > 1 ? ", " : "", number);
	}
	if (missing > MISSING_NAMED)
		buf_printf(&b, " and %zu more", missing - MISSING_NAMED);
	if (missing)
		api_fail(c, 409, buf_ok(&b) ? b.p : "Parts are missing");
	buf_release(&b);
	return missing == 0;
}

/* URLs are signed for exactly these sizes; whoever has the keys of the store
 * may have put something else. */
static bool
have_their_size(struct api_call *c, const struct multipart *m,
		const struct store_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t want = multipart_size_of(m, parts[i].number);

		if (parts[i].size == want)
			continue;
		api_fail(c, 409,
			 arena_printf(&c->arena,
				      "Part %u has %" PRIu64
				      " bytes instead of %" PRIu64,
				      parts[i].number, parts[i].size, want)
			     .p);
		return false;
	}
	return true;
}

/* A part as the client knows it, against what is stored. */
static const char *
part_problem(struct api_call *c, const struct multipart *m, const cJSON *item,
	     const struct store_part *parts)
{
	const char *etag = json_str(item, "etag");
	struct slice bare = slice_str(etag);
	int64_t number;

	if (!json_int(item, "partNumber", &number) || number < 1 ||
	    number > m->count || !etag)
		return "parts must be a list of {partNumber, etag}";
	if (bare.n >= 2 && bare.p[0] == '"' && bare.p[bare.n - 1] == '"')
		bare = slice_head(slice_from(bare, 1), bare.n - 2);
	if (slice_eq_str(bare, parts[number - 1].etag))
		return NULL;
	return arena_printf(&c->arena, "Part %u has another ETag",
			    (unsigned)number)
	    .p;
}

/* The list of parts is optional: what it says must be so. */
static bool
agrees(struct api_call *c, const struct multipart *m,
       const struct store_part *parts)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->in, "parts");
	const char *problem = NULL;
	const cJSON *item;

	if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list))
		problem = "parts must be a list of {partNumber, etag}";
	cJSON_ArrayForEach(item, list)
	{
		if (!problem)
			problem = part_problem(c, m, item, parts);
	}
	if (problem)
		api_fail(c, 400, problem);
	return !problem;
}

static enum s3_error
join(struct api_call *c, const struct multipart *m,
     const struct store_part *parts, size_t n)
{
	struct store_complete_part *named =
	    arena_array(&c->arena, n, sizeof(*named));
	const struct store_complete_req req = {
		.bucket = slice_str(m->intent.bucket),
		.key = slice_str(m->key),
		.upload_id = slice_str(m->intent.upload_id),
		.parts = named,
		.n_parts = n,
		.size = m->intent.size,
		.size_max = c->api->conf.conf->max_upload_bytes,
		.cond = STORE_COND_NONE,
		.note = { .event_name =
			      SLICE("ObjectCreated:CompleteMultipartUpload"),
			  .principal_id = c->api->conf.account,
			  .source_ip = slice_str(c->http->peer_ip),
			  .request_id = slice_str(c->http->request_id) }
	};
	struct store_complete_result result;
	enum s3_error err = S3_ERR_OPERATION_ABORTED;

	if (!named)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < n; i++)
		named[i] = (struct store_complete_part){
			.number = parts[i].number,
			.etag = slice_str(parts[i].etag)
		};
	for (int i = 0; i < ATTEMPTS && err == S3_ERR_OPERATION_ABORTED; i++)
		err = store_upload_complete(c->api->conf.store, &req, &result);
	return err;
}

/* The parts become the object, unless they have. False when answered. */
static bool
assemble(struct api_call *c, const struct multipart *m)
{
	struct store_part *parts;
	enum s3_error err;
	bool gone;
	size_t n;

	if (!multipart_stored(c, m, &gone, &parts, &n))
		return false;
	if (gone)
		return true;
	if (!has_all(c, m, parts, n) || !have_their_size(c, m, parts, n) ||
	    !agrees(c, m, parts))
		return false;
	err = join(c, m, parts, n);
	/* somebody else's request was quicker */
	if (err == S3_OK || err == S3_ERR_NO_SUCH_UPLOAD)
		return true;
	if (err == S3_ERR_INVALID_PART)
		api_fail(c, 409, "A part was replaced meanwhile");
	else
		multipart_fail(c, err);
	return false;
}

void
multipart_complete(struct api_call *c, const struct multipart *m)
{
	const char *file_name, *title;
	struct upload_result result;

	if (api_optional_text(c, "fileName", &file_name) &&
	    api_optional_text(c, "title", &title) &&
	    upload_text_fits(c, file_name, title) && assemble(c, m) &&
	    upload_complete(c, m->key,
			    file_name && *file_name ? file_name : NULL, title,
			    &result))
		upload_answer_completed(c, &result);
}
