/*
 * A table of members is walked in its own order; what is not in it counts as
 * unknown, and is refused where the table is the whole shape.
 */
#include "base/json_shape.h"

#define TEXTS_MAX 32

const cJSON *
json_member(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

static bool
text_ok(const cJSON *item)
{
	return cJSON_IsString(item) &&
	       strlen(item->valuestring) <= JSON_TEXT_MAX;
}

static bool
value_ok(const cJSON *item, const struct json_member *m)
{
	const cJSON *one;

	switch (m->kind) {
	case JSON_NUMBER:
	case JSON_INTEGER:
		return cJSON_IsNumber(item) && item->valuedouble >= m->min &&
		       item->valuedouble <= m->max &&
		       (m->kind == JSON_NUMBER ||
			item->valuedouble ==
			    (double)(int64_t)item->valuedouble);
	case JSON_TEXT:
		return text_ok(item);
	case JSON_BOOLEAN:
		return cJSON_IsBool(item);
	case JSON_OBJECT:
		return cJSON_IsObject(item);
	case JSON_TEXTS:
		if (!cJSON_IsArray(item) ||
		    cJSON_GetArraySize(item) > TEXTS_MAX)
			return false;
		cJSON_ArrayForEach(one, item) if (!text_ok(one)) return false;
		return true;
	}
	return false;
}

/* Every member of the table is right; with @closed there is no other. */
bool
json_row_ok(const cJSON *row, const struct json_member *table, size_t n,
	    bool closed)
{
	int known = 0;

	if (!cJSON_IsObject(row))
		return false;
	for (size_t i = 0; i < n; i++) {
		const cJSON *item = json_member(row, table[i].name);

		known += item != NULL;
		if (!item || cJSON_IsNull(item)) {
			if (table[i].required)
				return false;
		} else if (!value_ok(item, &table[i])) {
			return false;
		}
	}
	return !closed || known == cJSON_GetArraySize(row);
}

bool
json_rows_ok(const cJSON *rows, const struct json_member *table, size_t n,
	     bool closed, size_t max)
{
	const cJSON *row;
	size_t count = 0;

	if (!cJSON_IsArray(rows))
		return false;
	cJSON_ArrayForEach(
	    row, rows) if (++count > max ||
			   !json_row_ok(row, table, n, closed)) return false;
	return true;
}
