/*
 * names.h - what a user's file name and type may become: pure functions.
 */
#ifndef GATEWAY_API_NAMES_H
#define GATEWAY_API_NAMES_H

#include "base/buf.h"

#define API_FILE_NAME_MAX 1024 /* bytes a client may send */
#define API_KEY_NAME_MAX 100   /* bytes of it kept in a key */
#define API_TYPE_MAX 127

/*
 * api_safe_name - appends a file name for an object key: letters, digits,
 * '.', '_' and '-' stay, every other character becomes one '_'; at most
 * API_KEY_NAME_MAX bytes, cut before the extension. Never empty.
 */
void api_safe_name(struct buf *out, struct slice file_name);

/*
 * api_upload_key - appends uploads/{user}/{ms}-{random}-{safe name}: distinct
 * however many uploads of one name begin in one millisecond.
 */
void api_upload_key(struct buf *out, const char *user, int64_t now_us,
		    struct slice file_name);

/* "video/" and a subtype (RFC 9110 §8.3.1), parameters allowed, printable
 * ASCII only: safe as a header value. */
bool api_video_type(struct slice content_type);

#endif
