/*
 * Fields of a form upload. Whatever PutObject takes from headers a form says
 * in fields; so the request's own Content-Type, Content-MD5 and x-amz-*, which
 * are about the form and not about the file, give way to them.
 */
#include "gateway/s3/op/post.h"

#define FILENAME "${filename}"
#define EXPANDED_MAX (4 * FORM_PRE_DATA_MAX) /* bytes of all values */

/* Signed as they are. */
static const char *const never_expanded[] = {
	"policy",     "x-amz-algorithm", "x-amz-credential",
	"x-amz-date", "x-amz-signature",
};

/* Beside x-amz-*. */
static const char *const header_fields[] = {
	"content-type",	    "cache-control",	"content-disposition",
	"content-encoding", "content-language", "expires",
	"content-md5",
};

/* About the body's form on the wire, which here is the form's. */
static const char *const wire_headers[] = {
	"x-amz-content-sha256",
	"x-amz-decoded-content-length",
	"x-amz-trailer",
};

static bool
in_list(const char *const *list, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq_str(name, list[i]))
			return true;
	return false;
}

static bool
stands_for_header(struct slice name)
{
	if (in_list(wire_headers, ARRAY_LEN(wire_headers), name))
		return false;
	return slice_ieq(slice_head(name, 6), SLICE("x-amz-")) ||
	       in_list(header_fields, ARRAY_LEN(header_fields), name);
}

static void
put_expanded(struct buf *b, struct slice value, struct slice filename)
{
	ptrdiff_t at;

	while ((at = slice_find(value, SLICE(FILENAME))) >= 0) {
		buf_put(b, slice_head(value, (size_t)at));
		buf_put(b, filename);
		value = slice_from(value, (size_t)at + strlen(FILENAME));
	}
	buf_put(b, value);
}

/* The values of all fields of that name from f[i] on, joined. */
static struct slice
joined_value(struct s3_request *rq, const struct form_field *f, size_t n,
	     size_t i, struct buf *b)
{
	struct slice filename = form_filename(rq->post->form);
	struct slice name = f[i].name;
	bool first = true;

	b->n = 0;
	for (; i < n; i++) {
		if (!slice_ieq(f[i].name, name))
			continue;
		if (!first)
			buf_putc(b, ',');
		first = false;
		if (in_list(never_expanded, ARRAY_LEN(never_expanded), name))
			buf_put(b, f[i].value);
		else
			put_expanded(b, f[i].value, filename);
	}
	return arena_copy(&rq->http->arena, buf_slice(b));
}

struct slice
post_field(const struct post *post, const char *name)
{
	for (size_t i = 0; i < post->n_fields; i++)
		if (slice_ieq_str(post->fields[i].name, name))
			return post->fields[i].value;
	return (struct slice){ NULL, 0 };
}

enum s3_error
post_take_fields(struct s3_request *rq)
{
	struct post *post = rq->post;
	struct buf b = BUF_MAX(EXPANDED_MAX);
	size_t n, total = 0;
	const struct form_field *f = form_fields(post->form, &n);
	bool too_large;

	post->fields =
	    arena_array(&rq->http->arena, n + 1, sizeof(*post->fields));
	for (size_t i = 0; post->fields && i < n; i++) {
		struct auth_header *field = &post->fields[post->n_fields];
		const char *name = arena_cstr(&rq->http->arena, f[i].name);

		if (!name || post_field(post, name).p)
			continue;
		field->name = f[i].name;
		field->value = joined_value(rq, f, n, i, &b);
		total += field->value.n;
		post->n_fields++;
		if (!buf_ok(&b) || total > EXPANDED_MAX)
			break;
	}
	too_large = !buf_ok(&b) || total > EXPANDED_MAX;
	buf_release(&b);
	if (rq->http->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	return too_large ? S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED : S3_OK;
}

enum s3_error
post_fields_to_headers(struct s3_request *rq)
{
	struct http_request *http = rq->http;
	const struct post *post = rq->post;
	struct http_header *v = arena_array(
	    &http->arena, post->n_fields + http->n_headers, sizeof(*v));
	size_t n = 0;

	if (!v)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < post->n_fields; i++) {
		struct slice name = post->fields[i].name;

		if (slice_ieq_str(name, "acl"))
			name = SLICE("x-amz-acl");
		if (stands_for_header(name))
			v[n++] = (struct http_header){
				name, slice_trim(post->fields[i].value)
			};
	}
	for (size_t i = 0; i < http->n_headers; i++)
		if (!stands_for_header(http->headers[i].name) &&
		    !in_list(wire_headers, ARRAY_LEN(wire_headers),
			     http->headers[i].name))
			v[n++] = http->headers[i];
	http->headers = v;
	http->n_headers = n;
	return S3_OK;
}
