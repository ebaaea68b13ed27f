/*
 * The worker's result pipe: any split of its bytes is read the same, and what
 * is read keeps its bounds.
 */
#include "processor/frames.h"
#include "tests/fuzz/fuzz.h"

static void
check(const struct frames *f)
{
	REQUIRE(f->percent >= 0 && f->percent <= 100);
	REQUIRE(f->duration == -1 || f->duration >= 0);
	REQUIRE(!f->seen[FRAME_RESULT] == !f->result);
	for (const char *c = f->message; *c; c++)
		REQUIRE(*c >= ' ' && *c <= '~');
	if (f->seen[FRAME_ERROR])
		REQUIRE(frame_code_name(f->code)[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames whole, bytes;
	int rc, again = 0;

	frames_init(&whole);
	frames_init(&bytes);
	rc = frames_feed(&whole, data, size);
	for (size_t i = 0; again == 0 && i < size; i++)
		again = frames_feed(&bytes, data + i, 1);
	REQUIRE(rc == again);
	REQUIRE(frames_ended(&whole) == frames_ended(&bytes));
	REQUIRE(whole.percent == bytes.percent);
	REQUIRE(whole.duration == bytes.duration);
	REQUIRE(strcmp(whole.message, bytes.message) == 0);
	check(&whole);
	frames_release(&whole);
	frames_release(&bytes);
	return 0;
}
