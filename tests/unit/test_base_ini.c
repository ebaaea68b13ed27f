/*
 * Lines "NAME = value".
 */
#include "base/buf.h"
#include "base/ini.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static char path[] = "/tmp/test-ini-XXXXXX";

static int
put_row(void *ctx, struct slice name, struct slice value)
{
	buf_printf(ctx, "%.*s<%.*s>", SLICE_ARG(name), SLICE_ARG(value));
	return slice_eq_str(name, "STOP") ? -1 : 0;
}

/* The rows of a file of that text, behind the error if there was one. */
static char *
rows_of(struct slice text)
{
	struct buf rows = BUF_INIT;
	char err[200] = "", *out;

	assert_int_equal(io_write_file(path, text, 0600), 0);
	if (ini_read(path, put_row, &rows, err, sizeof(err)) != 0)
		buf_printf(&rows, "!%s", err + strlen(path) * !!err[0]);
	out = buf_steal(&rows);
	assert_non_null(out);
	return out;
}

static const struct {
	const char *text;
	const char *rows;
} files[] = {
	{ "", "" },
	{ "A=1", "A<1>" },
	{ "A=1\n", "A<1>" },
	{ " A\t= a b \t\r\nB=\n", "A<a b>B<>" },
	{ "# c\n; c\n  # c\n\n[section]\nA=1\n", "A<1>" },
	{ "A=p;w\nB=p ;w #x\nC=\"q\"\nD==a=b\n",
	  "A<p;w>B<p ;w #x>C<\"q\">D<=a=b>" },
	{ "A=1\n  B=2\n", "A<1>B<2>" },
	{ "A=1\nB\n", "A<1>!: line 2 is not NAME = value" },
	{ "=1\n", "!: line 1 is not NAME = value" },
	{ "A:1\n", "!: line 1 is not NAME = value" },
	{ "STOP=1\nA=1\n", "STOP<1>!" },
};

static void
test_ini_read_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *rows = rows_of(slice_str(files[i].text));

		assert_string_equal(rows, files[i].rows);
		free(rows);
	}
}

static void
test_ini_read_long_values_are_whole(void **state)
{
	struct buf text = BUF_INIT;
	char *rows;

	(void)state;
	buf_puts(&text, "URL = ");
	for (int i = 0; i < 10000; i++)
		buf_putc(&text, (char)('a' + i % 26));
	buf_puts(&text, "\nB=2\n");
	rows = rows_of(buf_slice(&text));
	assert_int_equal(strlen(rows), strlen("URL<>B<2>") + 10000);
	free(rows);
	buf_release(&text);
}

static void
test_ini_read_nul_is_refused(void **state)
{
	char *rows = rows_of(SLICE("A=1\0"
				   "2\n"));

	(void)state;
	assert_string_equal(rows, "!: line 1 is not NAME = value");
	free(rows);
}

static void
test_ini_read_missing_file_says_so(void **state)
{
	struct buf rows = BUF_INIT;
	char err[200];

	(void)state;
	assert_int_equal(
	    ini_read("/nonexistent/file", put_row, &rows, err, sizeof(err)),
	    -1);
	assert_string_equal(
	    err, "cannot read /nonexistent/file: No such file or directory");
}

static int
setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ini_read_table),
		cmocka_unit_test(test_ini_read_long_values_are_whole),
		cmocka_unit_test(test_ini_read_nul_is_refused),
		cmocka_unit_test(test_ini_read_missing_file_says_so),
	};

	return cmocka_run_group_tests_name("base_ini", tests, setup, teardown);
}
