/*
 * json.h - bounded JSON reading on cJSON, and typed access to members.
 * cJSON recurses per level; json_parse() refuses depth first, because
 * connection threads have 256 KiB of stack. Threads: any.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/slice.h"
#include <cjson/cJSON.h>

#define JSON_DEPTH_MAX 32

/* One whole document (RFC 8259: UTF-8; NUL refused, \u0000 too), else NULL.
 * Free with cJSON_Delete(). */
cJSON *json_parse(struct slice text);
/* The member's text; NULL when absent or no string. Owned by obj. */
const char *json_str(const cJSON *obj, const char *name);
/* false when absent, no number, or no integer within +-2^53. */
bool json_int(const cJSON *obj, const char *name, int64_t *out);
bool json_num(const cJSON *obj, const char *name, double *out);
bool json_bool(const cJSON *obj, const char *name, bool fallback);
/* Every name stands once (RFC 8259 §4: else the meaning is a guess). False
 * beyond 1000 members, too, which would take long to compare. */
bool json_names_unique(const cJSON *obj);
/* Wipes the text of a member that is a secret; fine when there is none. */
void json_wipe(cJSON *obj, const char *name);
/* A malloc'd compact text, NULL on memory shortage. */
char *json_text(const cJSON *obj);

#endif
