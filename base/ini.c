/*
 * Own reader of configuration files: libinih cuts lines at 200 bytes and
 * values at " ;", and takes an indented line for a continuation, each without
 * a word.
 */
#include "base/ini.h"
#include "base/hash.h"
#include "base/io.h"

#include <errno.h>

static bool
is_skipped(struct slice line)
{
	return line.n == 0 || line.p[0] == '#' || line.p[0] == ';' ||
	       (line.p[0] == '[' && line.p[line.n - 1] == ']');
}

static int
read_lines(const char *path, struct slice text, ini_row row, void *ctx,
	   char *err, size_t err_n)
{
	struct slice line, name;
	int number = 0;

	while (slice_cut(&text, '\n', &line)) {
		number++;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = slice_trim(line);
		if (is_skipped(line))
			continue;
		if (slice_chr(line, '\0') >= 0 ||
		    !slice_cut(&line, '=', &name) || !line.p ||
		    slice_trim(name).n == 0) {
			snprintf(err, err_n,
				 "%.300s: line %d is not NAME = value", path,
				 number);
			return -1;
		}
		if (row(ctx, slice_trim(name), slice_trim(line)) != 0)
			return -1;
	}
	return 0;
}

int
ini_read(const char *path, ini_row row, void *ctx, char *err, size_t err_n)
{
	struct buf text = BUF_INIT;
	int rc = io_read_file(path, &text);

	if (rc != 0)
		snprintf(err, err_n, "cannot read %.300s: %s", path,
			 strerror(errno));
	else
		rc = read_lines(path, buf_slice(&text), row, ctx, err, err_n);
	if (text.p)
		secret_wipe(text.p, text.cap);
	buf_release(&text);
	return rc;
}
