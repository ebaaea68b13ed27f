/*
 * Tag sets. Of letters only ASCII's are told from other characters: above it
 * every character of UTF-8 is taken (docs/quirks.md).
 */
#include "gateway/s3/tags.h"
#include "base/encode.h"
#include "base/xml_read.h"

#define HEADER "x-amz-tagging"
#define TAGS_MAX 50 /* of any kind */

static const struct {
	size_t max;
	const char *too_many;
	const char *reserved;
} rules[] = {
	[TAGS_OF_OBJECT] = { 10, "Object tags cannot be greater than 10",
			     "Your TagKey cannot be prefixed with aws:" },
	[TAGS_OF_BUCKET] = { 50, "Bucket tag count cannot be greater than 50",
			     "System tags cannot be added/updated by "
			     "requester" },
};

struct list {
	struct arena *arena;
	struct store_header *v;
	size_t n;
	bool has_set;
};

/* ---- rules -------------------------------------------------------------- */

static bool
is_tag_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr(" +-=._:/@", c));
}

/* Of at most max UTF-16 code units, and the characters that AWS allows. */
static bool
is_tag_text(struct slice s, size_t max)
{
	size_t units = 0, n;

	for (size_t i = 0; i < s.n; i += n) {
		n = slice_utf8(s, i);
		if (n == 0 || (n == 1 && !is_tag_byte(s.p[i])))
			return false;
		units += n == 4 ? 2 : 1;
	}
	return units <= max;
}

static bool
is_repeated(const struct list *l, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (slice_eq(l->v[i].name, l->v[at].name))
			return true;
	return false;
}

static enum s3_error
check_tag(struct s3_request *rq, const struct list *l, size_t at,
	  enum tags_of of)
{
	const struct store_header *t = &l->v[at];

	if (is_repeated(l, at))
		return s3_fail(rq, S3_ERR_INVALID_TAG,
			       "Cannot provide multiple Tags with the same key",
			       "TagKey", t->name);
	if (slice_ieq(slice_head(t->name, 4), SLICE("aws:")))
		return s3_fail(rq, S3_ERR_INVALID_TAG, rules[of].reserved,
			       "TagKey", t->name);
	if (t->name.n == 0 || !is_tag_text(t->name, TAG_KEY_MAX))
		return s3_fail(rq, S3_ERR_INVALID_TAG,
			       "The TagKey you have provided is invalid",
			       "TagKey", t->name);
	if (is_tag_text(t->value, TAG_VALUE_MAX))
		return S3_OK;
	s3_detail_add(&rq->detail, "TagKey", t->name);
	return s3_fail(rq, S3_ERR_INVALID_TAG,
		       "The TagValue you have provided is invalid", "TagValue",
		       t->value);
}

static enum s3_error
check_list(struct s3_request *rq, const struct list *l, enum tags_of of,
	   struct store_headers *out)
{
	enum s3_error err = S3_OK;

	*out = (struct store_headers){ l->v, l->n };
	if (rq->http->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	if (l->n > rules[of].max) {
		rq->detail.message = rules[of].too_many;
		return S3_ERR_BAD_REQUEST;
	}
	for (size_t i = 0; err == S3_OK && i < l->n; i++)
		err = check_tag(rq, l, i, of);
	return err;
}

/* One more than any kind may have, so that too many are seen. */
static enum s3_error
new_list(struct s3_request *rq, struct list *l)
{
	*l = (struct list){ .arena = &rq->http->arena };
	l->v = arena_array(l->arena, TAGS_MAX + 1, sizeof(*l->v));
	return l->v ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

/* ---- XML ---------------------------------------------------------------- */

static int
on_set(void *ctx)
{
	struct list *l = ctx;

	l->has_set = true;
	return 0;
}

static int
on_tag(void *ctx)
{
	struct list *l = ctx;

	/* What is beyond is too many already: it needs no memory. */
	if (l->n <= TAGS_MAX)
		l->v[l->n++] =
		    (struct store_header){ { NULL, 0 }, { NULL, 0 } };
	return 0;
}

static int
set_text(struct list *l, struct slice *to, struct slice text)
{
	if (to->p)
		return -1;
	*to = arena_copy(l->arena, text);
	return 0;
}

static int
on_key(void *ctx, struct slice text)
{
	struct list *l = ctx;

	return l->n > TAGS_MAX ? 0 : set_text(l, &l->v[l->n - 1].name, text);
}

static int
on_value(void *ctx, struct slice text)
{
	struct list *l = ctx;

	return l->n > TAGS_MAX ? 0 : set_text(l, &l->v[l->n - 1].value, text);
}

enum s3_error
tags_read_xml(struct s3_request *rq, struct slice doc, enum tags_of of,
	      struct store_headers *out)
{
	static const struct xml_rule elements[] = {
		{ "Tagging/TagSet", on_set, NULL },
		{ "Tagging/TagSet/Tag", on_tag, NULL },
		{ "Tagging/TagSet/Tag/Key", NULL, on_key },
		{ "Tagging/TagSet/Tag/Value", NULL, on_value },
	};
	struct list l;
	enum s3_error err = new_list(rq, &l);

	if (err != S3_OK)
		return err;
	if (doc.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	if (xml_read(doc, elements, ARRAY_LEN(elements), &l) != 0 || !l.has_set)
		return S3_ERR_MALFORMED_XML;
	for (size_t i = 0; i < l.n && i < TAGS_MAX; i++)
		if (!l.v[i].name.p || !l.v[i].value.p)
			return S3_ERR_MALFORMED_XML;
	return check_list(rq, &l, of, out);
}

/* ---- the header --------------------------------------------------------- */

static int
decode(struct list *l, struct slice raw, struct slice *out)
{
	struct buf b = BUF_INIT;
	int rc = uri_decode(&b, raw, true);
	size_t n = 1;

	for (size_t i = 0; rc == 0 && i < b.n; i += n) {
		n = slice_utf8(buf_slice(&b), i);
		rc = n ? 0 : -1;
	}
	if (rc == 0)
		*out = arena_copy(l->arena, buf_slice(&b));
	buf_release(&b);
	return rc;
}

enum s3_error
tags_read_query(struct s3_request *rq, struct slice query,
		struct store_headers *out)
{
	struct slice rest = query, item, name;
	struct list l;
	enum s3_error err = new_list(rq, &l);
	bool ok = true;

	while (err == S3_OK && ok && l.n <= TAGS_MAX &&
	       slice_cut(&rest, '&', &item)) {
		struct store_header *t = &l.v[l.n];

		if (item.n == 0)
			continue;
		ok = slice_cut(&item, '=', &name) && name.n > 0 &&
		     decode(&l, name, &t->name) == 0 &&
		     decode(&l, item, &t->value) == 0 && !is_repeated(&l, l.n);
		l.n++;
	}
	if (!ok)
		return s3_bad_argument(
		    rq,
		    "The header 'x-amz-tagging' shall be encoded as UTF-8 then "
		    "URLEncoded URL query parameters without tag name "
		    "duplicates.",
		    HEADER, query);
	return err == S3_OK ? check_list(rq, &l, TAGS_OF_OBJECT, out) : err;
}

enum s3_error
tags_read_header(struct s3_request *rq, struct store_headers *out)
{
	return tags_read_query(rq, s3_header_or_hoisted(rq, HEADER), out);
}
