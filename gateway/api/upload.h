/*
 * upload.h - what all ways to upload a video share: what a client announces,
 * the intent that ties a key to its user, and the video that comes of it.
 * Private to upload_url.c, complete.c, legacy.c and multipart.c.
 */
#ifndef GATEWAY_API_UPLOAD_H
#define GATEWAY_API_UPLOAD_H

#include "base/timeval.h"
#include "gateway/api/call.h"

#define UPLOAD_URL_S 3600 /* the life of a signed URL */
#define UPLOAD_NOT_FOUND "Upload not found or access denied"

struct upload {
	const char *file_name; /* as the user named it */
	const char *type;
	uint64_t size;	/* 0: not stated */
	uint64_t bound; /* bytes at most; 0: MAX_UPLOAD_BYTES */
	int64_t now_us;
	/* by upload_start() */
	const char *key;
	char time[TIME_TEXT_MAX]; /* ISO 8601: x-amz-meta-upload-time */
	/* by upload_announce() */
	char id[UUID_TEXT_MAX];
};

/* Answers with "File size exceeds 500MB limit". */
void upload_fail_too_large(struct api_call *c, unsigned status, uint64_t max);
/* Reads fileName, fileType and fileSize of the request; false when answered. */
bool upload_read(struct api_call *c, struct upload *u);
/* Checks a name and a type, wherever they come from, and gives the upload a
 * key; false when answered. */
bool upload_start(struct api_call *c, struct upload *u);

/* Of an upload in parts; else NULL. */
struct upload_parts {
	const char *id; /* the store's */
	uint64_t part_size;
};
/*
 * upload_announce - makes the intent, good for @life_s. The bytes were
 * admitted (upload_admit) and are no longer held afterwards. False when
 * answered.
 */
bool upload_admit(struct api_call *c, const struct upload *u);
/* It does not come to that: the bytes are let go. */
void upload_dismiss(struct api_call *c, const struct upload *u);
bool upload_announce(struct api_call *c, struct upload *u,
		     const struct upload_parts *parts, int64_t life_s);

/* What a finished upload became. */
struct upload_result {
	struct queue_video video;
	char process_job[UUID_TEXT_MAX];
	char ai_job[UUID_TEXT_MAX];
};
/*
 * upload_complete - makes the object at the caller's key a video with its
 * jobs, or finds them made. @file_name, @title: NULL leaves them. False when
 * answered: 409 when the object is not there.
 */
bool upload_complete(struct api_call *c, const char *key, const char *file_name,
		     const char *title, struct upload_result *out);
/* 201 of complete-upload. */
void upload_answer_completed(struct api_call *c, const struct upload_result *r);
/* A title is optional; false when one is too long: answered. */
bool upload_text_fits(struct api_call *c, const char *file_name,
		      const char *title);

#endif
