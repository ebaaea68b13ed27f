/*
 * CORS rules. The document is read as a whole before its values are judged,
 * as S3 validates against its schema first.
 */
#include "gateway/s3/cors_rules.h"
#include "base/xml_read.h"
#include "base/xml_write.h"

struct reader {
	struct arena *arena;
	struct cors_rule *first, *last;
	size_t n;
	const char *why;
};

/* ---- the document ------------------------------------------------------- */

static int
on_rule(void *ctx)
{
	struct reader *r = ctx;
	struct cors_rule *rule = arena_alloc(r->arena, sizeof(*rule));

	if (!rule)
		return -1;
	rule->max_age_s = -1;
	if (r->last)
		r->last->next = rule;
	else
		r->first = rule;
	r->last = rule;
	r->n++;
	return 0;
}

static int
on_rule_end(void *ctx, struct slice text)
{
	const struct reader *r = ctx;

	(void)text;
	return r->last->methods && r->last->origins ? 0 : -1;
}

static int
append(struct reader *r, struct cors_value **list, struct slice text)
{
	struct cors_value *v = arena_alloc(r->arena, sizeof(*v));

	if (!v)
		return -1;
	v->text = arena_copy(r->arena, text);
	while (*list)
		list = &(*list)->next;
	*list = v;
	return 0;
}

static int
on_method(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return append(r, &r->last->methods, text);
}

static int
on_origin(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return append(r, &r->last->origins, text);
}

static int
on_header(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return append(r, &r->last->headers, text);
}

static int
on_expose(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return append(r, &r->last->expose, text);
}

static int
on_id(void *ctx, struct slice text)
{
	struct reader *r = ctx;
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	if (r->last->id.p || n > CORS_ID_MAX)
		return -1;
	r->last->id = arena_copy(r->arena, text);
	return 0;
}

static int
on_max_age(void *ctx, struct slice text)
{
	struct reader *r = ctx;
	uint64_t n;

	if (r->last->max_age_s >= 0 || slice_u64(slice_trim(text), &n) != 0 ||
	    n > INT32_MAX)
		return -1;
	r->last->max_age_s = (int64_t)n;
	return 0;
}

#define CORS_RULE "CORSConfiguration/CORSRule"
static const struct xml_rule elements[] = {
	{ CORS_RULE, on_rule, on_rule_end },
	{ CORS_RULE "/ID", NULL, on_id },
	{ CORS_RULE "/AllowedMethod", NULL, on_method },
	{ CORS_RULE "/AllowedOrigin", NULL, on_origin },
	{ CORS_RULE "/AllowedHeader", NULL, on_header },
	{ CORS_RULE "/ExposeHeader", NULL, on_expose },
	{ CORS_RULE "/MaxAgeSeconds", NULL, on_max_age },
};

/* ---- the values --------------------------------------------------------- */

static size_t
count_stars(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '*';
	return n;
}

static enum s3_error
refuse(struct reader *r, const char *format, struct slice value)
{
	struct buf b = BUF_INIT;

	for (const char *p = format; *p; p++)
		if (*p == '@')
			buf_put(&b, value);
		else
			buf_putc(&b, *p);
	r->why = arena_cstr(r->arena, buf_slice(&b));
	buf_release(&b);
	return S3_ERR_INVALID_REQUEST;
}

/* The first value with more than @max stars is refused. */
static enum s3_error
check_stars(struct reader *r, const struct cors_value *v, size_t max,
	    const char *format)
{
	for (; v; v = v->next)
		if (count_stars(v->text) > max)
			return refuse(r, format, v->text);
	return S3_OK;
}

static enum s3_error
check_methods(struct reader *r, const struct cors_value *v)
{
	static const char *const methods[] = { "GET", "PUT", "POST", "DELETE",
					       "HEAD" };

	for (; v; v = v->next) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(methods); i++)
			known = known || slice_eq_str(v->text, methods[i]);
		if (!known)
			return refuse(r,
				      "Found unsupported HTTP method in CORS "
				      "config. Unsupported method is @",
				      v->text);
	}
	return S3_OK;
}

