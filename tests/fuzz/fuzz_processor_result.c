/*
 * What a worker says of a file: an accepted result names only files we would
 * publish, each once, and facts within their bounds.
 */
#include "processor/outputs.h"
#include "processor/result.h"
#include "queue/analysis.h"
#include "tests/fuzz/fuzz.h"

static void
check_file(const char *name)
{
	REQUIRE(analysis_name_ok(name) && !strchr(name, '/'));
	REQUIRE(output_kind_of(name) < OUTPUT_KINDS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *doc = json_parse(slice_mem(data, size));
	const char *why = NULL;
	struct analysis a;
	struct result r;

	if (result_check(doc, &r, &why) == 0) {
		REQUIRE(r.n_files <= RESULT_FILES_MAX);
		for (size_t i = 0; i < r.n_files; i++) {
			check_file(r.files[i].file);
			for (size_t k = 0; k < i; k++)
				REQUIRE(strcmp(r.files[i].file,
					       r.files[k].file) != 0);
		}
		REQUIRE(r.n_thumbs <= RESULT_THUMBS_MAX);
		for (size_t i = 0; i < r.n_thumbs; i++) {
			check_file(r.thumbs[i].file);
			REQUIRE(r.thumbs[i].time >= 0);
		}
		REQUIRE(r.width >= 0 && r.height >= 0);
		REQUIRE(r.analysis.document);
	} else {
		REQUIRE(why && why[0]);
	}
	if (result_check_files(doc, &r, &why) == 0)
		for (size_t i = 0; i < r.n_files; i++)
			check_file(r.files[i].file);
	if (analysis_check(doc, &a, &why) == 0)
		REQUIRE(a.suggestions && a.segments && a.hooks);
	cJSON_Delete(doc);
	return 0;
}
