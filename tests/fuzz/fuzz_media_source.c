/*
 * The first looks at an input: its signature, its top-level boxes, in one
 * extent or in three. The answer does not depend on how it is cut, and the
 * demuxer is one of the few.
 */
#include "base/io.h"
#include "processor/media/input/boxes.h"
#include "processor/media/input/input.h"
#include "processor/media/input/sniff.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static struct boxes
scan(int fd, int64_t size, int64_t a, int64_t b)
{
	struct extent extents[] = { { fd, 0, 0, a },
				    { fd, a, a, b - a },
				    { fd, b, b, size - b } };
	const struct request req = { .size = size,
				     .extents = extents,
				     .n_extents = 3 };

	return boxes_scan(&req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const demuxers[] = { "mov",	  "matroska", "avi",
						"mpegts", "flv",      "ogg",
						"wav",	  "mp3" };
	const char *format = sniff_format(slice_mem(data, size));
	int64_t n = (int64_t)size, cut = n / 3;
	struct boxes whole, pieces;
	bool known = !format;
	static int fd = -1;

	for (size_t i = 0; !known && i < ARRAY_LEN(demuxers); i++)
		known = strcmp(format, demuxers[i]) == 0;
	REQUIRE(known);
	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 ||
	    io_pwrite_all(fd, data, size, 0) != 0)
		abort();
	whole = scan(fd, n, n, n);
	pieces = scan(fd, n, cut, n - cut);
	REQUIRE(whole.truncated == pieces.truncated);
	REQUIRE(whole.moov == pieces.moov && whole.mdat == pieces.mdat);
	REQUIRE(whole.moov_first == pieces.moov_first);
	REQUIRE(whole.moov || !whole.moov_first);
	return 0;
}
