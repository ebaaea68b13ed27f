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
xml_open(struct buf *b, const char *name)
{
	buf_printf(b, "<%s>", name);
}

void
xml_open_ns(struct buf *b, const char *name, const char *ns)
{
	buf_printf(b, "<%s xmlns=\"%s\">", name, ns);
}

void
xml_close(struct buf *b, const char *name)
{
	buf_printf(b, "</%s>", name);
}

void
xml_escape(struct buf *b, struct slice text)
{
	for (size_t i = 0, n; i < text.n; i += n) {
		unsigned char c = (unsigned char)text.p[i];

		n = slice_utf8(text, i);
		if (n != 1) {
			buf_put(b, n ? slice_mem(text.p + i, n)
				     : SLICE(REPLACEMENT));
			n += n == 0;
			continue;
		}
		switch (c) {
		case '&':
			buf_puts(b, "&amp;");
			break;
		case '<':
			buf_puts(b, "&lt;");
			break;
		case '>':
			buf_puts(b, "&gt;");
			break;
		case '"':
			buf_puts(b, "&quot;");
			break;
		default:
			if (c < 0x20 && c != '\t' && c != '\n')
				buf_printf(b, "&#x%x;", c);
			else
				buf_putc(b, (char)c);
		}
	}
}

void
xml_text(struct buf *b, const char *name, struct slice text)
{
	xml_open(b, name);
	xml_escape(b, text);
	xml_close(b, name);
}

void
xml_u64(struct buf *b, const char *name, uint64_t v)
{
	buf_printf(b, "<%s>%llu</%s>", name, (unsigned long long)v, name);
}

void
xml_bool(struct buf *b, const char *name, bool v)
{
	xml_text(b, name, v ? SLICE("true") : SLICE("false"));
}
