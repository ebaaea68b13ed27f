/*
 * POST /api/videos/multipart: a large file in parts, which a client uploads at
 * once and, after an interruption, goes on with. One endpoint with an action:
 * create, sign, list, complete, abort.
 *
 * The file's size is announced, so that the length of every part is known and
 * signed; what the parts become cannot be larger. The intent ties the store's
 * upload to its user: another user's key or upload id is not found.
 */
#include "gateway/api/multipart.h"
#include "base/log.h"

#define LIFE_S (24 * 3600)
#define MIB ((uint64_t)1 << 20)
#define PART_SIZE (8 * MIB)
#define UPLOADS_LISTED 100
#define ABANDONED_AT_ONCE 8

/* ---- parts --------------------------------------------------------------- */

uint64_t
multipart_part_size(uint64_t size)
{
	uint64_t least = size / STORE_PARTS_MAX + 1;

	if (least <= PART_SIZE)
		return PART_SIZE;
	return (least + MIB - 1) / MIB * MIB;
}

uint32_t
multipart_part_count(uint64_t size, uint64_t part_size)
{
	return (uint32_t)((size + part_size - 1) / part_size);
}

uint64_t
multipart_size_of(const struct multipart *m, uint32_t number)
{
	uint64_t before = (number - 1) * m->intent.part_size;

	return number < m->count ? m->intent.part_size
				 : m->intent.size - before;
}

void
multipart_fail(struct api_call *c, enum s3_error err)
{
	uint64_t max = c->api->conf.conf->max_upload_bytes;

	if (err == S3_ERR_NO_SUCH_UPLOAD)
		api_fail(c, 404, UPLOAD_NOT_FOUND);
	else if (err == S3_ERR_ENTITY_TOO_LARGE)
		upload_fail_too_large(c, 400, max);
	else if (err == S3_ERR_INSUFFICIENT_STORAGE)
		api_fail_for(c, 507, API_POLL_S,
			     "Not enough disk space for this file");
	else if (err == S3_ERR_NOT_IMPLEMENTED)
		api_fail(c, 501, "The object store takes no uploads in parts");
	else
		api_unavailable(c, "The object store is not available");
}

bool
multipart_stored(struct api_call *c, const struct multipart *m, bool *gone,
		 struct store_part **parts, size_t *n)
{
	enum s3_error err = store_part_list(
	    c->api->conf.store, slice_str(m->intent.bucket), slice_str(m->key),
	    slice_str(m->intent.upload_id), 0, m->count, &c->arena, parts, n);

	if (gone)
		*gone = err == S3_ERR_NO_SUCH_UPLOAD;
	if (err == S3_OK || (gone && *gone))
		return true;
	multipart_fail(c, err);
	return false;
}

/* ---- create -------------------------------------------------------------- */

/* What nobody came back for: intents without an object, an hour after they
 * expired. Each new upload clears a few away, so they never pile up. */
static void
abort_abandoned(struct api_call *c)
{
	struct queue_intent *old = NULL;
	size_t n = 0;

	if (queue_intents_abandoned(c->api->conf.queue, ABANDONED_AT_ONCE,
				    &c->arena, &old, &n) != QUEUE_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		enum s3_error gone = store_upload_abort(
		    c->api->conf.store, slice_str(old[i].bucket),
		    slice_str(old[i].key), slice_str(old[i].upload_id));

		/* what stays is taken up again later */
		if ((gone != S3_OK && gone != S3_ERR_NO_SUCH_UPLOAD) ||
		    queue_intent_delete(c->api->conf.queue, NULL, old[i].bucket,
					old[i].key) != QUEUE_OK)
			log_warn("upload_not_aborted", "%s", old[i].key);
	}
}

static enum s3_error
create_upload(struct api_call *c, const struct upload *u,
	      char id[STORE_UPLOAD_ID_MAX])
{
	const struct store_header headers[] = {
		{ SLICE("content-type"), slice_str(u->type) },
		{ SLICE("x-amz-meta-upload-time"), slice_str(u->time) },
		{ SLICE("x-amz-meta-user-id"), slice_str(c->user) },
	};
	const struct store_upload_req req = {
		.bucket = slice_str(c->api->conf.conf->aws_s3_bucket),
		.key = slice_str(u->key),
		.initiator = c->api->conf.account,
		.headers = { headers, ARRAY_LEN(headers) },
	};

	return store_upload_create(c->api->conf.store, &req, id);
}

/* The store's upload first: an intent names one that exists. */
static bool
begin(struct api_call *c, struct upload *u, struct upload_parts *parts,
      char id[STORE_UPLOAD_ID_MAX])
{
	enum s3_error err = create_upload(c, u, id);

	if (err != S3_OK) {
		upload_dismiss(c, u);
		multipart_fail(c, err);
		return false;
	}
	parts->id = id;
	if (upload_announce(c, u, parts, LIFE_S))
		return true;
	err = store_upload_abort(c->api->conf.store,
				 slice_str(c->api->conf.conf->aws_s3_bucket),
				 slice_str(u->key), slice_str(id));
	if (err != S3_OK)
		log_warn("upload_not_aborted", "%s", u->key);
	return false;
}

static void
put_upload(struct buf *b, const struct queue_intent *i)
{
	json_put_str(b, "uploadId", i->upload_id);
	json_put_str(b, "key", i->key);
	json_put_str(b, "bucket", i->bucket);
	json_put_str(b, "fileName", i->file_name);
	json_put_str(b, "fileType", i->content_type);
	json_put_u64(b, "fileSize", i->size);
	json_put_u64(b, "partSize", i->part_size);
	json_put_u64(b, "partCount",
		     multipart_part_count(i->size, i->part_size));
	json_put_time(b, "expiresAt", i->expires_us);
}

