/*
 * json_shape.h - is a document what it should be? Tables of members: kind,
 * bounds, whether it may be absent. For documents of others that go into a
 * database or to a reader. Threads: any.
 */
#ifndef BASE_JSON_SHAPE_H
#define BASE_JSON_SHAPE_H

#include "base/json.h"

#define JSON_TEXT_MAX 1000 /* bytes of a text */

enum json_kind {
	JSON_NUMBER,
	JSON_INTEGER,
	JSON_TEXT,
	JSON_TEXTS, /* an array of at most 32 */
	JSON_BOOLEAN,
	JSON_OBJECT
};

struct json_member {
	const char *name;
	enum json_kind kind;
	bool required;
	double min, max; /* JSON_NUMBER, JSON_INTEGER */
};

/* The member, NULL when absent. */
const cJSON *json_member(const cJSON *obj, const char *name);
/* An object whose members of the table are right; one that is not required
 * may be absent or null. With @closed there is no other. */
bool json_row_ok(const cJSON *row, const struct json_member *table, size_t n,
		 bool closed);
/* An array of at most @max such objects. */
bool json_rows_ok(const cJSON *rows, const struct json_member *table, size_t n,
		  bool closed, size_t max);

#endif
