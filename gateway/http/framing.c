/*
 * What a request claims about its own shape. The daemon is lenient where
 * RFC 9112 offers a choice; a proxy in front may have chosen otherwise, and
 * then the two disagree about where the next request starts. Whatever is
 * ambiguous is therefore refused, and a refusal closes the connection.
 */
#include "gateway/http/exchange.h"

/* Headers that decide about framing, routing or authority: at most once. */
static const char *const single[] = {
	"Content-Length", "Transfer-Encoding",	  "Host",
	"Authorization",  "x-amz-content-sha256", "Range",
};

static size_t
count_header(const struct http_request *req, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < req->n_headers; i++)
		n += slice_ieq_str(req->headers[i].name, name);
	return n;
}

static const char *
check_headers(const struct http_request *req)
{
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!http_is_token(req->headers[i].name))
			return "A header name is not a token.";
		if (!http_is_value(req->headers[i].value))
			return "A header value holds a control character.";
	}
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		if (count_header(req, single[i]) > 1)
			return "A header that must be unique is repeated.";
	if (!http_header_has(req, "Host"))
		return "The Host header is missing.";
	return NULL;
}

static const char *
check_length(struct http_request *req)
{
	struct slice te = http_header_get(req, "Transfer-Encoding");
	struct slice cl = http_header_get(req, "Content-Length");

	req->content_length = 0;
	if (te.p) {
		if (cl.p)
			return "Transfer-Encoding and Content-Length exclude "
			       "each other.";
		if (!slice_ieq_str(te, "chunked"))
			return "The transfer encoding is not supported.";
		req->content_length = HTTP_LENGTH_UNKNOWN;
	} else if (cl.p && (slice_u64(cl, &req->content_length) != 0 ||
			    req->content_length == HTTP_LENGTH_UNKNOWN)) {
		return "The Content-Length is not a number.";
	}
	req->has_body = req->content_length != 0;
	return NULL;
}

/* RFC 9112 §3.2: the origin form, or the absolute form of a proxy client. */
static const char *
check_target(struct http_request *req, struct slice target)
{
	static const char *const schemes[] = { "http://", "https://" };
	struct slice t = target, rest, path;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct slice s = slice_str(schemes[i]);
		ptrdiff_t slash;

		if (!slice_ieq(slice_head(t, s.n), s))
			continue;
		t = slice_from(t, s.n);
		slash = slice_chr(t, '/');
		if (slash < 0)
			return "The request target has no path.";
		t = slice_from(t, (size_t)slash);
		break;
	}
	if (t.n == 0 || t.p[0] != '/')
		return "The request target is not a path.";
	rest = t;
	req->has_query = slice_chr(t, '?') >= 0;
	(void)slice_cut(&rest, '?', &path);
	req->raw_path = path;
	req->raw_query =
	    req->has_query ? slice_from(t, path.n + 1) : SLICE_EMPTY;
	return NULL;
}

const char *
framing_check(struct http_request *req, struct slice target)
{
	const char *why = check_target(req, target);

	if (!why)
		why = check_headers(req);
	if (!why)
		why = check_length(req);
	return why;
}

struct slice
http_header_get(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->n_headers; i++)
		if (slice_ieq_str(req->headers[i].name, name))
			return req->headers[i].value;
	return (struct slice){ NULL, 0 };
}

bool
http_header_has(const struct http_request *req, const char *name)
{
	return http_header_get(req, name).p != NULL;
}