static void
action_create(struct api_call *c)
{
	char id[STORE_UPLOAD_ID_MAX];
	struct upload_parts parts;
	struct buf b = BUF_INIT;
	struct upload u;

	if (!upload_read(c, &u))
		return;
	if (u.size == 0) {
		api_fail(c, 400, "Missing required fields: fileSize");
		return;
	}
	parts.part_size = multipart_part_size(u.size);
	abort_abandoned(c);
	if (!upload_admit(c, &u) || !begin(c, &u, &parts, id))
		return;
	json_open_object(&b, NULL);
	put_upload(&b, &(struct queue_intent){
			   .bucket = c->api->conf.conf->aws_s3_bucket,
			   .key = u.key,
			   .file_name = u.file_name,
			   .content_type = u.type,
			   .size = u.size,
			   .expires_us = u.now_us + LIFE_S * US_PER_S,
			   .upload_id = id,
			   .part_size = parts.part_size });
	json_close_object(&b);
	api_answer(c, 200, &b);
}

/* ---- the caller's uploads ------------------------------------------------ */

static void
list_uploads(struct api_call *c)
{
	struct queue_intent *list = NULL;
	struct buf b = BUF_INIT;
	size_t n = 0;

	if (!api_queue_ok(c,
			  queue_intent_list(c->api->conf.queue, c->user,
					    UPLOADS_LISTED, &c->arena, &list,
					    &n),
			  NULL, NULL))
		return;
	json_open_object(&b, NULL);
	json_open_array(&b, "uploads");
	for (size_t i = 0; i < n; i++) {
		json_open_object(&b, NULL);
		put_upload(&b, &list[i]);
		json_close_object(&b);
	}
	json_close_array(&b);
	json_close_object(&b);
	api_answer(c, 200, &b);
}

/* The upload that key and uploadId name; false when answered. */
static bool
own_upload(struct api_call *c, struct multipart *m)
{
	const char *id = json_str(c->in, "uploadId");
	enum queue_error err;

	m->key = json_str(c->in, "key");
	if (!m->key || !*m->key || !id || !*id) {
		api_fail(c, 400, "Missing required fields: key, uploadId");
		return false;
	}
	err = queue_intent_get(c->api->conf.queue, c->user,
			       c->api->conf.conf->aws_s3_bucket, m->key,
			       &c->arena, &m->intent);
	if (!err && (!m->intent.upload_id || strcmp(m->intent.upload_id, id) ||
		     m->intent.size == 0 || m->intent.part_size == 0))
		err = QUEUE_NOT_FOUND;
	if (!api_queue_ok(c, err, UPLOAD_NOT_FOUND, NULL))
		return false;
	m->count = multipart_part_count(m->intent.size, m->intent.part_size);
	return true;
}

static bool
object_exists(struct api_call *c, const struct multipart *m)
{
	struct store_object object;

	return store_get(
		   c->api->conf.store,
		   &STORE_REF(slice_str(m->intent.bucket), slice_str(m->key)),
		   NULL, &c->arena, &object, NULL) == S3_OK;
}

/* The store decides a race with complete; its abort of what is complete does
 * nothing, so the object tells who won. */
static void
multipart_abort(struct api_call *c, const struct multipart *m)
{
	struct buf b = BUF_INIT;
	enum s3_error err = store_upload_abort(
	    c->api->conf.store, slice_str(m->intent.bucket), slice_str(m->key),
	    slice_str(m->intent.upload_id));

	if (err != S3_OK && err != S3_ERR_NO_SUCH_UPLOAD) {
		multipart_fail(c, err);
		return;
	}
	if (m->intent.completed || object_exists(c, m)) {
		api_fail(c, 409, "The upload has been completed");
		return;
	}
	if (!api_queue_ok(c,
			  queue_intent_delete(c->api->conf.queue, c->user,
					      m->intent.bucket, m->key),
			  UPLOAD_NOT_FOUND, NULL))
		return;
	json_open_object(&b, NULL);
	json_put_str(&b, "message", "Upload aborted");
	json_close_object(&b);
	api_answer(c, 200, &b);
}

/* ---- the endpoint -------------------------------------------------------- */

/* Those on one upload; create makes it. */
static const struct {
	const char *name;
	void (*run)(struct api_call *c, const struct multipart *m);
} actions[] = {
	{ "sign", multipart_sign },
	{ "list", multipart_list },
	{ "complete", multipart_complete },
	{ "abort", multipart_abort },
};

void
api_multipart(struct api_call *c)
{
	const char *action = json_str(c->in, "action");
	struct multipart m = { 0 };

	if (action && !strcmp(action, "create")) {
		action_create(c);
		return;
	}
	if (action && !strcmp(action, "list") &&
	    !cJSON_HasObjectItem(c->in, "key") &&
	    !cJSON_HasObjectItem(c->in, "uploadId")) {
		list_uploads(c);
		return;
	}
	for (size_t i = 0; action && i < ARRAY_LEN(actions); i++)
		if (!strcmp(action, actions[i].name)) {
			if (own_upload(c, &m))
				actions[i].run(c, &m);
			return;
		}
	api_fail(c, 400,
		 "action must be create, sign, list, complete or abort");
}
