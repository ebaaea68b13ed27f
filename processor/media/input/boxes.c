/*
 * A walk over box headers: {u32 size, type}, size 1 = u64 behind, 0 = the
 * rest of the file. Bounded, and never inside a box.
 */
#include "processor/media/input/boxes.h"
#include "processor/media/input/input.h"

#include <libavutil/intreadwrite.h>

#define BOXES_MAX 100000

static bool
is(const uint8_t *head, const char *type)
{
	return memcmp(head + 4, type, 4) == 0;
}

struct boxes
boxes_scan(const struct request *req)
{
	struct boxes found = { 0 };
	int64_t at = 0;

	for (int i = 0; i < BOXES_MAX; i++) {
		uint8_t head[16] = { 0 };
		ssize_t n = input_pread(req, head, sizeof(head), at);
		uint64_t size = AV_RB32(head);
		bool known =
		    is(head, "moov") || is(head, "mdat") || is(head, "moof");

		if (n < 8)
			break;
		if (is(head, "moov")) {
			found.moov = true;
			found.moov_first |= !found.mdat;
		}
		found.mdat |= is(head, "mdat");
		if (size == 1)
			size = AV_RB64(head + 8);
		if (size < 8)
			break;
		if (size > (uint64_t)(req->size - at)) {
			found.truncated = known;
			break;
		}
		at += (int64_t)size;
	}
	return found;
}
