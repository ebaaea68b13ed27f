/*
 * cors_rules.h - a bucket's CORSConfiguration: read, written, and searched
 * ("CORSRule", Amazon S3 API reference; "Elements of a CORS configuration",
 * user guide). No request and no store in here. Threads: any.
 */
#ifndef GATEWAY_S3_CORS_RULES_H
#define GATEWAY_S3_CORS_RULES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/s3_error.h"

#define CORS_RULES_MAX 100
#define CORS_ID_MAX 255 /* characters */

/* Values of one kind in their order. */
struct cors_value {
	struct slice text;
	struct cors_value *next;
};

struct cors_rule {
	struct slice id; /* .p NULL: none */
	struct cors_value *methods;
	struct cors_value *origins; /* with at most one * each */
	struct cors_value *headers; /* likewise */
	struct cors_value *expose;
	int64_t max_age_s; /* -1: none */
	struct cors_rule *next;
};

/*
 * cors_rules_read - the rules of a document, in @a. MALFORMED_XML, or
 * INVALID_REQUEST with the reason in *why, which is NULL else.
 */
enum s3_error MUST_CHECK cors_rules_read(struct slice doc, struct arena *a,
					 struct cors_rule **out,
					 const char **why);
/* The document, as GetBucketCors answers it. */
void cors_rules_write(const struct cors_rule *rules, struct buf *xml);

/*
 * cors_rules_find - the first rule that allows @origin to send @method with
 * all of @headers (a list as in Access-Control-Request-Headers), or NULL.
 * Header names match in any case, origins as they are.
 */
const struct cors_rule *cors_rules_find(const struct cors_rule *rules,
					struct slice origin,
					struct slice method,
					struct slice headers);
/* The rule allows every origin by "*". */
bool cors_rule_is_open(const struct cors_rule *r);

#endif
