/*
 * json_write.h - JSON text into a buf, in the order in which it is written.
 * Commas are placed by looking at the last byte, so there is no state beside
 * the buf; a document begins in an empty one or behind a ':' or newline.
 * @name: the member's name, NULL inside an array and for the document itself.
 * Errors are buf's: check buf_ok() once at the end.
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/buf.h"

void json_open_object(struct buf *b, const char *name);
void json_close_object(struct buf *b);
void json_open_array(struct buf *b, const char *name);
void json_close_array(struct buf *b);

void json_put_slice(struct buf *b, const char *name, struct slice v);
/* NULL is null. */
void json_put_str(struct buf *b, const char *name, const char *v);
void json_put_int(struct buf *b, const char *name, int64_t v);
void json_put_u64(struct buf *b, const char *name, uint64_t v);
/* Shortest text that reads back equal; what is not finite is null. */
void json_put_num(struct buf *b, const char *name, double v);
void json_put_bool(struct buf *b, const char *name, bool v);
/* Microseconds since 1970 as by time_format_iso(); 0 is null. */
void json_put_time(struct buf *b, const char *name, int64_t us);
void json_put_null(struct buf *b, const char *name);
/* @json is JSON text already; NULL is null. */
void json_put_raw(struct buf *b, const char *name, const char *json);

#endif
