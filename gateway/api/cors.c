/*
 * CORS of the video API. The list of origins is compared as text, as browsers
 * send them: scheme://host[:port], lower case.
 */
#include "gateway/api/cors.h"

#define MAX_AGE_S 3600

static bool
any_origin(const struct conf *conf)
{
	return !strcmp(conf->cors_allowed_origins, "*");
}

static bool
origin_allowed(const struct conf *conf, struct slice origin)
{
	struct slice rest = slice_str(conf->cors_allowed_origins), item;

	if (any_origin(conf))
		return true;
	while (slice_cut(&rest, ',', &item)) {
		item = slice_trim(item);
		if (item.n > 0 && slice_ieq(item, origin))
			return true;
	}
	return false;
}

void
api_cors_set(struct api_call *c)
{
	const struct conf *conf = c->api->conf.conf;
	struct slice origin = http_header_get(c->http, "Origin");

	if (!any_origin(conf))
		http_set_header(c->http, "Vary", SLICE("Origin"));
	if (!origin.p || !origin_allowed(conf, origin))
		return;
	http_set_header(c->http, "Access-Control-Allow-Origin",
			any_origin(conf) ? SLICE("*") : origin);
	http_set_header(c->http, "Access-Control-Expose-Headers",
			SLICE("ETag, Retry-After, x-amz-request-id"));
}

void
api_cors_preflight(struct api_call *c, const char *methods)
{
	http_set_headerf(c->http, "Allow", "%s, OPTIONS", methods);
	if (http_header_has(c->http, "Access-Control-Request-Method")) {
		http_set_header(c->http, "Access-Control-Allow-Methods",
				slice_str(methods));
		http_set_header(
		    c->http, "Access-Control-Allow-Headers",
		    SLICE("Authorization, Content-Type, If-None-Match, "
			  "Last-Event-ID"));
		http_set_headerf(c->http, "Access-Control-Max-Age", "%d",
				 MAX_AGE_S);
	}
	http_answer(c->http, 204, SLICE_EMPTY);
}
