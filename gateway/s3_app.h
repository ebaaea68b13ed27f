/*
 * s3_app.h - the S3 API as an application of the HTTP server.
 */
#ifndef GATEWAY_S3_APP_H
#define GATEWAY_S3_APP_H

#include "gateway/http.h"

extern const struct http_app s3_app;

#endif
