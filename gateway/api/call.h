/*
 * call.h - one request of the video API and what its handlers share:
 * private to gateway/api_*.c.
 *
 * A handler runs in its connection's thread with the caller known and the
 * body parsed; it answers exactly once, by api_answer() or api_fail() or a
 * helper that says it has answered.
 */
#ifndef GATEWAY_API_CALL_H
#define GATEWAY_API_CALL_H

#include "auth/auth.h"
#include "auth/jwks_source.h"
#include "auth/webhook.h"
#include "base/json.h"
#include "base/json_write.h"
#include "gateway/api/api.h"
#include "gateway/api/limits.h"
#include "gateway/api/live.h"
#include "gateway/http/http.h"

#include <stdatomic.h>

#define API_BODY_MAX (64u << 10)
#define API_ROUTES_MAX 32 /* bounds the counters */
#define API_NAMED_MAX 2
#define API_POLL_S 5 /* Retry-After of what is not finished yet */

enum api_auth {
	API_PUBLIC,
	API_USER,	  /* a user's JWT */
	API_JOB_TOKEN,	  /* Bearer JOB_PROCESSOR_TOKEN */
	API_EVENTS_TOKEN, /* Bearer S3_EVENTS_TOKEN, or Basic with it */
	API_WEBHOOK,	  /* a signature of the body by WEBHOOK_SECRET */
	API_METRICS	  /* Bearer METRICS_TOKEN; unset: this machine alone */
};

enum api_body {
	API_NO_BODY,
	API_JSON,  /* an object, of at most API_BODY_MAX bytes */
	API_STREAM /* the handler is called before it, and sets c->stream */
};

struct api_call;
struct api_route {
	const char *method;
	const char *path; /* "{id}", "{name}" stand for one segment */
	enum api_auth auth;
	enum api_body body;
	const char *operation;
	void (*handler)(struct api_call *c);
};
extern const struct api_route api_routes[];
extern const size_t api_routes_n;

struct api {
	struct api_conf conf;
	char deployment_id[40];
	/* Of presigned URLs: root's pair, or with REELGATE_S3_MODE=direct the
	 * pair of the other S3, which is at @direct_to. */
	struct auth_signer signer;
	bool direct;
	char direct_to[CONF_ENDPOINT_MAX];
	struct auth_jwt_conf jwt;
	struct jwks_source *keys;	  /* NULL: none are configured */
	struct webhook_keys webhook_keys; /* none: no message is accepted */
	struct http_app app;
	struct http_server *server;
	struct api_limits limits;
	struct live *live;
	atomic_bool draining;
	/* answers per route (the last: none matched) and status class */
	atomic_ulong answers[API_ROUTES_MAX + 1][6];
};

/* What takes the body as it comes; any of them may answer. */
struct api_stream {
	void (*data)(struct api_call *c, const void *p, size_t n);
	void (*finish)(struct api_call *c);
	void (*release)(struct api_call *c); /* always called, last */
	void *ctx;
};

struct api_call {
	struct api *api;
	struct http_request *http;
	const struct api_route *route; /* NULL: none matched */
	struct slice
	    named[API_NAMED_MAX]; /* what the path's braces stand for */
	char user[UUID_TEXT_MAX]; /* API_USER */
	int64_t token_exp_s;	  /* when that user's token ends */
	const char *webhook_id;	  /* API_WEBHOOK; NULL: it has none */
	struct arena arena;	  /* rows read from the database */
	struct buf body;
	cJSON *in;		  /* API_JSON: the body */
	struct api_stream stream; /* API_STREAM */
};

/* Whether the route is this caller's; false when answered (caller.c). */
bool MUST_CHECK api_identify(struct api_call *c);

/* ---- answering (answer.c) ------------------------------------------------ */

/* Takes over the document in b. */
void api_answer(struct api_call *c, unsigned status, struct buf *b);
/* 204 */
void api_answer_nothing(struct api_call *c);
/* {"error": error}; the text is copied. */
void api_fail(struct api_call *c, unsigned status, const char *error);
/* 401 {"error":"Unauthorized","message":...} */
void api_unauthorized(struct api_call *c, const char *message);
/* With Retry-After. */
void api_fail_for(struct api_call *c, unsigned status, int retry_s,
		  const char *error);
/* 503: something the API needs is away. */
void api_unavailable(struct api_call *c, const char *error);
/* True when err is QUEUE_OK; else answered: 404 with @not_found, 409 with
 * @conflict (NULL: not expected), 503, 500. */
bool api_queue_ok(struct api_call *c, enum queue_error err,
		  const char *not_found, const char *conflict);
/* The same with another Content-Type; b is no JSON. */
void api_answer_text(struct api_call *c, const char *content_type,
		     struct buf *b);
/* Sends b under an ETag of its bytes, or 304 when the client has it. */
void api_answer_cached(struct api_call *c, struct buf *b);
/* The name of these bytes: 32 digits, as they stand in the ETag. */
#define API_TAG_MAX 33
void api_tag(struct slice body, char out[API_TAG_MAX]);
/* Headers of such an answer, with @cache for Cache-Control; true when the
 * client has these bytes and was answered with 304. */
