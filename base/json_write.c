/*
 * JSON writing. The last byte tells whether a comma is due: none behind an
 * opening bracket, a colon, a newline, or at the very start.
 */
#include "base/json_write.h"
#include "base/timeval.h"

#include <inttypes.h>
#include <math.h>

static void
begin_value(struct buf *b, const char *name)
{
	if (b->n > 0 && !strchr("{[:\n", b->p[b->n - 1]))
		buf_putc(b, ',');
	if (name) {
		buf_json_str(b, slice_str(name));
		buf_putc(b, ':');
	}
}

void
json_open_object(struct buf *b, const char *name)
{
	begin_value(b, name);
	buf_putc(b, '{');
}

void
json_close_object(struct buf *b)
{
	buf_putc(b, '}');
}

void
json_open_array(struct buf *b, const char *name)
{
	begin_value(b, name);
	buf_putc(b, '[');
}

void
json_close_array(struct buf *b)
{
	buf_putc(b, ']');
}

void
json_put_slice(struct buf *b, const char *name, struct slice v)
{
	begin_value(b, name);
	buf_json_str(b, v);
}

void
json_put_raw(struct buf *b, const char *name, const char *json)
{
	begin_value(b, name);
	buf_puts(b, json ? json : "null");
}

void
json_put_str(struct buf *b, const char *name, const char *v)
{
	if (v)
		json_put_slice(b, name, slice_str(v));
	else
		json_put_null(b, name);
}

void
json_put_int(struct buf *b, const char *name, int64_t v)
{
	begin_value(b, name);
	buf_printf(b, "%" PRId64, v);
}

void
json_put_u64(struct buf *b, const char *name, uint64_t v)
{
	begin_value(b, name);
	buf_printf(b, "%" PRIu64, v);
}

void
json_put_num(struct buf *b, const char *name, double v)
{
	char text[32];

	if (!isfinite(v)) {
		json_put_null(b, name);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	json_put_raw(b, name, text);
}

void
json_put_bool(struct buf *b, const char *name, bool v)
{
	json_put_raw(b, name, v ? "true" : "false");
}

void
json_put_time(struct buf *b, const char *name, int64_t us)
{
	char text[TIME_TEXT_MAX];

	if (us)
		time_format_iso(us, text);
	json_put_str(b, name, us ? text : NULL);
}

void
json_put_null(struct buf *b, const char *name)
{
	json_put_raw(b, name, "null");
}
