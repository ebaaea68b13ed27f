/*
 * xml_read.h - flat reading of small XML documents by element paths.
 *
 * A reader is a table of rules: the path of an element from the root
 * ("Delete/Object/Key") and what to do at its start and at its end, with the
 * text collected between. Elements without a rule are ignored with all below
 * them. A root of "*" in all paths stands for one of any name. Namespace
 * prefixes and declarations are ignored, as S3 does.
 * DOCTYPE and entities are refused. Threads: any.
 */
#ifndef BASE_XML_READ_H
#define BASE_XML_READ_H

#include "base/slice.h"

#define XML_DEPTH_MAX 16
#define XML_PATH_MAX 256
#define XML_TEXT_MAX 4096

struct xml_rule {
	const char *path;
	/* Either may be NULL. Non-zero ends the parse with -1. A rule with an
	 * end alone wants text: such an element may hold no others. */
	int (*start)(void *ctx);
	int (*end)(void *ctx, struct slice text);
};

/*
 * xml_read - parses @doc by @rules (n of them).
 * Returns 0; -1 when not well-formed, the root element is not the first path
 * component of any rule, a bound is passed, or a callback refused.
 */
int MUST_CHECK xml_read(struct slice doc, const struct xml_rule *rules,
			size_t n, void *ctx);
/* The same, but an element that no rule is about, nor about anything below
 * it, is refused: for documents that S3 validates against a schema. */
int MUST_CHECK xml_read_strict(struct slice doc, const struct xml_rule *rules,
			       size_t n, void *ctx);

#endif
