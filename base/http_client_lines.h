/*
 * http_client_lines.h - private to http_client: the header lines of a request.
 */
#ifndef BASE_HTTP_CLIENT_LINES_H
#define BASE_HTTP_CLIENT_LINES_H

#include "base/http_client.h"

struct curl_slist;
/* To be freed with libcurl's; NULL on memory shortage. A body above 1 MiB is
 * sent when the other side said so ("Expect: 100-continue"). */
struct curl_slist *http_client_lines(const struct http_client_call *call);

#endif
