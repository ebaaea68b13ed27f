/*
 * service_log.h - what a service prints: into a file of bounded size, and in
 * short onto the terminal. Threads: one.
 */
#ifndef TOOLS_SERVICE_LOG_H
#define TOOLS_SERVICE_LOG_H

#include "base/slice.h"

#include <limits.h>

#define LOG_LINE_MAX 8192

struct service_log {
	const char *name;
	char path[PATH_MAX];
	int fd;
	uint64_t size;
	char line[LOG_LINE_MAX]; /* the unfinished line */
	size_t n;
	bool show_errors;     /* else they are only remembered */
	char last_error[512]; /* why it may have ended; "" none */
	int64_t window_us;    /* the terminal takes SHOWN_MAX lines in 10 s */
	unsigned shown;
};

/* 0, or -1 with errno. */
int MUST_CHECK service_log_open(struct service_log *l, const char *dir,
				const char *name);
void service_log_feed(struct service_log *l, const char *p, size_t n);
/* Ends an unfinished line. */
void service_log_flush(struct service_log *l);
void service_log_close(struct service_log *l);

#endif
