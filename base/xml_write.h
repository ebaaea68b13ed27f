/*
 * xml_write.h - XML text into a buf. Elements are closed by name, so a
 * document reads in the code as it reads on the wire. No indentation.
 */
#ifndef BASE_XML_WRITE_H
#define BASE_XML_WRITE_H

#include "base/buf.h"

#define XML_NS_S3 "http://s3.amazonaws.com/doc/2006-03-01/"

#define XML_PROLOG "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

void xml_prolog(struct buf *b);
void xml_open_ns(struct buf *b, const char *name, const char *ns);
/* Control bytes as character references, what is no UTF-8 as U+FFFD. */
void xml_escape(struct buf *b, struct slice text);

/* Inline, so that names, which are literals, go over as words. */
static inline void
xml_open(struct buf *b, const char *name)
{
	buf_putc(b, '<');
	buf_puts(b, name);
	buf_putc(b, '>');
}
static inline void
xml_close(struct buf *b, const char *name)
{
	buf_puts(b, "</");
	buf_puts(b, name);
	buf_putc(b, '>');
}
/* <name>text</name>, escaped. */
static inline void
xml_text(struct buf *b, const char *name, struct slice text)
{
	xml_open(b, name);
	xml_escape(b, text);
	xml_close(b, name);
}
/* Of a text in which nothing needs to be escaped. */
static inline void
xml_plain(struct buf *b, const char *name, struct slice text)
{
	xml_open(b, name);
	buf_put(b, text);
	xml_close(b, name);
}
static inline void
xml_u64(struct buf *b, const char *name, uint64_t v)
{
	xml_open(b, name);
	buf_u64(b, v);
	xml_close(b, name);
}
static inline void
xml_bool(struct buf *b, const char *name, bool v)
{
	xml_plain(b, name, v ? SLICE("true") : SLICE("false"));
}

#endif
