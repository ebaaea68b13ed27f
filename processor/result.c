/*
 * The result frame by tables of members. Its analysis is checked where its
 * shape belongs, in the queue.
 */
#include "processor/result.h"
#include "processor/outputs.h"
#include "queue/analysis.h"

#define TIME_MAX 1e9 /* seconds */

/* clang-format off */
static const struct json_member thumb_members[] = {
	{ "file", JSON_TEXT, true, 0, 0 },
	{ "time", JSON_NUMBER, true, 0, TIME_MAX },
	{ "width", JSON_INTEGER, true, 1, OUTPUT_PIXELS_MAX },
	{ "height", JSON_INTEGER, true, 1, OUTPUT_PIXELS_MAX },
};
static const struct json_member file_members[] = {
	{ "role", JSON_TEXT, true, 0, 0 },
	{ "file", JSON_TEXT, true, 0, 0 },
};
/* clang-format on */

int
analysis_check(const cJSON *doc, struct analysis *out, const char **why)
{
	const cJSON *scenes = json_member(doc, "scenes");

	*out = (struct analysis){
		.document = doc,
		.suggestions = json_member(doc, "suggestions"),
		.segments = json_member(doc, "segments"),
		.hooks = json_member(doc, "hooks"),
	};
	*why = "analysis";
	if (!cJSON_IsObject(doc) || !json_int(doc, "version", &out->version))
		return -1;
	*why = "analysis.scenes";
	if (!cJSON_IsArray(scenes))
		return -1;
	out->scenes = (size_t)cJSON_GetArraySize(scenes);
	*why = "analysis.segments";
	if (!analysis_segments_ok(out->segments))
		return -1;
	*why = "analysis.hooks";
	if (!analysis_hooks_ok(out->hooks))
		return -1;
	*why = "analysis.suggestions";
	return analysis_suggestions_ok(out->suggestions) ? 0 : -1;
}

static bool
is_listed(const struct result *r, const char *file)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i].file, file) == 0)
			return true;
	return false;
}

/* Every one of a kind we publish, none twice. */
int
result_check_files(const cJSON *frame, struct result *out, const char **why)
{
	const cJSON *list = json_member(frame, "files"), *item;

	*out = (struct result){ 0 };
	*why = "files";
	if (!json_rows_ok(list, file_members, ARRAY_LEN(file_members), false,
			  RESULT_FILES_MAX))
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		struct result_file f = { json_str(item, "role"),
					 json_str(item, "file") };

		if (!analysis_name_ok(f.role) || !analysis_name_ok(f.file) ||
		    output_kind_of(f.file) == OUTPUT_KINDS ||
		    is_listed(out, f.file))
			return -1;
		out->files[out->n_files++] = f;
	}
	return 0;
}

static int
check_thumbs(const cJSON *list, struct result *out)
{
	const cJSON *item;

	if (!json_rows_ok(list, thumb_members, ARRAY_LEN(thumb_members), false,
			  RESULT_THUMBS_MAX))
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		struct result_thumb *t = &out->thumbs[out->n_thumbs++];

		t->file = json_str(item, "file");
		t->time = json_member(item, "time")->valuedouble;
		t->width = (int)json_member(item, "width")->valuedouble;
		t->height = (int)json_member(item, "height")->valuedouble;
		if (!is_listed(out, t->file))
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
	static const struct json_member duration = { "duration", JSON_NUMBER,
						     false, 0, TIME_MAX };
	static const struct json_member size[] = {
		{ "width", JSON_INTEGER, true, 1, 65536 },
		{ "height", JSON_INTEGER, true, 1, 65536 },
		{ "rotation", JSON_INTEGER, false, -360, 360 },
	};
	const cJSON *format = json_member(probe, "format");
	const cJSON *stream = picture_stream(json_member(probe, "streams"));
	int64_t v, turned = 0;

	if (!json_row_ok(format, &duration, 1, false))
		return -1;
	if (!json_num(format, "duration", &out->duration) &&
	    !json_num(json_member(probe, "decoded"), "duration",
		      &out->duration))
		out->duration = -1;
	if (!stream)
		return 0;
	if (!json_row_ok(stream, size, ARRAY_LEN(size), false))
		return -1;
	if (json_int(stream, "rotation", &v))
		turned = v % 180;
	out->width =
	    (int)json_member(stream, turned ? "height" : "width")->valuedouble;
	out->height =
	    (int)json_member(stream, turned ? "width" : "height")->valuedouble;
	return 0;
}

int
result_check(const cJSON *frame, struct result *out, const char **why)
{
	const cJSON *poster = json_member(frame, "poster");

	if (result_check_files(frame, out, why) != 0)
		return -1;
	out->probe = json_member(frame, "probe");
	*why = "probe";
	if (check_facts(out->probe, out) != 0)
		return -1;
	*why = "poster";
	if (poster && !cJSON_IsNull(poster)) {
		out->poster = cJSON_GetStringValue(poster);
		if (!out->poster || !is_listed(out, out->poster))
			return -1;
	}
	*why = "thumbnails";
	if (check_thumbs(json_member(frame, "thumbnails"), out) != 0)
		return -1;
	return analysis_check(json_member(frame, "analysis"), &out->analysis,
			      why);
}
