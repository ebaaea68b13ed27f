/*
 * The reader of forms: samples in every split, what clients write around
 * names, and what is no form.
 */
#include "gateway/http/form.h"
#include "base/buf.h"
#include "gateway/http/form_part.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART(filename)                                                   \
	"Content-Disposition: form-data; name=\"file\"; filename=\"" filename \
	"\"\r\nContent-Type: video/mp4\r\n\r\n"

/* A whole reading: "name=value;" per field, "file(NAME)", the file's bytes. */
struct reading {
	struct arena a;
	struct form *form;
	struct buf log;
	struct buf data;
	enum s3_error err;
};

static enum s3_error
on_file(void *ctx)
{
	struct reading *r = ctx;
	const struct form_field *f;
	size_t n;

	f = form_fields(r->form, &n);
	for (size_t i = 0; i < n; i++)
		buf_printf(&r->log, "%.*s=%.*s;", SLICE_ARG(f[i].name),
			   SLICE_ARG(f[i].value));
	buf_printf(&r->log, "file(%.*s)", SLICE_ARG(form_filename(r->form)));
	return S3_OK;
}

static enum s3_error
on_data(void *ctx, const void *p, size_t n)
{
	struct reading *r = ctx;

	assert_true(n > 0);
	buf_add(&r->data, p, n);
	return S3_OK;
}

static void
reading_init(struct reading *r, const char *boundary)
{
	const struct form_sink sink = { on_file, on_data, r };

	*r = (struct reading){ .err = S3_OK };
	arena_init(&r->a, 1 << 20);
	r->form = form_new(slice_str(boundary), "file", &sink, &r->a);
	assert_non_null(r->form);
}

static void
reading_release(struct reading *r)
{
	buf_release(&r->log);
	buf_release(&r->data);
	arena_release(&r->a);
}

static void
feed(struct reading *r, const char *p, size_t n)
{
	if (r->err == S3_OK)
		r->err = form_feed(r->form, p, n);
}

static void
read_whole(struct reading *r, struct slice body, size_t piece)
{
	for (size_t i = 0; i < body.n; i += piece)
		feed(r, body.p + i, body.n - i < piece ? body.n - i : piece);
	if (r->err == S3_OK)
		r->err = form_end(r->form);
}

static void
assert_reading(const struct reading *r, const char *log, struct slice data)
{
	assert_int_equal(r->err, S3_OK);
	assert_true(slice_eq_str(buf_slice(&r->log), log));
	assert_true(slice_eq(buf_slice(&r->data), data));
}

/* Content full of what almost is a delimiter. */
#define CONTENT "\r\n--\r\r\n--b\r\n--bo\n--bound\r--bound\r\n-bound\0\r\n"
static const char sample[] = "preamble\r\n--boun\r\n--bound \t\r\n" PART(
    "key") "a\r\n--boun\r\n"
	   "\r\n--bound\r\n" PART("Content-Type") "\r\n--bound\r\n" FILE_PART(
	       "a.mp4") CONTENT
    "\r\n--bound\r\n" PART("late") "x"
				   "\r\n--bound--\r\nepilogue\r\n--bound\r\n";
static const char sample_log[] = "key=a\r\n--boun\r\n;Content-Type=;"
				 "file(a.mp4)";

static void
test_form_reads_any_two_pieces_alike(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= sizeof(sample) - 1; cut++) {
		struct reading r;

		reading_init(&r, "bound");
		feed(&r, sample, cut);
		feed(&r, sample + cut, sizeof(sample) - 1 - cut);
		if (r.err == S3_OK)
			r.err = form_end(r.form);
		assert_reading(&r, sample_log, SLICE(CONTENT));
		assert_int_equal(form_files(r.form), 1);
		reading_release(&r);
	}
}

static void
test_form_reads_pieces_of_any_size_alike(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 80; piece++) {
		struct reading r;

		reading_init(&r, "bound");
		read_whole(&r, SLICE(sample), piece);
		assert_reading(&r, sample_log, SLICE(CONTENT));
		reading_release(&r);
	}
}

