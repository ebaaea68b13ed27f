/*
 * Files a worker left behind, honest and not.
 */
#include "base/io.h"
#include "processor/media_protocol.h"
#include "processor/output_checks.h"
#include "queue/analysis.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* SOI, APP0, SOF0 of one component (8 bit, height 360, width 640), SOS, a scan
 * with a stuffed byte and a restart, EOI. */
#define JPEG_APP0 "\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
#define JPEG_SOF "\xff\xc0\x00\x0b\x08\x01\x68\x02\x80\x01\x01\x11\x00"
#define JPEG_SOS "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
#define JPEG_SCAN "picture\xff\x00more\xff\xd0more"
#define JPEG_END "\xff\xd9"
#define JPEG "\xff\xd8" JPEG_APP0 JPEG_SOF JPEG_SOS JPEG_SCAN JPEG_END

#define BOX(size, type) "\0\0\0" size type
#define FTYP BOX("\x18", "ftypisom\0\0\0\0isomiso2")
#define URL(flags) BOX("\x0c", "url \0\0\0" flags)
#define DREF(flags)            \
	BOX("\x2c",            \
	    "moov" BOX("\x24", \
		       "dinf" BOX("\x1c", "dref\0\0\0\0\0\0\0\1" URL(flags))))

static char dir[64];
static int dir_fd;

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-outputs-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	return dir_fd < 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(dir_fd);
	return rmdir(dir);
}

static void
put(const char *name, struct slice data)
{
	int fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, data.p, data.n), 0);
	close(fd);
}

static void
expect(const char *name, enum output_kind kind, uint64_t max, const char *why)
{
	struct output o;
	const char *got = NULL;
	int rc = output_open(dir_fd, name, kind, max, &o, &got);

	if (why) {
		assert_int_equal(rc, -1);
		assert_string_equal(got, why);
		assert_int_equal(o.fd, -1);
		return;
	}
	assert_int_equal(rc, 0);
	output_close(&o);
}

