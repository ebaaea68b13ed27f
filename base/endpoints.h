/*
 * endpoints.h - lists of endpoints as settings hold them: URL or NAME=URL,
 * separated by blanks. Threads: any.
 */
#ifndef BASE_ENDPOINTS_H
#define BASE_ENDPOINTS_H

#include "base/slice.h"

#define ENDPOINTS_MAX 16
#define ENDPOINT_NAME_MAX 64  /* bytes: letters, digits, '_', '-' */
#define ENDPOINT_URL_MAX 2048 /* bytes */

struct endpoint {
	struct slice name; /* empty: it has none */
	struct slice url;  /* http:// or https://, with a host */
};
struct endpoints {
	struct endpoint v[ENDPOINTS_MAX];
	size_t n;
};

/*
 * endpoints_parse - views into @text; an empty text is none. Names stand once,
 * so one alone may have no name. 0, or -1 with a reason in *why that holds
 * nothing of a URL.
 */
int MUST_CHECK endpoints_parse(struct slice text, struct endpoints *out,
			       const char **why);
/* NULL when there is none of that name. */
const struct endpoint *endpoints_find(const struct endpoints *list,
				      struct slice name);

#endif
