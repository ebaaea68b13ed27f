/*
 * Headers of a part: Content-Disposition, and the Content-Type.
 *
 * File names come in every dress: with paths (C:\fakepath\a.mp4), with quotes
 * escaped by a backslash or as %22, and from some libraries as
 * filename*=UTF-8''a%20b. A backslash is an escape before '"' and '\' only.
 */
#include "gateway/http/form_part.h"
#include "base/encode.h"
#include "gateway/http/http.h"

static struct slice
skip_blanks(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	return s;
}

static bool
is_escape(struct slice s, size_t i)
{
	return s.p[i] == '\\' && i + 1 < s.n &&
	       (s.p[i + 1] == '"' || s.p[i + 1] == '\\');
}

/* @s begins behind the quote; *rest behind the closing one. */
static int
quoted_string(struct slice s, struct arena *a, struct slice *rest,
	      struct slice *out)
{
	size_t end = 0, n = 0;
	char *p;

	while (end < s.n && s.p[end] != '"')
		end += is_escape(s, end) ? 2 : 1;
	if (end >= s.n)
		return -1;
	*rest = slice_from(s, end + 1);
	s = slice_head(s, end);
	p = arena_array(a, s.n + 1, 1);
	for (size_t i = 0; p && i < s.n; i++) {
		if (is_escape(s, i))
			i++;
		p[n++] = s.p[i];
	}
	*out = slice_mem(p, n);
	return p ? 0 : -1;
}

/* Bytes before the first blank or ';'. */
static struct slice
take_word(struct slice *rest)
{
	struct slice word;
	size_t n = 0;

	while (n < rest->n && !strchr(" \t;", rest->p[n]))
		n++;
	word = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return word;
}

int
form_param(struct slice *rest, struct arena *a, struct slice *name,
	   struct slice *value)
{
	struct slice s = skip_blanks(*rest);
	ptrdiff_t equals;

	/* "form-data;" with nothing behind it is common enough. */
	while (s.n && s.p[0] == ';')
		s = skip_blanks(slice_from(s, 1));
	if (s.n == 0)
		return 0;
	equals = slice_chr(s, '=');
	if (equals < 0)
		return -1;
	*name = slice_head(s, (size_t)equals);
	s = slice_from(s, (size_t)equals + 1);
	if (!http_is_token(*name))
		return -1;
	if (s.n && s.p[0] == '"') {
		if (quoted_string(slice_from(s, 1), a, &s, value) != 0)
			return -1;
	} else {
		*value = take_word(&s);
	}
	*rest = skip_blanks(s);
	return rest->n == 0 || rest->p[0] == ';' ? 1 : -1;
}

/* UTF-8''a%20b (RFC 8187) */
static int
extended_value(struct slice v, struct arena *a, struct slice *out)
{
	struct slice charset, language;
	struct buf b = BUF_INIT;
	int rc = -1;

	if (slice_cut(&v, '\'', &charset) && slice_cut(&v, '\'', &language) &&
	    v.p && slice_ieq_str(charset, "UTF-8") &&
	    uri_decode(&b, v, false) == 0) {
		*out = arena_copy(a, buf_slice(&b));
		rc = a->err ? -1 : 0;
	}
	buf_release(&b);
	return rc;
}

static struct slice
last_component(struct slice path)
{
	for (size_t i = path.n; i > 0; i--)
		if (path.p[i - 1] == '/' || path.p[i - 1] == '\\')
			return slice_from(path, i);
	return path;
}

/* form-data; name="a"; filename="b" */
static int
parse_disposition(struct slice value, struct arena *a, struct form_part *out)
{
	struct slice kind = take_word(&value), name, v;
	int more;

	if (!slice_ieq_str(kind, "form-data"))
		return -1;
	while ((more = form_param(&value, a, &name, &v)) > 0) {
		struct slice *to = NULL;

		if (slice_ieq_str(name, "name"))
			to = &out->name;
		else if (slice_ieq_str(name, "filename"))
			to = &out->filename;
		if (to && to->n)
			return -1; /* which of two is meant? */
		if (to)
			*to = v;
		if (slice_ieq_str(name, "filename*") && !out->filename.n &&
		    extended_value(v, a, &out->filename) != 0)
			return -1;
	}
	out->filename = last_component(out->filename);
	return more == 0 && out->name.n ? 0 : -1;
}

int
form_part_parse(struct slice lines, struct arena *a, struct form_part *out)
{
	struct slice line, name;
	bool found = false;

	*out = (struct form_part){ SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY };
	while (slice_cut(&lines, '\n', &line) && lines.p) {
		if (!slice_ends(line, SLICE("\r")))
			return -1;
		line = slice_head(line, line.n - 1);
		if (!slice_cut(&line, ':', &name) || !line.p ||
		    !http_is_token(name))
			return -1;
		if (slice_ieq_str(name, "Content-Type"))
			out->type = slice_trim(line);
		if (!slice_ieq_str(name, "Content-Disposition"))
			continue;
		if (found || parse_disposition(slice_trim(line), a, out) != 0)
			return -1;
		found = true;
	}
	return found ? 0 : -1;
}
