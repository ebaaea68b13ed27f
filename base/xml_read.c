/*
 * expat drives a path string; rules are found by comparing whole paths.
 * Text is kept for the innermost element only: S3's documents have no mixed
 * content.
 */
#include "base/xml_read.h"
#include "base/buf.h"

#include <expat.h>

struct reader {
	XML_Parser expat;
	const struct xml_rule *rules;
	size_t n;
	void *ctx;
	struct buf path; /* "Delete/Object/Key" */
	struct buf text;
	int depth;
	bool strict;
	bool failed;
};

static void
fail(struct reader *r)
{
	r->failed = true;
	XML_StopParser(r->expat, XML_FALSE);
}

/* As it stands in a path: without a namespace prefix. */
static struct slice
step_of(const struct reader *r, int depth, const char *name)
{
	const char *colon = strrchr(name, ':');

	if (depth == 0 && r->n && r->rules[0].path[0] == '*')
		return SLICE("*");
	return slice_str(colon ? colon + 1 : name);
}

static const struct xml_rule *
find_rule(const struct reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_eq_str(buf_slice(&r->path), r->rules[i].path))
			return &r->rules[i];
	return NULL;
}

/* A rule is about this element, or about one below it. */
static bool
is_known(const struct reader *r)
{
	struct slice here = buf_slice(&r->path);

	for (size_t i = 0; i < r->n; i++) {
		struct slice path = slice_str(r->rules[i].path);

		if (slice_starts(path, here) &&
		    (path.n == here.n || path.p[here.n] == '/'))
			return true;
	}
	return false;
}

static void XMLCALL
on_start(void *data, const char *name, const char **attrs)
{
	struct reader *r = data;
	const struct xml_rule *rule;

	(void)attrs;
	if (r->failed)
		return;
	rule = find_rule(r);
	if (rule && rule->end && !rule->start) {
		fail(r);
		return;
	}
	if (r->depth)
		buf_putc(&r->path, '/');
	buf_put(&r->path, step_of(r, r->depth++, name));
	buf_clear(&r->text);
	if (r->depth > XML_DEPTH_MAX || !buf_ok(&r->path) ||
	    ((r->depth == 1 || r->strict) && !is_known(r))) {
		fail(r);
		return;
	}
	rule = find_rule(r);
	if (rule && rule->start && rule->start(r->ctx) != 0)
		fail(r);
}

static void XMLCALL
on_end(void *data, const char *name)
{
	struct reader *r = data;
	const struct xml_rule *rule;
	size_t n;

	if (r->failed)
		return;
	rule = find_rule(r);
	if (!buf_ok(&r->text) ||
	    (rule && rule->end &&
	     rule->end(r->ctx, buf_slice(&r->text)) != 0)) {
		fail(r);
		return;
	}
	buf_clear(&r->text);
	n = step_of(r, --r->depth, name).n;
	r->path.n -= n + (r->depth ? 1 : 0);
	r->path.p[r->path.n] = '\0';
}

static void XMLCALL
on_text(void *data, const char *s, int n)
{
	struct reader *r = data;

	if (!r->failed)
		buf_add(&r->text, s, (size_t)n);
}

static void XMLCALL
on_doctype(void *data, const char *name, const char *sysid, const char *pubid,
	   int has_internal)
{
	(void)name, (void)sysid, (void)pubid, (void)has_internal;
	fail(data);
}

static int
read_document(struct slice doc, const struct xml_rule *rules, size_t n,
	      void *ctx, bool strict)
{
	struct reader r = { .rules = rules,
			    .n = n,
			    .ctx = ctx,
			    .strict = strict,
			    .path = BUF_MAX(XML_PATH_MAX),
			    .text = BUF_MAX(XML_TEXT_MAX) };
	int rc = -1;

	if (doc.n > INT32_MAX)
		return -1;
	r.expat = XML_ParserCreate(NULL);
	if (!r.expat)
		return -1;
	XML_SetUserData(r.expat, &r);
	XML_SetElementHandler(r.expat, on_start, on_end);
	XML_SetCharacterDataHandler(r.expat, on_text);
	XML_SetStartDoctypeDeclHandler(r.expat, on_doctype);
	if (XML_Parse(r.expat, doc.p, (int)doc.n, XML_TRUE) == XML_STATUS_OK &&
	    !r.failed)
		rc = 0;
	XML_ParserFree(r.expat);
	buf_release(&r.path);
	buf_release(&r.text);
	return rc;
}

int
xml_read(struct slice doc, const struct xml_rule *rules, size_t n, void *ctx)
{
	return read_document(doc, rules, n, ctx, false);
}

int
xml_read_strict(struct slice doc, const struct xml_rule *rules, size_t n,
		void *ctx)
{
	return read_document(doc, rules, n, ctx, true);
}
