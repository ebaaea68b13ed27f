/*
 * Files that a worker left: the first byte chooses the kind, the rest is the
 * file. What is accepted begins and ends as it must, and leads nowhere.
 */
#include "base/io.h"
#include "processor/output_checks.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static bool
has(struct slice s, const char *text)
{
	return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static void
fuzz_mp4(struct slice file)
{
	static int fd = -1;
	struct output o = { .size = file.n };

	if (fd < 0)
		fd = memfd_create("file", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 ||
	    io_pwrite_all(fd, file.p, file.n, 0) != 0)
		abort();
	o.fd = fd;
	if (check_mp4(SLICE_EMPTY, &o) == 0)
		REQUIRE(file.n >= 8 && memcmp(file.p + 5, "typ", 3) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = slice_mem(data + 1, size ? size - 1 : 0);
	struct output o = { .fd = -1, .size = file.n };

	if (size < 2)
		return 0;
	switch (data[0] % OUTPUT_KINDS) {
	case OUTPUT_JPEG:
		if (check_jpeg(file, &o) != 0)
			break;
		REQUIRE(o.width > 0 && o.height > 0);
		REQUIRE(memcmp(file.p, "\xff\xd8", 2) == 0);
		REQUIRE(memcmp(file.p + file.n - 2, "\xff\xd9", 2) == 0);
		break;
	case OUTPUT_WEBP:
		(void)!check_webp(file, &o);
		break;
	case OUTPUT_MP4:
		fuzz_mp4(file);
		break;
	case OUTPUT_M3U8:
		if (check_m3u8(file, &o) == 0)
			REQUIRE(!has(file, "://") && !has(file, ".."));
		break;
	case OUTPUT_VTT:
		if (check_vtt(file, &o) == 0)
			REQUIRE(!has(file, "://") && !has(file, "\x1b"));
		break;
	case OUTPUT_JSON:
		(void)!check_json(file, &o);
		break;
	default:
		(void)!check_dat(file, &o);
	}
	return 0;
}
