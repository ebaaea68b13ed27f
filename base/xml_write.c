/*
 * The XML writer. Bytes that XML 1.0 cannot hold are written as character
 * references, as AWS does; clients that need them use encoding-type=url. What
 * is no UTF-8 (a header's value in an error) is written as U+FFFD.
 */
#include "base/xml_write.h"

#define REPLACEMENT "\xef\xbf\xbd"

void
xml_prolog(struct buf *b)
{
	buf_puts(b, XML_PROLOG);
}

void
xml_open_ns(struct buf *b, const char *name, const char *ns)
{
	buf_printf(b, "<%s xmlns=\"%s\">", name, ns);
}

/* What stands for a character, or NULL: it stands for itself. */
static const char *
entity(unsigned char c, char hex[8])
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\t':
	case '\n':
		return NULL;
	default:
		if (c >= 0x20)
			return NULL;
		snprintf(hex, 8, "&#x%x;", c);
		return hex;
	}
}

/* Characters that stand for themselves, and are most of what comes. */
static bool
is_plain(char c)
{
	unsigned char u = (unsigned char)c;

	return (u > '>' && u < 0x80) || (u > '&' && u < '<') || u == ' ';
}

/* Runs that stay as they are go over in one piece. */
void
xml_escape(struct buf *b, struct slice text)
{
	size_t from = 0, n;
	char hex[8];

	for (size_t i = 0; i < text.n; i += n) {
		const char *other;

		n = 1;
		if (is_plain(text.p[i]))
			continue;
		n = slice_utf8(text, i);
		other = n == 0	 ? REPLACEMENT
			: n == 1 ? entity((unsigned char)text.p[i], hex)
				 : NULL;
		n += n == 0;
		if (!other)
			continue;
		buf_add(b, text.p + from, i - from);
		buf_puts(b, other);
		from = i + n;
	}
	if (text.n > from)
		buf_add(b, text.p + from, text.n - from);
}
