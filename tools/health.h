/*
 * health.h - asks a running gateway how it is. Threads: one.
 */
#ifndef TOOLS_HEALTH_H
#define TOOLS_HEALTH_H

#include "base/buf.h"

/*
 * health_get - GET @path of the service at @endpoint ("http://127.0.0.1:9001"),
 * at most 3 s. Returns the HTTP status, its body appended to @body (may be
 * NULL), or 0 when nothing answers.
 */
unsigned health_get(const char *endpoint, const char *path, struct buf *body);

#endif
