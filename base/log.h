/*
 * log.h - one line per event on stderr.
 *
 * On a terminal a readable line, else a JSON object: ts, level, program,
 * event, msg (LOG_FORMAT=text|json decides otherwise). Events are short
 * snake_case names an operator can grep for. Never log secrets, signatures,
 * tokens or query strings of presigned URLs. Threads: any; a line is written
 * by one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* @program stands in every line; it must outlive the process. */
void log_setup(const char *program);
void log_set_level(enum log_level level);
/* "debug", "info", "warn", "error"; another word changes nothing. */
void log_set_level_name(const char *name);
void log_at(enum log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/*
 * An event with fields of its own (access lines): @json_fields is the inside
 * of a JSON object, without braces, or empty.
 */
void log_fields(enum log_level level, const char *event,
		struct slice json_fields);

#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)

#endif
