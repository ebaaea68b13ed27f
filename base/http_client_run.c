/*
 * An exchange whose answer fits in memory, or goes to a callback, and what an
 * answer says.
 */
#include "base/http_client.h"

#define READ_STEP (16u << 10)

void
http_client_answer_release(struct http_client_answer *a)
{
	buf_release(&a->headers);
	buf_release(&a->body);
}

struct slice
http_client_header(const struct http_client_answer *a, const char *name)
{
	struct slice rest = buf_slice(&a->headers), line, found = SLICE_EMPTY;
	ptrdiff_t colon;

	while (rest.n && slice_cut(&rest, '\n', &line)) {
		colon = slice_chr(line, ':');
		if (colon >= 0 &&
		    slice_ieq_str(slice_head(line, (size_t)colon), name))
			found = slice_trim(slice_from(line, (size_t)colon + 1));
	}
	return found;
}

static enum http_client_error
refuse(struct http_client_answer *out, const char *why)
{
	snprintf(out->error, sizeof(out->error), "%s", why);
	return HTTP_CLIENT_REFUSED;
}

static int
take(void *ctx, const void *p, size_t n)
{
	struct buf *body = ctx;

	buf_add(body, p, n);
	return buf_ok(body) ? 0 : -1;
}

static enum http_client_error
take_body(struct http_client *c, struct http_client_answer *out, uint64_t max,
	  int (*sink)(void *ctx, const void *p, size_t n), void *ctx)
{
	enum http_client_error rc = HTTP_CLIENT_OK;
	size_t got = READ_STEP;
	char *p = malloc(READ_STEP);

	if (!p)
		return HTTP_CLIENT_INTERNAL;
	while (rc == HTTP_CLIENT_OK && got == READ_STEP) {
		rc = http_client_read(c, p, READ_STEP, &got);
		if (got > max)
			rc = refuse(out, "a longer answer than is accepted");
		else if (got && sink(ctx, p, got) != 0)
			rc = refuse(out, "the answer was not taken");
		max -= got;
	}
	free(p);
	return rc;
}

enum http_client_error
http_client_collect(struct http_client *c, struct http_client_answer *out,
		    uint64_t max)
{
	return take_body(c, out, max, take, &out->body);
}

enum http_client_error
http_client_run(struct http_client *c, const struct http_client_call *call,
		struct http_client_answer *out)
{
	enum http_client_error rc = http_client_begin(c, call, out);

	if (rc != HTTP_CLIENT_OK)
		return rc;
	rc = http_client_answer(c);
	if (rc == HTTP_CLIENT_OK && call->sink && out->status / 100 == 2)
		rc = take_body(c, out, call->answer_max, call->sink,
			       call->sink_ctx);
	else if (rc == HTTP_CLIENT_OK)
		rc = http_client_collect(c, out, call->answer_max);
	http_client_end(c);
	if (rc != HTTP_CLIENT_OK)
		out->status = 0;
	return rc;
}
