/*
 * Tags as the document that S3 speaks of them in.
 */
#include "base/xml_write.h"
#include "store/store.h"

void
store_put_tagging(struct buf *xml, const struct store_headers *tags)
{
	xml_prolog(xml);
	xml_open_ns(xml, "Tagging", XML_NS_S3);
	xml_open(xml, "TagSet");
	for (size_t i = 0; i < tags->n; i++) {
		xml_open(xml, "Tag");
		xml_text(xml, "Key", tags->v[i].name);
		xml_text(xml, "Value", tags->v[i].value);
		xml_close(xml, "Tag");
	}
	xml_close(xml, "TagSet");
	xml_close(xml, "Tagging");
}
