/*
 * Tables of members: kind, bounds, whether null is allowed. Rows that go into
 * tables of the database may have no other members; documents that are only
 * kept and shown may.
 */
#include "processor/result.h"
#include "processor/outputs.h"

#define TIME_MAX 1e9 /* seconds */
#define TEXT_MAX 1000

enum kind { NUMBER, INTEGER, TEXT, TEXTS, BOOLEAN, OBJECT };

struct member {
	const char *name;
	enum kind kind;
	bool required;
	double min, max; /* NUMBER, INTEGER */
};

/* clang-format off */
static const struct member segment_members[] = {
	{ "start_time", NUMBER, true, 0, TIME_MAX },
	{ "end_time", NUMBER, true, 0, TIME_MAX },
	{ "score", NUMBER, true, 0, 100 },
	{ "reasons", TEXTS, false, 0, 0 },
	{ "volume", NUMBER, false, -1e6, 1e6 },
	{ "pitch", NUMBER, false, 0, 1e6 },
	{ "speech_rate", NUMBER, false, 0, 1e6 },
	{ "emotional_tone", TEXT, false, 0, 0 },
	{ "motion_intensity", NUMBER, false, 0, 1e6 },
	{ "face_count", INTEGER, false, 0, 1e6 },
	{ "scene_change", BOOLEAN, false, 0, 0 },
	{ "text_present", BOOLEAN, false, 0, 0 },
	{ "components", OBJECT, false, 0, 0 }, /* no column: shown only */
};
static const struct member hook_members[] = {
	{ "timestamp", NUMBER, true, 0, TIME_MAX },
	{ "type", TEXT, true, 0, 0 },
	{ "confidence", NUMBER, false, 0, 1 },
	{ "text", TEXT, false, 0, 0 },
	{ "suggested_clip_start", NUMBER, false, 0, TIME_MAX },
	{ "suggested_clip_end", NUMBER, false, 0, TIME_MAX },
};
static const struct member suggestion_members[] = {
	{ "startTime", NUMBER, true, 0, TIME_MAX },
	{ "endTime", NUMBER, true, 0, TIME_MAX },
	{ "confidence", NUMBER, true, 0, 1 },
	{ "title", TEXT, true, 0, 0 },
	{ "description", TEXT, false, 0, 0 },
};
static const struct member thumb_members[] = {
	{ "file", TEXT, true, 0, 0 },
	{ "time", NUMBER, true, 0, TIME_MAX },
	{ "width", INTEGER, true, 1, OUTPUT_PIXELS_MAX },
	{ "height", INTEGER, true, 1, OUTPUT_PIXELS_MAX },
};
static const char *const hook_types[] = { "question", "statement", "visual",
					  "audio", "transition" };
/* clang-format on */

static const cJSON *
member(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

static bool
text_ok(const cJSON *item)
{
	return cJSON_IsString(item) && strlen(item->valuestring) <= TEXT_MAX;
}

static bool
value_ok(const cJSON *item, const struct member *m)
{
	const cJSON *one;

	switch (m->kind) {
	case NUMBER:
	case INTEGER:
		return cJSON_IsNumber(item) && item->valuedouble >= m->min &&
		       item->valuedouble <= m->max &&
		       (m->kind == NUMBER ||
			item->valuedouble ==
			    (double)(int64_t)item->valuedouble);
	case TEXT:
		return text_ok(item);
	case BOOLEAN:
		return cJSON_IsBool(item);
	case OBJECT:
		return cJSON_IsObject(item);
	case TEXTS:
		if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) > 32)
			return false;
		cJSON_ArrayForEach(one, item) if (!text_ok(one)) return false;
		return true;
	}
	return false;
}

