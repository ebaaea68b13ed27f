/*
 * JSON reading: cJSON does the work, this file the bounds.
 */
#include "base/json.h"
#include "base/hash.h"

#include <math.h>

#define MEMBERS_MAX 1000

/*
 * What cJSON would let through: nesting past the bound (it recurses), bytes
 * that are no UTF-8, and NUL, raw or as \u0000, which would cut a C string
 * short. 0 or -1.
 */
static int
check_text(struct slice text)
{
	const struct slice nul = SLICE("u0000");
	bool in_string = false;
	int depth = 0;
	size_t n;

	for (size_t i = 0; i < text.n; i += n) {
		char c = text.p[i];

		n = slice_utf8(text, i);
		if (n == 0 || c == '\0')
			return -1;
		if (in_string && c == '\\') {
			if (slice_starts(slice_from(text, i + 1), nul))
				return -1;
			n = 2; /* an escaped byte is ASCII, or cJSON refuses */
		} else if (c == '"') {
			in_string = !in_string;
		} else if (!in_string && (c == '{' || c == '[')) {
			if (++depth > JSON_DEPTH_MAX)
				return -1;
		} else if (!in_string && (c == '}' || c == ']')) {
			depth--;
		}
	}
	return 0;
}

cJSON *
json_parse(struct slice text)
{
	const char *end = NULL;
	cJSON *doc;

	if (check_text(text) != 0)
		return NULL;
	doc = cJSON_ParseWithLengthOpts(text.p, text.n, &end, false);
	if (!doc)
		return NULL;
	for (; end < text.p + text.n; end++) {
		if (!strchr(" \t\r\n", *end)) {
			cJSON_Delete(doc);
			return NULL;
		}
	}
	return doc;
}

const char *
json_str(const cJSON *obj, const char *name)
{
	return cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(obj, name));
}

void
json_wipe(cJSON *obj, const char *name)
{
	char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(obj, name));

	if (text)
		secret_wipe(text, strlen(text));
}

bool
json_num(const cJSON *obj, const char *name, double *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(obj, name);

	if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
		return false;
	*out = item->valuedouble;
	return true;
}

bool
json_int(const cJSON *obj, const char *name, int64_t *out)
{
	double v;

	if (!json_num(obj, name, &v) || v != floor(v) ||
	    fabs(v) > 9007199254740992.0)
		return false;
	*out = (int64_t)v;
	return true;
}

bool
json_bool(const cJSON *obj, const char *name, bool fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(obj, name);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

bool
json_names_unique(const cJSON *obj)
{
	const cJSON *a, *b;

	if (cJSON_GetArraySize(obj) > MEMBERS_MAX)
		return false;
	cJSON_ArrayForEach(a, obj)
	{
		for (b = a->next; b; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				return false;
	}
	return true;
}

char *
json_text(const cJSON *obj)
{
	return cJSON_PrintUnformatted(obj);
}
