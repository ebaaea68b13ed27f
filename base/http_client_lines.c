/*
 * Header lines as libcurl wants them.
 */
#include "base/http_client_lines.h"

#include <curl/curl.h>

#define EXPECT_ABOVE (1u << 20)

static struct curl_slist *
list_add(struct curl_slist *list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(list, line);

	if (!longer)
		curl_slist_free_all(list);
	return longer;
}

/* The caller's lines, with the headers off that libcurl adds unasked. An
 * empty value is written "Name;" for libcurl, "Name:" would remove it. */
struct curl_slist *
http_client_lines(const struct http_client_call *call)
{
	struct curl_slist *list = curl_slist_append(NULL, "Accept:");
	struct slice rest = call->headers, line;
	char *copy;

	if (list && (!call->body || call->body->size <= EXPECT_ABOVE))
		list = list_add(list, "Expect:");
	if (list && call->body)
		list = list_add(list, "Content-Type:");
	while (list && rest.n && slice_cut(&rest, '\n', &line)) {
		while (line.n && strchr("\r \t", line.p[line.n - 1]))
			line.n--;
		if (line.n == 0)
			continue;
		copy = strndup(line.p, line.n);
		if (!copy) {
			curl_slist_free_all(list);
			return NULL;
		}
		if (copy[line.n - 1] == ':')
			copy[line.n - 1] = ';';
		list = list_add(list, copy);
		free(copy);
	}
	return list;
}
