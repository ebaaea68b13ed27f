/*
 * GET /: what answers here, for a person who opens the port in a browser.
 */
#include "gateway/api/call.h"

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>Reelgate</title>\n"
    "<style>\n"
    "body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem;\n"
    "       margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }\n"
    "code { font-size: .95em }\n"
    "</style>\n"
    "<main>\n"
    "<h1>Reelgate</h1>\n"
    "<p>The video API of this machine. Objects are kept by the S3 endpoint\n"
    "on its own port; both addresses stand in <code>run/endpoints</code> of\n"
    "the data directory.</p>\n"
    "<ul>\n"
    "<li><code>/api/videos</code>, <code>/api/clips</code>: uploads, videos\n"
    "and clips, with a user's token (<code>reelgate token</code>)</li>\n"
    "<li><a href=\"/health/ready\"><code>/health/ready</code></a>: is\n"
    "everything there?</li>\n"
    "<li><a href=\"/metrics\"><code>/metrics</code></a>: figures for\n"
    "Prometheus</li>\n"
    "</ul>\n"
    "<p>The endpoints are described in <code>docs/video-api.md</code>.</p>\n"
    "</main>\n"
    "</html>\n";

void
api_home(struct api_call *c)
{
	http_set_header(c->http, "Content-Type",
			SLICE("text/html; charset=utf-8"));
	http_set_header(c->http, "Content-Security-Policy",
			SLICE("default-src 'none'; style-src 'unsafe-inline'; "
			      "frame-ancestors 'none'"));
	http_set_header(c->http, "X-Content-Type-Options", SLICE("nosniff"));
	http_answer(c->http, 200, SLICE(page));
}
