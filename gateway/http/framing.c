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
	struct slice wanted = slice_str(name);
	size_t n = 0;

	for (size_t i = 0; i < req->n_headers; i++)
		n += slice_ieq(req->headers[i].name, wanted);
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
	if (!http_header_has(req, "Host") && !req->is_http_1_0)
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
		if (!slice_ieq_str(te, "chunked") || req->is_http_1_0)
			return "The transfer encoding is not supported.";
		req->content_length = HTTP_LENGTH_UNKNOWN;
	} else if (cl.p && (slice_u64(cl, &req->content_length) != 0 ||
			    req->content_length == HTTP_LENGTH_UNKNOWN)) {
		return "The Content-Length is not a number.";
	}
	req->has_body = req->content_length != 0;
	return NULL;
}

/* RFC 9112 §3.2: the origin form, or the absolute form of a proxy client,
 * whose path may be empty. */
static const char *
check_target(struct http_request *req, struct slice target)
{
	static const char *const schemes[] = { "http://", "https://" };
	struct slice rest = target;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct slice s = slice_str(schemes[i]);

		if (!slice_ieq(slice_head(target, s.n), s))
			continue;
		rest = slice_from(target, s.n);
		while (rest.n && rest.p[0] != '/' && rest.p[0] != '?')
			rest = slice_from(rest, 1);
		if (rest.n == 0 || rest.p[0] == '?')
			rest =
			    arena_printf(&req->arena, "/%.*s", SLICE_ARG(rest));
		break;
	}
	if (rest.n == 0 || rest.p[0] != '/')
		return "The request target is not a path.";
	req->has_query = slice_chr(rest, '?') >= 0;
	(void)slice_cut(&rest, '?', &req->raw_path);
	req->raw_query = req->has_query ? rest : SLICE_EMPTY;
	return NULL;
}

/* RFC 9110 §10.1.1; HTTP/1.0 has no expectations. */
static bool
is_expectation_known(const struct http_request *req)
{
	for (size_t i = 0; i < req->n_headers; i++)
		if (slice_ieq_str(req->headers[i].name, "Expect") &&
		    !slice_ieq_str(req->headers[i].value, "100-continue"))
			return req->is_http_1_0;
	return true;
}

unsigned
framing_check(struct http_request *req, struct slice target, const char **why)
{
	*why = check_target(req, target);
	if (!*why)
		*why = check_headers(req);
	if (!*why)
		*why = check_length(req);
	if (*why)
		return 400;
	if (is_expectation_known(req))
		return 0;
	*why = "The expectation cannot be met.";
	return 417;
}

struct slice
http_header_get(const struct http_request *req, const char *name)
{
	struct slice wanted = slice_str(name);

	for (size_t i = 0; i < req->n_headers; i++)
		if (slice_ieq(req->headers[i].name, wanted))
			return req->headers[i].value;
	return (struct slice){ NULL, 0 };
}

bool
http_header_has(const struct http_request *req, const char *name)
{
	return http_header_get(req, name).p != NULL;
}
