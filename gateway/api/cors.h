/*
 * cors.h - which browsers' pages may call the API (Fetch standard, "CORS
 * protocol"), by CORS_ALLOWED_ORIGINS. Never with credentials: callers send
 * an Authorization header of their own.
 */
#ifndef GATEWAY_API_CORS_H
#define GATEWAY_API_CORS_H

#include "gateway/api/call.h"

/* Sets the headers of an answer to a page's request; nothing for other
 * requests and for origins not allowed. */
void api_cors_set(struct api_call *c);
/* Answers OPTIONS; @methods: what the path takes, "GET, POST". */
void api_cors_preflight(struct api_call *c, const char *methods);

#endif
