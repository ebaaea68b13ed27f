/*
 * Files a worker left behind, honest and not.
 */
#include "base/io.h"
#include "processor/outputs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* SOI, APP0 (16 bytes), SOF0 8 bit, height 360, width 640. */
#define JPEG_HEAD                                                          \
	"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00" \
	"\x00\xff\xc0\x00\x11\x08\x01\x68\x02\x80\x03"

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
		assert_true(output_name_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(output_name_valid(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[OUTPUT_NAME_MAX + 1] = '\0';
	assert_false(output_name_valid(longest));
	longest[OUTPUT_NAME_MAX] = '\0';
	assert_true(output_name_valid(longest));
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

static void
test_each_kind_begins_as_it_must(void **state)
{
	const struct {
		enum output_kind kind;
		struct slice good, bad;
	} rows[] = {
		{ OUTPUT_WEBP, SLICE("RIFF\x04\0\0\0WEBPVP8 "),
		  SLICE("RIFF\x04\0\0\0WAVEfmt ") },
		{ OUTPUT_M3U8, SLICE("#EXTM3U\n#EXT-X-VERSION:7\n"),
		  SLICE("#EXTM3U8\n") },
		{ OUTPUT_VTT, SLICE("WEBVTT\n\n"), SLICE("WEBVTT2\n") },
		{ OUTPUT_JSON, SLICE("{}"), SLICE("<html>") },
		{ OUTPUT_DAT,
		  SLICE("\2\0\0\0\1\0\0\0\200\273\0\0\0\1\0\0\0\0\0\0"
			"\2\0\0\0"),
		  SLICE("\2\0\0\0\1\0\0\0") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		put("a", rows[i].good);
		expect("a", rows[i].kind, 1000, NULL);
		put("a", rows[i].bad);
		expect("a", rows[i].kind, 1000, "content");
	}
	expect("a", OUTPUT_KINDS, 1000, "name");
	unlinkat(dir_fd, "a", 0);
}

static void
test_open_takes_what_it_claims_to_be(void **state)
{
	struct output o;
	const char *why;

	(void)state;
	put("a.jpg", SLICE(JPEG_HEAD "picture"));
	assert_int_equal(
	    output_open(dir_fd, "a.jpg", OUTPUT_JPEG, 1000, &o, &why), 0);
	assert_int_equal(o.width, 640);
	assert_int_equal(o.height, 360);
	assert_int_equal(o.size, sizeof(JPEG_HEAD "picture") - 1);
	output_close(&o);
	expect("a.jpg", OUTPUT_MP4, 1000, "content");
	expect("a.jpg", OUTPUT_JPEG, 10, "size");
	put("a.jpg", SLICE("\0\0\0\x18"
			   "ftypisom\0\0\0\0rest of it"));
	expect("a.jpg", OUTPUT_MP4, 1000, NULL);
	expect("a.jpg", OUTPUT_JPEG, 1000, "content");
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
	put("a.jpg", SLICE(JPEG_HEAD));
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

static void
test_jpeg_dimensions_every_cut_is_refused(void **state)
{
	const struct slice whole = SLICE(JPEG_HEAD);
	int w, h;

	(void)state;
	for (size_t n = 0; n + 1 < whole.n; n++) {
		/* a copy of its own size: reading beyond it is found */
		char *copy = malloc(n ? n : 1);

		memcpy(copy, whole.p, n);
		assert_int_equal(jpeg_dimensions(slice_mem(copy, n), &w, &h),
				 -1);
		free(copy);
	}
	assert_int_equal(jpeg_dimensions(whole, &w, &h), 0);
	/* segments of no length, and lengths beyond the end */
	assert_int_equal(
	    jpeg_dimensions(SLICE("\xff\xd8\xff\xe0\0\0\xff\xe0\0\0"), &w, &h),
	    -1);
	assert_int_equal(
	    jpeg_dimensions(SLICE("\xff\xd8\xff\xe0\xff\xff\xff\xe0\0\0"), &w,
			    &h),
	    -1);
	assert_int_equal(
	    jpeg_dimensions(SLICE("\x89PNG\r\n\x1a\n1234"), &w, &h), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_valid_is_a_plain_name),
		cmocka_unit_test(test_kind_is_that_of_the_extension),
		cmocka_unit_test(test_each_kind_begins_as_it_must),
		cmocka_unit_test(test_open_takes_what_it_claims_to_be),
		cmocka_unit_test(test_open_refuses_what_is_no_plain_file),
		cmocka_unit_test(test_jpeg_dimensions_every_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