static void
test_form_knows_the_type_of_the_file(void **state)
{
	static const struct {
		const char *headers;
		const char *type;
	} rows[] = {
		{ "", "" },
		{ "Content-Type: video/mp4\r\n", "video/mp4" },
		{ "content-type:video/mp4; codecs=\"a, b\" \r\n",
		  "video/mp4; codecs=\"a, b\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reading r;
		struct buf body = BUF_INIT;

		buf_printf(&body,
			   "--b\r\n%sContent-Disposition: form-data; "
			   "name=file\r\n\r\nx\r\n--b\r\n" PART(
			       "late") "x\r\n--b--\r\n",
			   rows[i].headers);
		reading_init(&r, "b");
		read_whole(&r, buf_slice(&body), 7);
		assert_reading(&r, "file()", SLICE("x"));
		assert_true(slice_eq_str(form_file_type(r.form), rows[i].type));
		reading_release(&r);
		buf_release(&body);
	}
}

static void
test_form_counts_the_bytes_before_the_file(void **state)
{
	static const char head[] =
	    "--b\r\n" PART("key") "a\r\n--b\r\n" FILE_PART("f");
	struct reading r;

	(void)state;
	reading_init(&r, "b");
	feed(&r, head, sizeof(head) - 1);
	feed(&r, "data", 4);
	assert_int_equal(r.err, S3_OK);
	assert_int_equal(form_pre_data(r.form), sizeof(head) - 1);
	reading_release(&r);
}

static void
test_form_accepts_fields_up_to_the_bound(void **state)
{
	static const char head[] = "--b\r\n" PART("key");
	static const char rest[] = "\r\n--b\r\n" FILE_PART("f");
	const size_t fixed = sizeof(head) + sizeof(rest) - 2;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t n = FORM_PRE_DATA_MAX - fixed + over;
		struct reading r;

		reading_init(&r, "b");
		feed(&r, head, sizeof(head) - 1);
		while (n--)
			feed(&r, "v", 1);
		feed(&r, rest, sizeof(rest) - 1);
		feed(&r, "data\r\n--b--", 11);
		assert_int_equal(r.err,
				 over ? S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED
				      : S3_OK);
		reading_release(&r);
	}
}

static void
test_form_refuses_what_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"--b",
		"--b--x" + 5, /* "x": no delimiter at all */
		"--b\r\n",
		"--b\n" PART("key") "a\r\n--b--",
		"--bx\r\n" PART("key") "a\r\n--b--",
		"--b-\r\n",
		"--b \r \n",
		"--b --\r\n",
		"--b\r\n\r\na\r\n--b--", /* no headers */
		"--b\r\nContent-Type: a/b\r\n\r\na\r\n--b--",
		"--b\r\nContent-Disposition: form-data\r\n\r\na\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition: attachment; name=a\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"a\"x\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=a\r\n"
		"Content-Disposition: form-data; name=b\r\n\r\na\r\n--b--",
		"--b\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition : form-data; name=a\r\n\r\na"
		"\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=a\n\r\n\r\na"
		"\r\n--b--",
		"--b\r\n" PART("key") "a\r\n--b",
		"--b\r\n" PART("key") "a\r\n--b\r\n",
		"--b\r\n" PART("key") "a\n--b--",
		"--b\r\n" FILE_PART("a") "data",
		"--b\r\n" FILE_PART("a") "data\r\n--b",
		"--b\r\n" FILE_PART("a") "data\r\n--b-x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t piece = 1; piece < 100; piece += 98) {
			struct reading r;

			reading_init(&r, "b");
			read_whole(&r, slice_str(bad[i]), piece);
			if (r.err != S3_ERR_MALFORMED_POST_REQUEST)
				fail_msg("row %zu: %d", i, r.err);
			reading_release(&r);
		}
	}
}

static void
test_form_without_parts_has_no_file(void **state)
{
	static const char *const bodies[] = {
		"--b--", "--b--\r\n", "x\r\n--b--\r\n",
		"--b\r\n" PART("a") "b\r\n--b--"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct reading r;

		reading_init(&r, "b");
		read_whole(&r, slice_str(bodies[i]), 7);
		assert_int_equal(r.err, S3_OK);
		assert_int_equal(form_files(r.form), 0);
		reading_release(&r);
	}
}

static void
test_form_counts_files_and_keeps_the_first(void **state)
{
	static const char body[] = "--b\r\n" FILE_PART(
	    "a") "one\r\n--b\r\n" FILE_PART("c") "two\r\n--b--";
	struct reading r;

	(void)state;
	reading_init(&r, "b");
	read_whole(&r, SLICE(body), 5);
	assert_reading(&r, "file(a)", SLICE("one"));
	assert_int_equal(form_files(r.form), 2);
	reading_release(&r);
}

static void
test_form_bounds_headers_behind_the_file(void **state)
{
	static const char head[] = "--b\r\n" FILE_PART("a") "one\r\n--b\r\nX:";
	struct reading r;

	(void)state;
	reading_init(&r, "b");
	feed(&r, head, sizeof(head) - 1);
	for (size_t i = 0; i < 40000 && r.err == S3_OK; i++)
		feed(&r, "x", 1);
	assert_int_equal(r.err, S3_ERR_MALFORMED_POST_REQUEST);
	reading_release(&r);
}

