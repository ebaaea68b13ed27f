/*
 * json_parse(): what it accepts can be written and read again.
 */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *doc = json_parse(slice_mem(data, size)), *again;
	char *text;
	int64_t i;

	if (!doc)
		return 0;
	(void)json_str(doc, "a");
	(void)json_int(doc, "a", &i);
	text = json_text(doc);
	REQUIRE(text);
	again = json_parse(slice_str(text));
	REQUIRE(again);
	cJSON_Delete(again);
	free(text);
	cJSON_Delete(doc);
	return 0;
}
