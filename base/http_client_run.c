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

/* The answer's body to where the call wants it. */
static enum http_client_error
take_body(struct http_client *c, const struct http_client_call *call,
	  struct http_client_answer *out)
{
	bool to_sink = call->sink && out->status / 100 == 2;
	enum http_client_error rc = HTTP_CLIENT_OK;
	uint64_t left = call->answer_max;
	char *p = buf_reserve(&out->body, READ_STEP);
	size_t got = READ_STEP;

	while (rc == HTTP_CLIENT_OK && got == READ_STEP) {
		if (!p)
			return HTTP_CLIENT_INTERNAL;
		rc = http_client_read(c, p, READ_STEP, &got);
		if (got > left)
			return refuse(out, "a longer answer than is accepted");
		left -= got;
		if (!to_sink) {
			out->body.n += got;
			out->body.p[out->body.n] = '\0';
			p = buf_reserve(&out->body, READ_STEP);
		} else if (got && call->sink(call->sink_ctx, p, got) != 0) {
			return refuse(out, "not wanted");
		}
	}
	return rc;
}

enum http_client_error
http_client_run(struct http_client *c, const struct http_client_call *call,
		struct http_client_answer *out)
{
	enum http_client_error rc = http_client_begin(c, call, out);

	if (rc != HTTP_CLIENT_OK)
		return rc;
	rc = http_client_answer(c);
	if (rc == HTTP_CLIENT_OK)
		rc = take_body(c, call, out);
	http_client_end(c);
	if (rc != HTTP_CLIENT_OK)
		out->status = 0;
	return rc;
}