static void
test_form_part_names_follow_the_table(void **state)
{
	static const struct {
		const char *parameters;
		const char *name;
		const char *filename;
	} rows[] = {
		{ "name=a", "a", "" },
		{ "name=\"a b\"", "a b", "" },
		{ "NAME=\"a\";", "a", "" },
		{ "name=\"a;b=\\\"c\\\"\"", "a;b=\"c\"", "" },
		{ "name=\"a\\\\b\"", "a\\b", "" },
		{ "name=file; filename=\"\"", "file", "" },
		{ "name=file; filename=x.mp4", "file", "x.mp4" },
		{ "filename=\"x.mp4\"; name=\"file\"", "file", "x.mp4" },
		{ "name=file; filename=\"C:\\fakepath\\a.mp4\"", "file",
		  "a.mp4" },
		{ "name=file; filename=\"C:\\\\dir\\\\a.mp4\"", "file",
		  "a.mp4" },
		{ "name=file; filename=\"dir/sub/a.mp4\"", "file", "a.mp4" },
		{ "name=file; filename=\"dir/\"", "file", "" },
		{ "name=file; filename=\"a%22b.mp4\"", "file", "a%22b.mp4" },
		{ "name=file; filename=\"q\\\"q.mp4\"", "file", "q\"q.mp4" },
		{ "name=file; filename=\"\xc3\xa9.mp4\"", "file",
		  "\xc3\xa9.mp4" },
		{ "name=file; filename*=UTF-8''%c3%a9.mp4", "file",
		  "\xc3\xa9.mp4" },
		{ "name=file; filename*=utf-8'en'a%2Fb.mp4", "file", "b.mp4" },
		{ "name=file; filename=a; filename*=UTF-8''b", "file", "a" },
		{ "name=file;size=7 ; filename=a", "file", "a" },
		/* no part */
		{ "name=file; filename*=latin1''x", NULL, NULL },
		{ "name=file; filename*=UTF-8''%zz", NULL, NULL },
		{ "name=file; filename*=x", NULL, NULL },
		{ "name=file; filename=a; filename=b", NULL, NULL },
		{ "name", NULL, NULL },
		{ "=a", NULL, NULL },
		{ "name=a b", NULL, NULL },
		{ "filename=a", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct form_part part;
		struct slice line;
		struct arena a;
		int rc;

		arena_init(&a, 1 << 16);
		line =
		    arena_printf(&a, "content-disposition: Form-Data; %s\r\n",
				 rows[i].parameters);
		rc = form_part_parse(line, &a, &part);
		assert_int_equal(rc, rows[i].name ? 0 : -1);
		if (rc == 0) {
			assert_true(slice_eq_str(part.name, rows[i].name));
			assert_true(
			    slice_eq_str(part.filename, rows[i].filename));
		}
		arena_release(&a);
	}
}

static void
test_form_boundary_follows_the_table(void **state)
{
#define FORM "multipart/form-data"
#define SEVENTY                                                                \
	"01234567890123456789012345678901234567890123456789012345678901234567" \
	"89"
	static const struct {
		const char *type;
		const char *boundary;
		enum s3_error err;
	} rows[] = {
		{ FORM "; boundary=b", "b", S3_OK },
		{ FORM ";boundary=b", "b", S3_OK },
		{ "Multipart/Form-Data; Boundary=\"b\"", "b", S3_OK },
		{ FORM "; charset=utf-8; boundary=b", "b", S3_OK },
		{ FORM "; boundary=b; charset=utf-8", "b", S3_OK },
		{ FORM "; boundary=\"a b:c\"", "a b:c", S3_OK },
		{ FORM "; boundary=----WebKitFormBoundaryAB+/=",
		  "----WebKitFormBoundaryAB+/=", S3_OK },
		{ FORM "; boundary=" SEVENTY, SEVENTY, S3_OK },
		{ FORM "; boundary=" SEVENTY "0", NULL,
		  S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM, NULL, S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM ";", NULL, S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "; boundary=", NULL, S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "; boundary=\"b", NULL, S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "; boundary=\"b \"", NULL,
		  S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "; boundary=a\"b", NULL, S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "; boundary=a; boundary=b", NULL,
		  S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "; boundary=\xc3\xa9", NULL,
		  S3_ERR_MALFORMED_POST_REQUEST },
		{ FORM "s; boundary=b", NULL, S3_ERR_PRECONDITION_FAILED },
		{ "multipart/mixed; boundary=b", NULL,
		  S3_ERR_PRECONDITION_FAILED },
		{ "application/x-www-form-urlencoded", NULL,
		  S3_ERR_PRECONDITION_FAILED },
		{ "", NULL, S3_ERR_PRECONDITION_FAILED },
		{ NULL, NULL, S3_ERR_PRECONDITION_FAILED }, /* no header */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice boundary;
		struct arena a;
		struct slice type = { rows[i].type,
				      rows[i].type ? strlen(rows[i].type) : 0 };

		arena_init(&a, 1 << 16);
		assert_int_equal(form_boundary(type, &a, &boundary),
				 rows[i].err);
		if (rows[i].boundary)
			assert_true(slice_eq_str(boundary, rows[i].boundary));
		arena_release(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form_reads_any_two_pieces_alike),
		cmocka_unit_test(test_form_reads_pieces_of_any_size_alike),
		cmocka_unit_test(test_form_knows_the_type_of_the_file),
		cmocka_unit_test(test_form_counts_the_bytes_before_the_file),
		cmocka_unit_test(test_form_accepts_fields_up_to_the_bound),
		cmocka_unit_test(test_form_refuses_what_is_none),
		cmocka_unit_test(test_form_without_parts_has_no_file),
		cmocka_unit_test(test_form_counts_files_and_keeps_the_first),
		cmocka_unit_test(test_form_bounds_headers_behind_the_file),
		cmocka_unit_test(test_form_part_names_follow_the_table),
		cmocka_unit_test(test_form_boundary_follows_the_table),
	};

	return cmocka_run_group_tests_name("gateway_form", tests, NULL, NULL);
}