bool api_not_modified(struct api_call *c, const char *cache, struct slice body);

/* ---- input (input.c) ---------------------------------------------------- */

/* A query parameter, decoded; NULL when absent or not UTF-8 text. */
const char *api_query(struct api_call *c, const char *name);
/* A text that may be absent or null, which is NULL then. False when it is
 * something else: answered with 400. */
bool api_optional_text(struct api_call *c, const char *name, const char **out);
struct api_page {
	uint32_t page;	/* from 1 */
	uint32_t limit; /* 1..100 */
	uint32_t offset;
};
/* False when answered with 400. */
bool api_page(struct api_call *c, struct api_page *out);
void api_put_pagination(struct buf *b, const struct api_page *p,
			uint64_t total);
/* The UUID of a path or query in lower case, or NULL when it is none (no such
 * row can exist: treat as not found). */
const char *api_uuid(struct api_call *c, const char *text);

/* ---- URLs (url.c) ------------------------------------------------------- */

struct api_presign {
	const char *method;
	const char *bucket;
	const char *key;
	struct slice query; /* further parameters, encoded, sorted */
	const struct auth_header *headers; /* to be sent, beside host */
	size_t n_headers;		   /* at most 4 */
	uint32_t expires_s;
	int64_t now_us;
};
/* Appends a presigned URL to out; errors are buf's. */
void api_presign(struct api_call *c, const struct api_presign *p,
		 struct buf *out);
/* Appends a presigned GET of a key, the same text for half an hour. */
void api_get_url(struct api_call *c, const char *bucket, const char *key,
		 uint32_t expires_s, struct buf *out);
#define API_URL_S 5400
/* In a playlist: a film of 24 hours plays to its end. */
#define API_PLAYLIST_URL_S 90000
/* The same as a member; null when key is NULL. */
void api_put_url(struct api_call *c, struct buf *b, const char *name,
		 const char *bucket, const char *key);

/* ---- webhooks (webhooks.c) ----------------------------------------------- */

/* From the settings; 0, or -1 with one line in err. */
int MUST_CHECK api_webhook_keys(struct api *api, char err[512]);
/* Is the body signed? False when answered. */
bool api_webhook_proven(struct api_call *c);

/* ---- shared documents --------------------------------------------------- */

/* A video's members, inside an open object; @full adds the analysis. */
void api_put_video(struct api_call *c, struct buf *b,
		   const struct queue_video *v, bool full);
/* The status of the video of an id as the client gave it: what live_video()
 * fills. False when answered. */
bool api_read_status(struct api_call *c, const char *text,
		     struct queue_video *out);
/* Its document; api_is_final(): nothing more will happen to it by itself. */
void api_put_status(struct api_call *c, struct buf *b,
		    const struct queue_video *v);
bool api_is_final(const struct queue_video *v);
#define API_VIDEO_NOT_FOUND "Video not found or access denied"
/* The members "mode" and "aspect" of @in, which may be absent: NULL, or what is
 * wrong. */
const char *api_clip_how(const cJSON *in, struct queue_clip *clip);
/* The caller's video, fit for further work; false when answered. */
bool api_clip_source(struct api_call *c, const char *video_id,
		     struct queue_video *out);
#define API_VIDEO_NOT_READY "The video has not been processed yet"

/* ---- handlers ----------------------------------------------------------- */

void api_upload_url(struct api_call *c);      /* upload_url.c */
void api_complete_upload(struct api_call *c); /* complete.c */
void api_multipart(struct api_call *c);	      /* multipart.c */
void api_upload(struct api_call *c);	      /* legacy.c */
void api_video_status(struct api_call *c);    /* videos.c */
void api_video_status_query(struct api_call *c);
void api_video_events(struct api_call *c); /* live_stream.c */
void api_video_get(struct api_call *c);
void api_video_list(struct api_call *c);
void api_file_list(struct api_call *c); /* files.c */
void api_file_get(struct api_call *c);
void api_task_list(struct api_call *c); /* tasks.c */
void api_task_create(struct api_call *c);
void api_task_cancel(struct api_call *c);
void api_clip_list(struct api_call *c); /* clips.c */
void api_clip_create(struct api_call *c);
void api_clip_status(struct api_call *c);
void api_clips_generate(struct api_call *c); /* generate.c */
void api_webhook_video(struct api_call *c);  /* webhooks.c */
void api_s3_events(struct api_call *c);	     /* s3_events.c */
void api_jobs_process(struct api_call *c);   /* jobs.c */
void api_health_live(struct api_call *c);    /* health.c */
void api_health_ready(struct api_call *c);
void api_metrics(struct api_call *c); /* metrics.c */
void api_home(struct api_call *c);    /* home.c */
void api_openapi(struct api_call *c); /* openapi.c */

extern const char api_openapi_text[]; /* openapi.json */

#endif
