/*
 * Signatures, and the boxes of an MP4 over extents.
 */
#include "processor/media/input/boxes.h"
#include "processor/media/input/input.h"
#include "processor/media/input/sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

static void
test_sniff_knows_containers_by_their_first_bytes(void **state)
{
	static char ts[188 * 5], m2ts[192 * 5 + 4], mp3[2000];
	const struct {
		struct slice head;
		const char *format;
	} table[] = {
		{ slice_mem("\0\0\0\x18"
			    "ftypisom\0\0\2\0",
			    16),
		  "mov" },
		{ slice_mem("\0\0\0\x08mdat", 8), "mov" },
		{ slice_mem("\x1a\x45\xdf\xa3\x9f", 5), "matroska" },
		{ slice_mem("RIFF\0\0\0\0AVI LIST", 16), "avi" },
		{ slice_mem("RIFF\0\0\0\0WAVEfmt ", 16), "wav" },
		{ slice_mem("FLV\x01\x05", 5), "flv" },
		{ slice_mem("OggS\0\2", 6), "ogg" },
		{ slice_mem(ts, sizeof(ts)), "mpegts" },
		{ slice_mem(m2ts, sizeof(m2ts)), "mpegts" },
		{ slice_mem(mp3, sizeof(mp3)), "mp3" },
		{ slice_mem("ID3\x04\0\0\0\0\0\0", 10), "mp3" },
	};

	(void)state;
	for (int i = 0; i < 5; i++) {
		ts[188 * i] = 'G';
		m2ts[192 * i + 4] = 'G';
	}
	/* Two frames of 128 kbit/s at 44.1 kHz: 417 bytes each. */
	memcpy(mp3, "\xff\xfb\x90\x00", 4);
	memcpy(mp3 + 417, "\xff\xfb\x90\x00", 4);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_string_equal(sniff_format(table[i].head),
				    table[i].format);
	/* One packet or frame alone is chance. */
	assert_null(sniff_format(slice_mem(ts, 188 * 4)));
	assert_null(sniff_format(slice_mem(mp3, 417)));
}

static void
test_sniff_refuses_what_is_no_media(void **state)
{
	static const char *const texts[] = {
		"",
		"G",
		"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/\n",
		"ffconcat version 1.0\nfile x\n",
		"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
		"<?xml version=\"1.0\"?><MPD/>",
		"RIFF....CDR ",
		"\xff\xfb\x90",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_null(sniff_format(slice_str(texts[i])));
}

/* A file in memory whose content is given; a request over it. */
static struct request
request_over(const void *data, size_t n, struct extent *extents)
{
	int fd = memfd_create("boxes", 0);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, n, 0), (ssize_t)n);
	/* In two extents, so that a box header straddles them. */
	extents[0] = (struct extent){ fd, 0, 0, (int64_t)n / 2 };
	extents[1] = (struct extent){ fd, (int64_t)n / 2, (int64_t)n / 2,
				      (int64_t)(n - n / 2) };
	return (struct request){ .size = (int64_t)n,
				 .extents = extents,
				 .n_extents = 2 };
}

static void
test_input_pread_crosses_extents(void **state)
{
	struct extent e[2];
	struct request req = request_over("abcdefgh", 8, e);
	char p[8];

	(void)state;
	assert_int_equal(input_pread(&req, p, 4, 2), 4);
	assert_memory_equal(p, "cdef", 4);
	assert_int_equal(input_pread(&req, p, 8, 4), 4);
	assert_memory_equal(p, "efgh", 4);
	assert_int_equal(input_pread(&req, p, 8, 8), 0);
	e[1].size = 100; /* longer than the file */
	req.size = 104;
	assert_int_equal(input_pread(&req, p, 8, 50), -1);
	close(e[0].fd);
}

/* clang-format off */
#define FTYP "\0\0\0\x08" "ftyp"
#define MOOV "\0\0\0\x08" "moov"
#define MDAT "\0\0\0\x0a" "mdat" "xx"
#define LONG_MDAT "\0\0\0\x01" "mdat" "\0\0\0\0\x7f\0\0\0" "xx"
#define WRAPPED_MDAT "\0\0\0\x01" "mdat" "\xff\xff\xff\xff\xff\xff\xff\xff"
#define OPEN_MDAT "\0\0\0\0" "mdat" "xx"
#define JUNK "\xff\xff\xff\xff" "junk"
/* clang-format on */
#define FILE_OF(s) s, sizeof(s) - 1

static void
test_boxes_scan_tells_order_and_truncation(void **state)
{
	static const struct {
		const char *data;
		size_t n;
		bool truncated, moov_first;
	} table[] = {
		{ FILE_OF(FTYP MOOV MDAT), false, true },
		{ FILE_OF(FTYP MDAT MOOV), false, false },
		{ FILE_OF(FTYP MOOV LONG_MDAT), true, true },
		{ FILE_OF(FTYP MOOV WRAPPED_MDAT), true, true },
		{ FILE_OF(FTYP MOOV OPEN_MDAT), false, true },
		{ FILE_OF(FTYP MOOV MDAT JUNK), false, true },
		{ FILE_OF(FTYP "\0\0\x10\0moovx"), true, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct extent e[2];
		struct request req = request_over(table[i].data, table[i].n, e);
		struct boxes found = boxes_scan(&req);

		assert_int_equal(found.truncated, table[i].truncated);
		assert_int_equal(found.moov_first, table[i].moov_first);
		close(e[0].fd);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_sniff_knows_containers_by_their_first_bytes),
		cmocka_unit_test(test_sniff_refuses_what_is_no_media),
		cmocka_unit_test(test_input_pread_crosses_extents),
		cmocka_unit_test(test_boxes_scan_tells_order_and_truncation),
	};

	return cmocka_run_group_tests_name("media_sniff", tests, NULL, NULL);
}
