/*
 * cors.h - cross-origin requests to buckets: preflights and the headers of
 * actual answers, by the rules kept with the bucket (cors_rules.h).
 */
#ifndef GATEWAY_S3_CORS_H
#define GATEWAY_S3_CORS_H

#include "gateway/s3/s3.h"

/* Answers an OPTIONS request, which needs no signature. */
void cors_preflight(struct s3_request *rq);
/* Adds the headers of an actual request's answer, errors included. The rules
 * are read only when the request has an Origin. */
void cors_set_headers(struct s3_request *rq);

#endif
