/*
 * The answer to a form upload. A redirect that is no URL is ignored, and so is
 * a status that is none of the three, as AWS documents it.
 */
#include "gateway/s3/op/post.h"
#include "base/encode.h"

/* http(s)://host..., printable ASCII and UTF-8 without blanks. */
static bool
is_url(struct slice s)
{
	static const struct slice schemes[] = { { "http://", 7 },
						{ "https://", 8 } };
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (s.n > schemes[i].n &&
		    slice_ieq(slice_head(s, schemes[i].n), schemes[i]) &&
		    !strchr("/?#", s.p[schemes[i].n]))
			known = true;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return known;
}

static void
put_param(struct buf *b, const char *name, struct slice value)
{
	buf_puts(b, name);
	uri_encode(b, value, false);
}

/* The URL with what was stored in its query, before a fragment. */
static void
redirect(struct s3_request *rq, struct slice url, const char *etag)
{
	ptrdiff_t hash = slice_chr(url, '#');
	struct slice page = hash < 0 ? url : slice_head(url, (size_t)hash);
	struct buf b = BUF_INIT;

	buf_put(&b, page);
	put_param(
	    &b, slice_chr(page, '?') < 0 ? "?bucket=" : "&bucket=", rq->bucket);
	put_param(&b, "&key=", rq->key);
	buf_printf(&b, "&etag=%%22%s%%22", etag);
	buf_put(&b, slice_from(url, page.n));
	http_set_header(rq->http, "Location", buf_slice(&b));
	buf_release(&b);
	http_answer(rq->http, 303, SLICE_EMPTY);
}

static void
answer_document(struct s3_request *rq, struct slice location, const char *etag)
{
	struct buf xml = BUF_INIT, quoted = BUF_INIT;

	buf_printf(&quoted, "\"%s\"", etag);
	xml_prolog(&xml);
	xml_open(&xml, "PostResponse");
	xml_text(&xml, "Location", location);
	xml_text(&xml, "Bucket", rq->bucket);
	xml_text(&xml, "Key", rq->key);
	xml_text(&xml, "ETag", buf_slice(&quoted));
	xml_close(&xml, "PostResponse");
	buf_release(&quoted);
	http_set_header(rq->http, "Content-Type", SLICE("application/xml"));
	http_answer_buf(rq->http, 201, &xml);
}

void
post_answer(struct s3_request *rq, const char *etag)
{
	struct slice url = post_field(rq->post, "success_action_redirect");
	struct slice status = post_field(rq->post, "success_action_status");
	struct slice location;

	if (!url.p)
		url = post_field(rq->post, "redirect");
	if (is_url(url)) {
		redirect(rq, url, etag);
		return;
	}
	location = s3_location(rq);
	http_set_header(rq->http, "Location", location);
	if (slice_eq_str(status, "201"))
		answer_document(rq, location, etag);
	else
		http_answer(rq->http, slice_eq_str(status, "200") ? 200 : 204,
			    SLICE_EMPTY);
}
