/*
 * token.h - continuation tokens: the place where a page ended, opaque to the
 * client. They hold all there is to know, so they survive restarts; a check
 * sum finds those that were changed or cut off. Threads: any.
 */
#ifndef GATEWAY_S3_TOKEN_H
#define GATEWAY_S3_TOKEN_H

#include "base/arena.h"
#include "base/buf.h"

/* @kind: a letter for what @name is, the caller's own. */
void token_write(struct buf *out, char kind, struct slice name);
/* 0, or -1 for what token_write() did not make. */
int MUST_CHECK token_read(struct arena *a, struct slice token, char *kind,
			  struct slice *name);

#endif
