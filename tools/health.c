/*
 * A GET by base's HTTP client.
 */
#include "tools/health.h"
#include "base/http_client.h"

unsigned
health_get(const char *endpoint, const char *path, struct buf *body)
{
	struct http_client *client = http_client_new();
	struct http_client_answer answer = { 0 };
	struct buf url = BUF_INIT;
	unsigned status = 0;

	buf_printf(&url, "%s%s", endpoint, path);
	if (client && buf_ok(&url)) {
		const struct http_client_call call = { .method = "GET",
						       .url = url.p,
						       .answer_max = 65536,
						       .timeout_ms = 3000 };

		if (http_client_run(client, &call, &answer) == HTTP_CLIENT_OK)
			status = answer.status;
		if (body)
			buf_put(body, buf_slice(&answer.body));
		http_client_answer_release(&answer);
	}
	buf_release(&url);
	http_client_free(client);
	return status;
}
