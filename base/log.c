/*
 * The log. State: program, level and format, set before threads start.
 */
#include "base/log.h"
#include "base/timeval.h"

#include <unistd.h>

#define LINE_BYTES 512 /* room at first: most lines fit */

static const char *program = "reelgate";
static enum log_level threshold = LOG_INFO;
static bool as_text;

static const char *const level_names[] = { "debug", "info", "warn", "error" };

void
log_setup(const char *name)
{
	const char *format = getenv("LOG_FORMAT");

	program = name;
	as_text = format ? strcmp(format, "text") == 0 : isatty(2) == 1;
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

void
log_set_level_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (strcmp(name, level_names[i]) == 0)
			threshold = (enum log_level)i;
}

static void
write_line(struct buf *line)
{
	buf_putc(line, '\n');
	if (buf_ok(line) && write(2, line->p, line->n) < 0)
		return; /* nobody left to tell */
}

static void
put_json_head(struct buf *line, const char *ts, enum log_level level,
	      const char *event)
{
	buf_puts(line, "{\"ts\":\"");
	buf_puts(line, ts);
	buf_puts(line, "\",\"level\":\"");
	buf_puts(line, level_names[level]);
	buf_puts(line, "\",\"program\":\"");
	buf_puts(line, program);
	buf_puts(line, "\",\"event\":\"");
	buf_puts(line, event);
	buf_putc(line, '"');
}

static void
put_head(struct buf *line, enum log_level level, const char *event)
{
	char ts[TIME_TEXT_MAX];

	time_format_iso(time_now_us(), ts);
	if (as_text)
		buf_printf(line, "%.8s %-5s %s: %s", ts + 11,
			   level_names[level], program, event);
	else
		put_json_head(line, ts, level, event);
}

void
log_at(enum log_level level, const char *event, const char *fmt, ...)
{
	struct buf line = BUF_INIT;
	char text[4096]; /* longer messages are cut */
	struct slice msg;
	va_list ap;

	if (level < threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	msg = slice_str(text);
	put_head(&line, level, event);
	if (as_text) {
		buf_puts(&line, " - ");
		buf_json_escape(&line, msg);
	} else {
		buf_puts(&line, ",\"msg\":");
		buf_json_str(&line, msg);
		buf_putc(&line, '}');
	}
	write_line(&line);
	buf_release(&line);
}

void
log_fields(enum log_level level, const char *event, struct slice json_fields)
{
	struct buf line = BUF_INIT;

	if (level < threshold)
		return;
	(void)buf_reserve(&line, LINE_BYTES);
	put_head(&line, level, event);
	if (json_fields.n) {
		buf_puts(&line, as_text ? " " : ",");
		buf_put(&line, json_fields);
	}
	if (!as_text)
		buf_putc(&line, '}');
	write_line(&line);
	buf_release(&line);
}
