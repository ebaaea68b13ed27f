/*
 * Answers of the video API: every JSON body leaves through here, with the
 * same security headers, so that no handler can forget them.
 */
#include "gateway/api/call.h"
#include "base/log.h"

#define JSON_TYPE "application/json"

static void
set_common(struct api_call *c, const char *type, const char *cache)
{
	http_set_header(c->http, "Content-Type", slice_str(type));
	http_set_header(c->http, "Cache-Control", slice_str(cache));
	http_set_header(c->http, "X-Content-Type-Options", SLICE("nosniff"));
}

static void
send(struct api_call *c, unsigned status, struct buf *b)
{
	if (buf_ok(b) && !c->arena.err) {
		http_answer_buf(c->http, status, b);
		return;
	}
	buf_release(b);
	log_error("api_answer", "%s: out of memory", c->http->operation);
	http_answer(c->http, 500, SLICE("{\"error\":\"Internal error\"}"));
}

void
api_answer(struct api_call *c, unsigned status, struct buf *b)
{
	set_common(c, JSON_TYPE, "no-store");
	send(c, status, b);
}

void
api_answer_text(struct api_call *c, const char *content_type, struct buf *b)
{
	set_common(c, content_type, "private, no-store");
	send(c, 200, b);
}

void
api_answer_nothing(struct api_call *c)
{
	http_set_header(c->http, "Cache-Control", SLICE("no-store"));
	http_answer(c->http, 204, SLICE_EMPTY);
}

void
api_fail(struct api_call *c, unsigned status, const char *error)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "error", error);
	json_close_object(&b);
	api_answer(c, status, &b);
}

void
api_unauthorized(struct api_call *c, const char *message)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "error", "Unauthorized");
	json_put_str(&b, "message", message);
	json_close_object(&b);
	http_set_header(c->http, "WWW-Authenticate", SLICE("Bearer"));
	api_answer(c, 401, &b);
}

void
api_fail_for(struct api_call *c, unsigned status, int retry_s,
	     const char *error)
{
	http_set_headerf(c->http, "Retry-After", "%d", retry_s);
	api_fail(c, status, error);
}

void
api_unavailable(struct api_call *c, const char *error)
{
	api_fail_for(c, 503, API_POLL_S, error);
}

bool
api_queue_ok(struct api_call *c, enum queue_error err, const char *not_found,
	     const char *conflict)
{
	if (err == QUEUE_OK)
		return true;
	if (err == QUEUE_NOT_FOUND && not_found)
		api_fail(c, 404, not_found);
	else if (err == QUEUE_CONFLICT && conflict)
		api_fail(c, 409, conflict);
	else if (err == QUEUE_UNAVAILABLE)
		api_unavailable(c, "The database is not available");
	else
		api_fail(c, 500, "Internal error");
	return false;
}

/* RFC 9110 §13.1.2: weak comparison with a list of tags, or *. */
static bool
has_tag(struct slice list, struct slice tag)
{
	struct slice item;

	while (slice_cut(&list, ',', &item)) {
		item = slice_trim(item);
		if (slice_starts(item, SLICE("W/")))
			item = slice_from(item, 2);
		if (slice_eq(item, tag) || slice_eq_str(item, "*"))
			return true;
	}
	return false;
}

void
api_tag(struct slice body, char out[API_TAG_MAX])
{
	char hex[SHA256_HEX_MAX];

	sha256_hex(body.p, body.n, hex);
	snprintf(out, API_TAG_MAX, "%.32s", hex);
}

bool
api_not_modified(struct api_call *c, const char *cache, struct slice body)
{
	struct slice wanted = http_header_get(c->http, "If-None-Match");
	char name[API_TAG_MAX], tag[API_TAG_MAX + 2];

	set_common(c, JSON_TYPE, cache);
	api_tag(body, name);
	snprintf(tag, sizeof(tag), "\"%s\"", name);
	http_set_header(c->http, "ETag", slice_str(tag));
	if (!wanted.p || !has_tag(wanted, slice_str(tag)))
		return false;
	http_answer_head(c->http, 304, body.n);
	return true;
}

void
api_answer_cached(struct api_call *c, struct buf *b)
{
	if (!buf_ok(b) || c->arena.err)
		api_answer(c, 500, b);
	else if (api_not_modified(c, "private, no-cache", buf_slice(b)))
		buf_release(b);
	else
		send(c, 200, b);
}
