/*
 * range_parse(): eight bytes of object size, then the header. A part lies
 * within the object and is not empty.
 */
#include "gateway/s3/range.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t object = 0, offset = 0, n = 0;

	if (size < 8)
		return 0;
	memcpy(&object, data, 8);
	if (range_parse(slice_mem(data + 8, size - 8), object, &offset, &n) ==
	    RANGE_PART)
		REQUIRE(n > 0 && offset < object && n <= object - offset);
	return 0;
}