/* Every member of the table is right; with @closed there is no other. */
static bool
row_ok(const cJSON *row, const struct member *table, size_t n, bool closed)
{
	int known = 0;

	if (!cJSON_IsObject(row))
		return false;
	for (size_t i = 0; i < n; i++) {
		const cJSON *item = member(row, table[i].name);

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

static bool
rows_ok(const cJSON *rows, const struct member *table, size_t n, bool closed)
{
	const cJSON *row;
	size_t count = 0;

	if (!cJSON_IsArray(rows))
		return false;
	cJSON_ArrayForEach(
	    row, rows) if (++count > RESULT_ROWS_MAX ||
			   !row_ok(row, table, n, closed)) return false;
	return true;
}

/* What a row's type cannot say: an end before its start, an unknown word. */
static bool
spans_ok(const cJSON *rows, const char *start, const char *end)
{
	const cJSON *row;

	cJSON_ArrayForEach(
	    row, rows) if (member(row, start)->valuedouble >=
			   member(row, end)->valuedouble) return false;
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

static bool
suggestions_ok(const cJSON *s)
{
	static const struct member overall = { "overallScore", NUMBER, false, 0,
					       1 };
	const cJSON *clips = member(s, "clips"), *one;
	const cJSON *moments = member(s, "bestMoments");

	if (!row_ok(s, &overall, 1, false) || !cJSON_IsArray(moments) ||
	    !rows_ok(clips, suggestion_members, ARRAY_LEN(suggestion_members),
		     false) ||
	    !spans_ok(clips, "startTime", "endTime"))
		return false;
	cJSON_ArrayForEach(one,
			   moments) if (!cJSON_IsNumber(one) ||
					!(one->valuedouble >= 0)) return false;
	return true;
}

int
analysis_check(const cJSON *doc, struct analysis *out, const char **why)
{
	const cJSON *scenes = member(doc, "scenes");

	*out = (struct analysis){
		.document = doc,
		.suggestions = member(doc, "suggestions"),
		.segments = member(doc, "segments"),
		.hooks = member(doc, "hooks"),
	};
	*why = "analysis";
	if (!cJSON_IsObject(doc) || !json_int(doc, "version", &out->version))
		return -1;
	*why = "analysis.scenes";
	if (!cJSON_IsArray(scenes))
		return -1;
	out->scenes = (size_t)cJSON_GetArraySize(scenes);
	*why = "analysis.segments";
	if (!rows_ok(out->segments, segment_members, ARRAY_LEN(segment_members),
		     true) ||
	    !spans_ok(out->segments, "start_time", "end_time"))
		return -1;
	*why = "analysis.hooks";
	if (!rows_ok(out->hooks, hook_members, ARRAY_LEN(hook_members), true) ||
	    !hook_types_ok(out->hooks))
		return -1;
	*why = "analysis.suggestions";
	return suggestions_ok(out->suggestions) ? 0 : -1;
}

static int
check_thumbs(const cJSON *list, struct result *out)
{
	const cJSON *item;

	if (!rows_ok(list, thumb_members, ARRAY_LEN(thumb_members), false) ||
	    cJSON_GetArraySize(list) > RESULT_THUMBS_MAX)
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		struct result_thumb *t = &out->thumbs[out->n_thumbs++];

		t->file = json_str(item, "file");
		t->time = member(item, "time")->valuedouble;
		t->width = (int)member(item, "width")->valuedouble;
		t->height = (int)member(item, "height")->valuedouble;
		if (!output_name_valid(t->file))
			return -1;
	}
	return 0;
}

/* The stream the analysis looked at; NULL: there is no picture. */
static const cJSON *
picture_stream(const cJSON *streams)
{
	const cJSON *stream;

	cJSON_ArrayForEach(stream, streams)
	{
		const char *type = json_str(stream, "codec_type");

		if (type && strcmp(type, "video") == 0 &&
		    json_bool(stream, "analysed", false))
			return stream;
	}
	return NULL;
}

/* Facts of the probe that the video's row repeats; all may be unknown. Width
 * and height are those of the upright picture. */
static int
check_facts(const cJSON *probe, struct result *out)
{
	static const struct member duration = { "duration", NUMBER, false, 0,
						TIME_MAX };
	static const struct member size[] = {
		{ "width", INTEGER, true, 1, 65536 },
		{ "height", INTEGER, true, 1, 65536 },
		{ "rotation", INTEGER, false, -360, 360 },
	};
	const cJSON *format = member(probe, "format");
	const cJSON *stream = picture_stream(member(probe, "streams"));
	int64_t v, turned = 0;

	if (!row_ok(format, &duration, 1, false))
		return -1;
	if (!json_num(format, "duration", &out->duration) &&
	    !json_num(member(probe, "decoded"), "duration", &out->duration))
		out->duration = -1;
	if (!stream)
		return 0;
	if (!row_ok(stream, size, ARRAY_LEN(size), false))
		return -1;
	if (json_int(stream, "rotation", &v))
		turned = v % 180;
	out->width =
	    (int)member(stream, turned ? "height" : "width")->valuedouble;
	out->height =
	    (int)member(stream, turned ? "width" : "height")->valuedouble;
	return 0;
}

int
result_check(const cJSON *frame, struct result *out, const char **why)
{
	const cJSON *poster = member(frame, "poster");

	*out = (struct result){ .probe = member(frame, "probe") };
	*why = "probe";
	if (check_facts(out->probe, out) != 0)
		return -1;
	*why = "poster";
	if (poster && !cJSON_IsNull(poster)) {
		out->poster = cJSON_GetStringValue(poster);
		if (!out->poster || !output_name_valid(out->poster))
			return -1;
	}
	*why = "thumbnails";
	if (check_thumbs(member(frame, "thumbnails"), out) != 0)
		return -1;
	return analysis_check(member(frame, "analysis"), &out->analysis, why);
}
