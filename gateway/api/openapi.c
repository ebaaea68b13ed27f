/*
 * GET /api/openapi.json: the description of this API, openapi.json of this
 * folder as it was when the program was built. The tests hold every answer
 * they get against it.
 */
#include "gateway/api/call.h"

void
api_openapi(struct api_call *c)
{
	const struct slice text = slice_str(api_openapi_text);

	if (!api_not_modified(c, "public, no-cache", text))
		http_answer(c->http, 200, text);
}
