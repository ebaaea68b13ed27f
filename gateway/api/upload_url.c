/*
 * POST /api/videos/upload-url: a URL signed for exactly one object.
 */
#include "base/encode.h"
#include "gateway/api/upload.h"

#include <inttypes.h>

/* The metadata travels in the query (signed); the type and, where stated, the
 * length must be sent as signed. */
static void
sign(struct api_call *c, const struct upload *u, struct buf *url)
{
	struct buf query = BUF_INIT;
	char length[24];
	struct auth_header headers[] = {
		{ SLICE("content-type"), slice_str(u->type) },
		{ SLICE("content-length"), SLICE_EMPTY },
	};
	struct api_presign put = { .method = "PUT",
				   .bucket = c->api->conf.conf->aws_s3_bucket,
				   .key = u->key,
				   .headers = headers,
				   .n_headers = 1,
				   .expires_s = UPLOAD_URL_S,
				   .now_us = u->now_us };

	if (u->size > 0) {
		snprintf(length, sizeof(length), "%" PRIu64, u->size);
		headers[1].value = slice_str(length);
		put.n_headers = 2;
	}
	buf_puts(&query, "x-amz-meta-upload-time=");
	uri_encode(&query, slice_str(u->time), false);
	buf_printf(&query, "&x-amz-meta-user-id=%s", c->user);
	put.query = buf_slice(&query);
	api_presign(c, &put, url);
	url->err |= query.err;
	buf_release(&query);
}

void
api_upload_url(struct api_call *c)
{
	struct buf b = BUF_INIT, url = BUF_INIT;
	struct upload u;

	if (!upload_read(c, &u) || !upload_admit(c, &u) ||
	    !upload_announce(c, &u, NULL, UPLOAD_URL_S))
		return;
	sign(c, &u, &url);
	json_open_object(&b, NULL);
	json_put_slice(&b, "uploadUrl", buf_slice(&url));
	json_put_str(&b, "key", u.key);
	json_put_str(&b, "bucket", c->api->conf.conf->aws_s3_bucket);
	json_open_object(&b, "fields");
	json_put_str(&b, "Content-Type", u.type);
	json_put_str(&b, "x-amz-meta-user-id", c->user);
	json_put_str(&b, "x-amz-meta-upload-time", u.time);
	json_close_object(&b);
	json_put_str(&b, "method", "PUT");
	json_open_object(&b, "headers");
	json_put_str(&b, "Content-Type", u.type);
	json_close_object(&b);
	json_put_time(&b, "expiresAt",
		      (u.now_us / US_PER_S + UPLOAD_URL_S) * US_PER_S);
	json_put_str(&b, "uploadId", u.id);
	json_close_object(&b);
	b.err |= url.err;
	buf_release(&url);
	api_answer(c, 200, &b);
}