static enum s3_error
check_rule(struct reader *r, const struct cors_rule *rule)
{
	enum s3_error err = check_methods(r, rule->methods);

	if (err == S3_OK)
		err = check_stars(r, rule->origins, 1,
				  "AllowedOrigin \"@\" can not have more than "
				  "one wildcard.");
	if (err == S3_OK)
		err = check_stars(r, rule->headers, 1,
				  "AllowedHeader \"@\" can not have more than "
				  "one wildcard.");
	if (err == S3_OK)
		err = check_stars(r, rule->expose, 0,
				  "ExposeHeader \"@\" contains wildcard. We "
				  "currently do not support wildcard for "
				  "ExposeHeader.");
	return err;
}

enum s3_error
cors_rules_read(struct slice doc, struct arena *a, struct cors_rule **out,
		const char **why)
{
	struct reader r = { .arena = a };
	enum s3_error err = S3_OK;

	*out = NULL;
	*why = NULL;
	if (xml_read_strict(doc, elements, ARRAY_LEN(elements), &r) != 0)
		return a->err ? S3_ERR_INTERNAL_ERROR : S3_ERR_MALFORMED_XML;
	if (r.n == 0)
		return S3_ERR_MALFORMED_XML;
	if (r.n > CORS_RULES_MAX) {
		*why = "The number of CORS rules should not exceed allowed "
		       "limit of 100 rules.";
		return S3_ERR_INVALID_REQUEST;
	}
	for (struct cors_rule *rule = r.first; err == S3_OK && rule;
	     rule = rule->next)
		err = check_rule(&r, rule);
	*why = r.why;
	if (err == S3_OK)
		*out = r.first;
	return err;
}

static void
write_values(struct buf *xml, const char *element, const struct cors_value *v)
{
	for (; v; v = v->next)
		xml_text(xml, element, v->text);
}

void
cors_rules_write(const struct cors_rule *rules, struct buf *xml)
{
	xml_prolog(xml);
	xml_open_ns(xml, "CORSConfiguration", XML_NS_S3);
	for (; rules; rules = rules->next) {
		xml_open(xml, "CORSRule");
		if (rules->id.p)
			xml_text(xml, "ID", rules->id);
		write_values(xml, "AllowedMethod", rules->methods);
		write_values(xml, "AllowedOrigin", rules->origins);
		write_values(xml, "AllowedHeader", rules->headers);
		if (rules->max_age_s >= 0)
			xml_u64(xml, "MaxAgeSeconds",
				(uint64_t)rules->max_age_s);
		write_values(xml, "ExposeHeader", rules->expose);
		xml_close(xml, "CORSRule");
	}
	xml_close(xml, "CORSConfiguration");
}

/* ---- the search --------------------------------------------------------- */

/* A pattern's * stands for any bytes, none included. */
static bool
pattern_matches(struct slice pattern, struct slice text, bool any_case)
{
	ptrdiff_t star = slice_chr(pattern, '*');
	struct slice head, tail, start, end;

	if (star < 0)
		return any_case ? slice_ieq(pattern, text)
				: slice_eq(pattern, text);
	head = slice_head(pattern, (size_t)star);
	tail = slice_from(pattern, (size_t)star + 1);
	if (text.n < head.n + tail.n)
		return false;
	start = slice_head(text, head.n);
	end = slice_from(text, text.n - tail.n);
	return any_case ? slice_ieq(start, head) && slice_ieq(end, tail)
			: slice_eq(start, head) && slice_eq(end, tail);
}

static bool
any_matches(const struct cors_value *v, struct slice text, bool any_case)
{
	for (; v; v = v->next)
		if (pattern_matches(v->text, text, any_case))
			return true;
	return false;
}

static bool
allows_headers(const struct cors_rule *r, struct slice headers)
{
	struct slice item;

	while (slice_cut(&headers, ',', &item)) {
		item = slice_trim(item);
		if (item.n && !any_matches(r->headers, item, true))
			return false;
	}
	return true;
}

const struct cors_rule *
cors_rules_find(const struct cors_rule *rules, struct slice origin,
		struct slice method, struct slice headers)
{
	for (; rules; rules = rules->next)
		if (any_matches(rules->origins, origin, false) &&
		    any_matches(rules->methods, method, false) &&
		    allows_headers(rules, headers))
			return rules;
	return NULL;
}

bool
cors_rule_is_open(const struct cors_rule *r)
{
	for (const struct cors_value *v = r->origins; v; v = v->next)
		if (slice_eq_str(v->text, "*"))
			return true;
	return false;
}
