/*
 * xml_read(): rules see only whole texts within the bounds, and never an end
 * without a start.
 */
#include "base/xml_read.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	int open;
};

static int
on_object(void *ctx)
{
	struct seen *s = ctx;

	s->open++;
	REQUIRE(s->open == 1); /* the path has one Object level */
	return 0;
}

static int
on_object_end(void *ctx, struct slice text)
{
	struct seen *s = ctx;

	REQUIRE(text.n <= XML_TEXT_MAX);
	s->open--;
	return 0;
}

static int
on_key(void *ctx, struct slice text)
{
	const struct seen *s = ctx;

	REQUIRE(s->open == 1 && text.n <= XML_TEXT_MAX);
	REQUIRE(text.n == 0 || !memchr(text.p, '\0', text.n));
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xml_rule rules[] = {
		{ "Delete/Object", on_object, on_object_end },
		{ "Delete/Object/Key", NULL, on_key },
	};
	struct seen seen = { 0 };

	if (xml_read(slice_mem(data, size), rules, ARRAY_LEN(rules), &seen) ==
	    0)
		REQUIRE(seen.open == 0);
	return 0;
}
