/*
 * http_client.h - HTTP requests to others, one at a time: the only user of
 * libcurl. HTTP/1.1, no redirects, no proxy, no cookies, no decompression:
 * what is asked for is what goes over the wire, and what comes back is what
 * the server sent. URLs are sent as given (the caller has encoded them).
 *
 * A client keeps its connection for the next call. Every call ends: 5 s to
 * connect, 30 s without progress (1 KiB/s), and the caller's own deadline.
 * Threads: a client belongs to one thread at a time.
 */
#ifndef BASE_HTTP_CLIENT_H
#define BASE_HTTP_CLIENT_H

#include "base/buf.h"

enum http_client_error {
	HTTP_CLIENT_OK,		 /* answered, whatever the status */
	HTTP_CLIENT_UNREACHABLE, /* no connection: nothing was sent */
	HTTP_CLIENT_BROKEN,  /* ended early, or too slow: may have arrived */
	HTTP_CLIENT_REFUSED, /* by a bound or a callback of the caller */
	HTTP_CLIENT_INTERNAL /* memory, or a request that cannot be sent */
};

/* A body that can be read again, so that a request may be repeated. */
struct http_client_body {
	uint64_t size;
	/* n bytes from offset into p: 0, or -1 ends the call. */
	int (*read_at)(void *ctx, uint64_t offset, void *p, size_t n);
	void *ctx;
};

struct http_client_call {
	const char *method; /* "GET" */
	const char *url;    /* absolute, encoded */
	/* "Name: value\r\n" lines; Content-Length is added from the body. */
	struct slice headers;
	const struct http_client_body *body; /* NULL: none */
	/* Body bytes accepted of the answer; more is HTTP_CLIENT_REFUSED. */
	uint64_t answer_max;
	/* Takes the body of a 2xx answer as it comes; non-zero ends the call.
	 * NULL: it is collected in the answer. */
	int (*sink)(void *ctx, const void *p, size_t n);
	void *sink_ctx;
	int timeout_ms; /* for the whole call; 0: only the stall limit */
};

struct http_client_answer {
	unsigned status;
	struct buf headers; /* "name: value\n" lines as received */
	struct buf body;
	char error[256]; /* what went wrong, for a log line */
};

struct http_client;
/* NULL on memory shortage. */
struct http_client *http_client_new(void);
void http_client_free(struct http_client *c); /* NULL is fine */

/*
 * http_client_run - one request and its answer.
 * @out is filled from scratch (status 0 when there was no answer); end with
 * http_client_answer_release().
 */
enum http_client_error MUST_CHECK
http_client_run(struct http_client *c, const struct http_client_call *call,
		struct http_client_answer *out);
/* The value of the last header of that name, or the empty slice. */
struct slice http_client_header(const struct http_client_answer *a,
				const char *name);
void http_client_answer_release(struct http_client_answer *a);

#endif
