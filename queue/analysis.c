/*
 * Rows that go into tables have no other members than the table; suggestions
 * are only kept and shown, and may have more.
 */
#include "queue/analysis.h"

#define TIME_MAX 1e9 /* seconds */

/* clang-format off */
static const struct json_member segment_members[] = {
	{ "start_time", JSON_NUMBER, true, 0, TIME_MAX },
	{ "end_time", JSON_NUMBER, true, 0, TIME_MAX },
	{ "score", JSON_NUMBER, true, 0, 100 },
	{ "reasons", JSON_TEXTS, false, 0, 0 },
	{ "volume", JSON_NUMBER, false, -1e6, 1e6 },
	{ "pitch", JSON_NUMBER, false, 0, 1e6 },
	{ "speech_rate", JSON_NUMBER, false, 0, 1e6 },
	{ "emotional_tone", JSON_TEXT, false, 0, 0 },
	{ "motion_intensity", JSON_NUMBER, false, 0, 1e6 },
	{ "face_count", JSON_INTEGER, false, 0, 1e6 },
	{ "scene_change", JSON_BOOLEAN, false, 0, 0 },
	{ "text_present", JSON_BOOLEAN, false, 0, 0 },
	{ "components", JSON_OBJECT, false, 0, 0 }, /* no column: shown only */
};
static const struct json_member hook_members[] = {
	{ "timestamp", JSON_NUMBER, true, 0, TIME_MAX },
	{ "type", JSON_TEXT, true, 0, 0 },
	{ "confidence", JSON_NUMBER, false, 0, 1 },
	{ "text", JSON_TEXT, false, 0, 0 },
	{ "suggested_clip_start", JSON_NUMBER, false, 0, TIME_MAX },
	{ "suggested_clip_end", JSON_NUMBER, false, 0, TIME_MAX },
};
static const struct json_member suggestion_members[] = {
	{ "startTime", JSON_NUMBER, true, 0, TIME_MAX },
	{ "endTime", JSON_NUMBER, true, 0, TIME_MAX },
	{ "confidence", JSON_NUMBER, true, 0, 1 },
	{ "title", JSON_TEXT, true, 0, 0 },
	{ "description", JSON_TEXT, false, 0, 0 },
};
static const char *const hook_types[] = { "question", "statement", "visual",
					  "audio", "transition" };
/* clang-format on */

/* What a row's type cannot say: an end before its start, an unknown word. */
static bool
spans_ok(const cJSON *rows, const char *start, const char *end)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, rows)
	{
		if (json_member(row, start)->valuedouble >=
		    json_member(row, end)->valuedouble)
			return false;
	}
	return true;
}

static bool
hook_types_ok(const cJSON *hooks)
{
	const cJSON *hook;

	cJSON_ArrayForEach(hook, hooks)
	{
		const char *type = json_str(hook, "type");
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(hook_types); i++)
			known = known || strcmp(type, hook_types[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

bool
analysis_suggestions_ok(const cJSON *s)
{
	static const struct json_member overall = { "overallScore", JSON_NUMBER,
						    false, 0, 1 };
	const cJSON *clips = json_member(s, "clips"), *one;
	const cJSON *moments = json_member(s, "bestMoments");

	if (!json_row_ok(s, &overall, 1, false) || !cJSON_IsArray(moments) ||
	    !json_rows_ok(clips, suggestion_members,
			  ARRAY_LEN(suggestion_members), false,
			  ANALYSIS_ROWS_MAX) ||
	    !spans_ok(clips, "startTime", "endTime"))
		return false;
	cJSON_ArrayForEach(one, moments)
	{
		if (!cJSON_IsNumber(one) || !(one->valuedouble >= 0))
			return false;
	}
	return true;
}

bool
analysis_segments_ok(const cJSON *s)
{
	return json_rows_ok(s, segment_members, ARRAY_LEN(segment_members),
			    true, ANALYSIS_ROWS_MAX) &&
	       spans_ok(s, "start_time", "end_time");
}

bool
analysis_hooks_ok(const cJSON *s)
{
	return json_rows_ok(s, hook_members, ARRAY_LEN(hook_members), true,
			    ANALYSIS_ROWS_MAX) &&
	       hook_types_ok(s);
}

bool
analysis_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return n > 0 && n <= ANALYSIS_NAME_MAX && name[n] == '\0' &&
	       name[0] != '.';
}
