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
void xml_open(struct buf *b, const char *name);
void xml_open_ns(struct buf *b, const char *name, const char *ns);
void xml_close(struct buf *b, const char *name);
/* <name>text</name>, escaped; control bytes as character references, what is
 * no UTF-8 as U+FFFD. */
void xml_text(struct buf *b, const char *name, struct slice text);
void xml_u64(struct buf *b, const char *name, uint64_t v);
void xml_bool(struct buf *b, const char *name, bool v);
void xml_escape(struct buf *b, struct slice text);

#endif
