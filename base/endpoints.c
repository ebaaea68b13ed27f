/*
 * A word is a URL when it begins like one, else its name ends at the first
 * '=': queries have more of them.
 */
#include "base/endpoints.h"

static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789_-",
			    s.p[i]) ||
		    s.p[i] == '\0')
			return false;
	return s.n > 0 && s.n <= ENDPOINT_NAME_MAX;
}

/* What the URL names behind its scheme; empty when that is no HTTP. */
static struct slice
behind_scheme(struct slice url)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (slice_starts(url, slice_str(schemes[i])))
			return slice_from(url, strlen(schemes[i]));
	return SLICE_EMPTY;
}

static bool
is_url(struct slice s)
{
	struct slice rest = behind_scheme(s);

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return rest.n > 0 && !strchr("/?#", rest.p[0]) &&
	       s.n <= ENDPOINT_URL_MAX;
}

static const char *
add(struct endpoints *out, struct slice word)
{
	struct endpoint e = { .name = SLICE_EMPTY, .url = word };

	if (behind_scheme(word).n == 0) {
		slice_cut(&e.url, '=', &e.name);
		if (!is_name(e.name))
			return "a name is letters, digits, _ and -, before =";
	}
	if (!e.url.p || !is_url(e.url))
		return "a URL begins with http:// or https:// and a host";
	if (endpoints_find(out, e.name))
		return "each of several has a name of its own, NAME=URL";
	if (out->n == ENDPOINTS_MAX)
		return "more than 16";
	out->v[out->n++] = e;
	return NULL;
}

int
endpoints_parse(struct slice text, struct endpoints *out, const char **why)
{
	struct slice word;

	*out = (struct endpoints){ 0 };
	*why = NULL;
	while (!*why && slice_cut(&text, ' ', &word))
		if (word.n)
			*why = add(out, word);
	if (!*why)
		return 0;
	out->n = 0;
	return -1;
}

const struct endpoint *
endpoints_find(const struct endpoints *list, struct slice name)
{
	for (size_t i = 0; i < list->n; i++)
		if (slice_eq(list->v[i].name, name))
			return &list->v[i];
	return NULL;
}
