/*
 * cors.h - cross-origin requests to buckets, by rules as in a bucket's
 * CORSConfiguration. The default bucket has one rule, other buckets none.
 */
#ifndef GATEWAY_S3_CORS_H
#define GATEWAY_S3_CORS_H

#include "gateway/s3/s3.h"

/* Lists end with NULL; "*" stands for any. */
struct cors_rule {
	const char *const *origins;
	const char *const *methods;
	const char *const *headers;
	const char *const *expose;
	unsigned max_age_s;
};

/* The rules of a bucket; n is 0 when CORS is not enabled for it. */
const struct cors_rule *cors_rules(const struct s3_world *w,
				   struct slice bucket, size_t *n);
/* Answers an OPTIONS request, which needs no signature. */
void cors_preflight(struct s3_request *rq);
/* Adds the headers of an actual request's answer, errors included. */
void cors_set_headers(struct s3_request *rq);

#endif