static void
test_name_valid_is_a_plain_name(void **state)
{
	static const char *const good[] = { "a", "poster.jpg", "thumb-1.jpg",
					    "clip-0a.mp4", "a..b" };
	static const char *const bad[] = { "",	  ".",	      "..",   ".a",
					   "a/b", "../a",     "A",    "a b",
					   "a\n", "\xc3\xa9", "a\\b", "a%00" };
	char longest[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(analysis_name_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(analysis_name_ok(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[ANALYSIS_NAME_MAX + 1] = '\0';
	assert_false(analysis_name_ok(longest));
	longest[ANALYSIS_NAME_MAX] = '\0';
	assert_true(analysis_name_ok(longest));
}

static void
test_kind_is_that_of_the_extension(void **state)
{
	(void)state;
	assert_int_equal(output_kind_of("thumb-1.jpg"), OUTPUT_JPEG);
	assert_int_equal(output_kind_of("a/b/waveform.dat"), OUTPUT_DAT);
	assert_int_equal(output_kind_of("a.jpg.exe"), OUTPUT_KINDS);
	assert_int_equal(output_kind_of("jpg"), OUTPUT_KINDS);
	assert_int_equal(output_kind_of(""), OUTPUT_KINDS);
	assert_string_equal(output_content_type(OUTPUT_VTT), "text/vtt");
}

/* Parsing takes many times its size of the broker's memory. */
static void
test_a_large_document_is_not_parsed(void **state)
{
	struct slice large = { .n = MEDIA_FRAME_MAX + 1 };
	char *text = malloc(large.n);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', large.n);
	text[0] = '{';
	text[1] = '}';
	large.p = text;
	put("a.json", slice_head(large, MEDIA_FRAME_MAX));
	expect("a.json", OUTPUT_JSON, UINT64_MAX, NULL);
	put("a.json", large);
	expect("a.json", OUTPUT_JSON, UINT64_MAX, "content");
	unlinkat(dir_fd, "a.json", 0);
	free(text);
}

/* Bytes behind which nothing is readable, as a member of a static table. */
#define TEXT(lit)                    \
	{                            \
		lit, sizeof(lit) - 1 \
	}

/* clang-format off */
/* One file of each kind as it is, and others that are almost so. */
static const struct {
	enum output_kind kind;
	const char *what;
	struct slice content;
	bool good;
} files[] = {
	{ OUTPUT_JPEG, "whole", TEXT(JPEG), true },
	{ OUTPUT_JPEG, "no end", TEXT("\xff\xd8" JPEG_SOF JPEG_SOS JPEG_SCAN), false },
	{ OUTPUT_JPEG, "a page behind its end", TEXT(JPEG "<html>"), false },
	{ OUTPUT_JPEG, "a comment", TEXT("\xff\xd8\xff\xfe\0\4hi" JPEG_SOF JPEG_SOS JPEG_SCAN JPEG_END), false },
	{ OUTPUT_JPEG, "places and cameras", TEXT("\xff\xd8\xff\xe1\0\4hi" JPEG_SOF JPEG_SOS JPEG_SCAN JPEG_END), false },
	{ OUTPUT_JPEG, "two sizes", TEXT("\xff\xd8" JPEG_SOF JPEG_SOF JPEG_SOS JPEG_SCAN JPEG_END), false },
	{ OUTPUT_JPEG, "no size", TEXT("\xff\xd8" JPEG_SOS JPEG_SCAN JPEG_END), false },
	{ OUTPUT_JPEG, "a segment of no length", TEXT("\xff\xd8\xff\xe0\0\0" JPEG_SOF JPEG_SOS JPEG_END), false },
	{ OUTPUT_JPEG, "another picture", TEXT("\x89PNG\r\n\x1a\n1234"), false },
	{ OUTPUT_WEBP, "whole", TEXT("RIFF\x10\0\0\0WEBPVP8 \4\0\0\0abcd"), true },
	{ OUTPUT_WEBP, "more behind", TEXT("RIFF\x10\0\0\0WEBPVP8 \4\0\0\0abcdMORE"), false },
	{ OUTPUT_WEBP, "a chunk of tags", TEXT("RIFF\x10\0\0\0WEBPEXIF\4\0\0\0abcd"), false },
	{ OUTPUT_WEBP, "a sound", TEXT("RIFF\x10\0\0\0WAVEfmt \4\0\0\0abcd"), false },
	{ OUTPUT_MP4, "whole", TEXT(FTYP DREF("\1") BOX("\x0c", "mdatabcd")), true },
	{ OUTPUT_MP4, "media elsewhere", TEXT(FTYP DREF("\0")), false },
	{ OUTPUT_MP4, "cut", TEXT(FTYP BOX("\x0d", "mdatabcd")), false },
	{ OUTPUT_MP4, "no size", TEXT(FTYP BOX("\0", "mdatabcd")), false },
	{ OUTPUT_MP4, "a page behind its end", TEXT(FTYP "<html></html>"), false },
	{ OUTPUT_MP4, "a box of anything", TEXT(FTYP BOX("\x0c", "uuidabcd")), false },
	{ OUTPUT_MP4, "a box in the wrong place", TEXT(FTYP BOX("\x0c", "stszabcd")), false },
	{ OUTPUT_MP4, "no type first", TEXT(BOX("\x0c", "mdatabcd")), false },
	{ OUTPUT_M3U8, "whole", TEXT("#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.0,\nhigh-1.m4s\n"), true },
	{ OUTPUT_M3U8, "another name", TEXT("#EXTM3U8\n"), false },
	{ OUTPUT_M3U8, "another place", TEXT("#EXTM3U\nhttp://127.0.0.1/x\n"), false },
	{ OUTPUT_M3U8, "another host", TEXT("#EXTM3U\n//example.com/x\n"), false },
	{ OUTPUT_M3U8, "another folder", TEXT("#EXTM3U\n../x.mp4\n"), false },
	{ OUTPUT_M3U8, "from the root", TEXT("#EXTM3U\n#EXT-X-KEY:URI=\"/key\"\n"), false },
	{ OUTPUT_VTT, "whole", TEXT("WEBVTT\n\n00:00.000 --> 00:01.000\nsprite.jpg#xywh=0,0,1,1\n"), true },
	{ OUTPUT_VTT, "another name", TEXT("WEBVTT2\n"), false },
	{ OUTPUT_VTT, "no text", TEXT("WEBVTT\n\xff\xfe"), false },
	{ OUTPUT_VTT, "control characters", TEXT("WEBVTT\n\x1b[2J"), false },
	{ OUTPUT_JSON, "whole", TEXT("{}"), true },
	{ OUTPUT_JSON, "a page", TEXT("<html>"), false },
	{ OUTPUT_JSON, "more behind", TEXT("{}<html>"), false },
	{ OUTPUT_JSON, "no object", TEXT("[]"), false },
	{ OUTPUT_DAT, "whole", TEXT("\2\0\0\0\1\0\0\0\200\273\0\0\0\1\0\0\1\0\0\0\2\0\0\0abcd"), true },
	{ OUTPUT_DAT, "cut", TEXT("\2\0\0\0\1\0\0\0\200\273\0\0\0\1\0\0\1\0\0\0\2\0\0\0abc"), false },
	{ OUTPUT_DAT, "more than there can be", TEXT("\2\0\0\0\0\0\0\0\200\273\0\0\0\1\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), false },
};
/* clang-format on */

static void
test_each_kind_is_what_it_says_from_end_to_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		put("a", files[i].content);
		expect("a", files[i].kind, 1000,
		       files[i].good ? NULL : "content");
	}
	expect("a", OUTPUT_KINDS, 1000, "name");
	unlinkat(dir_fd, "a", 0);
}

/* Whatever is missing at the end of a binary file is noticed. */
static void
test_every_cut_is_refused(void **state)
{
	struct output o = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct slice whole = files[i].content;

		if (!files[i].good || files[i].kind == OUTPUT_M3U8 ||
		    files[i].kind == OUTPUT_VTT)
			continue;
		for (size_t n = 1; n < whole.n; n++) {
			/* the start of an MP4 is one that ends with a box */
			if (files[i].kind == OUTPUT_MP4 &&
			    (n == 0x18 || n == 0x18 + 0x2c))
				continue;
			put("a", slice_head(whole, n));
			expect("a", files[i].kind, 1000, "content");
		}
	}
	unlinkat(dir_fd, "a", 0);
	assert_int_equal(check_jpeg(SLICE(JPEG), &o), 0);
	assert_int_equal(o.width, 640);
	assert_int_equal(o.height, 360);
}

static void
test_open_takes_what_it_claims_to_be(void **state)
{
	struct output o;
	const char *why;

	(void)state;
	put("a.jpg", SLICE(JPEG));
	assert_int_equal(
	    output_open(dir_fd, "a.jpg", OUTPUT_JPEG, 1000, &o, &why), 0);
	assert_int_equal(o.width, 640);
	assert_int_equal(o.height, 360);
	assert_int_equal(o.size, sizeof(JPEG) - 1);
	output_close(&o);
	expect("a.jpg", OUTPUT_MP4, 1000, "content");
	expect("a.jpg", OUTPUT_JPEG, 10, "size");
	put("a.jpg", SLICE(""));
	expect("a.jpg", OUTPUT_JPEG, 1000, "size");
	expect("b.jpg", OUTPUT_JPEG, 1000, "name");
	expect("../a.jpg", OUTPUT_JPEG, 1000, "name");
	unlinkat(dir_fd, "a.jpg", 0);
}

static void
test_open_refuses_what_is_no_plain_file(void **state)
{
	(void)state;
	put("a.jpg", SLICE(JPEG));
	assert_int_equal(symlinkat("a.jpg", dir_fd, "link.jpg"), 0);
	expect("link.jpg", OUTPUT_JPEG, 1000, "name");
	assert_int_equal(linkat(dir_fd, "a.jpg", dir_fd, "hard.jpg", 0), 0);
	expect("hard.jpg", OUTPUT_JPEG, 1000, "kind of file");
	assert_int_equal(mkfifoat(dir_fd, "fifo.jpg", 0600), 0);
	expect("fifo.jpg", OUTPUT_JPEG, 1000, "kind of file");
	assert_int_equal(mkdirat(dir_fd, "dir.jpg", 0700), 0);
	expect("dir.jpg", OUTPUT_JPEG, 1000, "kind of file");
	unlinkat(dir_fd, "a.jpg", 0);
	unlinkat(dir_fd, "link.jpg", 0);
	unlinkat(dir_fd, "hard.jpg", 0);
	unlinkat(dir_fd, "fifo.jpg", 0);
	unlinkat(dir_fd, "dir.jpg", AT_REMOVEDIR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_valid_is_a_plain_name),
		cmocka_unit_test(test_kind_is_that_of_the_extension),
		cmocka_unit_test(test_a_large_document_is_not_parsed),
		cmocka_unit_test(
		    test_each_kind_is_what_it_says_from_end_to_end),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_open_takes_what_it_claims_to_be),
		cmocka_unit_test(test_open_refuses_what_is_no_plain_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
