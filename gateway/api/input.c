/*
 * Reading what a caller sent: query parameters, pages, ids.
 */
#include "gateway/api/call.h"
#include "base/encode.h"
#include "base/random.h"

#include <ctype.h>

#define LIMIT_DEFAULT 20u
#define LIMIT_MAX 100u
#define PAGE_MAX 1000000u

/* Decoded text into the arena; NULL when it is no UTF-8 or holds a NUL. */
static const char *
decode(struct api_call *c, struct slice raw)
{
	struct slice text;

	if (uri_decode_text(&c->arena, raw, true, &text) != 0)
		return NULL;
	return arena_cstr(&c->arena, text);
}

const char *
api_query(struct api_call *c, const char *name)
{
	struct slice rest = c->http->raw_query, pair, value;

	if (rest.n == 0)
		return NULL;
	while (slice_cut(&rest, '&', &pair)) {
		value = pair;
		if (slice_cut(&value, '=', &pair) && slice_eq_str(pair, name))
			return decode(c, value.p ? value : SLICE_EMPTY);
	}
	return NULL;
}

bool
api_optional_text(struct api_call *c, const char *name, const char **out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->in, name);

	*out = cJSON_GetStringValue(item);
	if (*out || !item || cJSON_IsNull(item))
		return true;
	api_fail(c, 400, arena_printf(&c->arena, "%s must be a text", name).p);
	return false;
}

/* An optional number of 1..max; false when it is something else. */
static bool
query_number(struct api_call *c, const char *name, uint32_t max, uint32_t *out)
{
	const char *text = api_query(c, name);
	uint64_t v;

	if (!text)
		return true;
	if (slice_u64(slice_str(text), &v) != 0 || v < 1 || v > max)
		return false;
	*out = (uint32_t)v;
	return true;
}

bool
api_page(struct api_call *c, struct api_page *out)
{
	*out = (struct api_page){ .page = 1, .limit = LIMIT_DEFAULT };
	if (!query_number(c, "page", PAGE_MAX, &out->page) ||
	    !query_number(c, "limit", LIMIT_MAX, &out->limit)) {
		api_fail(c, 400, "Invalid page or limit");
		return false;
	}
	out->offset = (out->page - 1) * out->limit;
	return true;
}

void
api_put_pagination(struct buf *b, const struct api_page *p, uint64_t total)
{
	json_open_object(b, "pagination");
	json_put_u64(b, "page", p->page);
	json_put_u64(b, "limit", p->limit);
	json_put_u64(b, "total", total);
	json_put_u64(b, "pages", (total + p->limit - 1) / p->limit);
	json_close_object(b);
}

const char *
api_uuid(struct api_call *c, const char *text)
{
	char *id;

	if (!uuid_valid(slice_str(text)))
		return NULL;
	id = arena_cstr(&c->arena, slice_str(text));
	for (char *p = id; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return id;
}
