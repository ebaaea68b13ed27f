/*
 * Logs of services. Ours write a JSON object per line (base/log.h) and plain
 * text for what prevents their start; PostgreSQL writes text with a severity.
 */
#include "tools/service_log.h"
#include "base/io.h"
#include "base/json.h"
#include "base/timeval.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16u << 20)
#define SHOWN_MAX 10
#define WINDOW_US (10 * US_PER_S)

static int
open_file(struct service_log *l)
{
	struct stat st;

	l->fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (l->fd < 0 || fstat(l->fd, &st) != 0)
		return -1;
	l->size = (uint64_t)st.st_size;
	return 0;
}

int
service_log_open(struct service_log *l, const char *dir, const char *name)
{
	*l = (struct service_log){ .name = name, .fd = -1 };
	snprintf(l->path, sizeof(l->path), "%s/%s.log", dir, name);
	return open_file(l);
}

/* A full file becomes NAME.log.1, in place of the one before. */
static void
rotate(struct service_log *l)
{
	char old[PATH_MAX + 2];

	snprintf(old, sizeof(old), "%s.1", l->path);
	close(l->fd);
	l->fd = -1;
	if (rename(l->path, old) != 0 || open_file(l) != 0)
		fprintf(stderr, "reelgate: cannot write %s\n", l->path);
}

static void
keep(struct service_log *l, struct slice line)
{
	if (l->size > FILE_MAX)
		rotate(l);
	/* A full disk must not stop the services: the line is dropped. */
	if (l->fd >= 0 && io_write_all(l->fd, line.p, line.n) == 0 &&
	    io_write_all(l->fd, "\n", 1) == 0)
		l->size += line.n + 1;
}

static void
show(struct service_log *l, struct slice text)
{
	int64_t now = time_mono_us();

	if (now - l->window_us > WINDOW_US) {
		l->window_us = now;
		l->shown = 0;
	}
	if (++l->shown <= SHOWN_MAX)
		fprintf(stderr, "reelgate: %s: %.*s\n", l->name,
			SLICE_ARG(text));
	else if (l->shown == SHOWN_MAX + 1)
		fprintf(stderr, "reelgate: %s: more of that in %s\n", l->name,
			l->path);
}

static void
remember(struct service_log *l, struct slice text)
{
	snprintf(l->last_error, sizeof(l->last_error), "%.*s", SLICE_ARG(text));
}

/* "reelgate-gateway: cannot ..." without the name that we print as well. */
static struct slice
without_program(struct slice line)
{
	ptrdiff_t colon = slice_find(line, SLICE(": "));

	if (slice_starts(line, SLICE("reelgate-")) && colon > 0)
		return slice_from(line, (size_t)colon + 2);
	return line;
}

static void
on_json(struct service_log *l, struct slice line)
{
	cJSON *o = json_parse(line);
	const char *level = json_str(o, "level"), *event = json_str(o, "event"),
		   *msg = json_str(o, "msg");
	struct slice text = slice_str(msg && msg[0] ? msg : event);

	if (level && strcmp(level, "error") == 0) {
		remember(l, text);
		if (l->show_errors)
			show(l, text);
	} else if (level && strcmp(level, "warn") == 0) {
		show(l, text);
	}
	cJSON_Delete(o);
}

static void
on_line(struct service_log *l, struct slice line)
{
	ptrdiff_t fatal = slice_find(line, SLICE("FATAL:  "));

	keep(l, line);
	if (line.n && line.p[0] == '{') {
		on_json(l, line);
	} else if (fatal >= 0) {
		/* PostgreSQL: also what it tells single clients, so never
		 * shown, only remembered in case it ends. */
		remember(l, slice_from(line, (size_t)fatal + 8));
	} else if (slice_starts(line, SLICE("reelgate-")) ||
		   slice_starts(line, SLICE("cannot "))) {
		remember(l, without_program(line));
	}
}

void
service_log_flush(struct service_log *l)
{
	if (l->n)
		on_line(l, slice_mem(l->line, l->n));
	l->n = 0;
}

void
service_log_feed(struct service_log *l, const char *p, size_t n)
{
	struct slice rest = slice_mem(p, n);

	while (rest.n) {
		ptrdiff_t end = slice_chr(rest, '\n');
		size_t take = end < 0 ? rest.n : (size_t)end;

		if (take > sizeof(l->line) - l->n)
			take = sizeof(l->line) - l->n;
		memcpy(l->line + l->n, rest.p, take);
		l->n += take;
		rest = slice_from(rest, take);
		if (l->n == sizeof(l->line) || (rest.n && rest.p[0] == '\n')) {
			service_log_flush(l);
			if (rest.n && rest.p[0] == '\n')
				rest = slice_from(rest, 1);
		}
	}
}

void
service_log_close(struct service_log *l)
{
	service_log_flush(l);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
