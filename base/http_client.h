/*
 * http_client.h - HTTP requests to others, one at a time: the only user of
 * libcurl. HTTP/1.1, no redirects, no proxy, no cookies, no decompression:
 * what is asked for is what goes over the wire, and what comes back is what
 * the server sent. URLs are sent as given (the caller has encoded them).
 * Of https the certificate and the name in it are always verified.
 *
 * An exchange is driven by its caller, in its own thread:
 *     http_client_begin, [http_client_await, http_client_send ...],
 *     http_client_answer, http_client_read ..., http_client_end
 * and http_client_run() is all of that for what fits in memory.
 *
 * A client keeps its connection for the next exchange when this one ended
 * whole on both sides. Every call ends: 5 s to connect, 30 s of waiting with
 * less than 1 KiB/s in either direction, and the caller's own deadline; the
 * time between two calls is the caller's and counts for the last alone.
 * Memory of an exchange: at most 520 KiB.
 * Threads: a client belongs to one thread at a time.
 */
#ifndef BASE_HTTP_CLIENT_H
#define BASE_HTTP_CLIENT_H

#include "base/buf.h"

#include <stdatomic.h>

enum http_client_error {
	HTTP_CLIENT_OK,		 /* answered, whatever the status */
	HTTP_CLIENT_UNREACHABLE, /* no connection, or none to be believed:
				    nothing was sent */
	HTTP_CLIENT_BROKEN,   /* ended early, or too slow: may have arrived */
	HTTP_CLIENT_REFUSED,  /* by a bound or a callback of the caller */
	HTTP_CLIENT_ANSWERED, /* of a send: the answer came before the body was
				 whole, so no more of it is wanted */
	HTTP_CLIENT_INTERNAL  /* memory, or a request that cannot be sent */
};

struct http_client_body {
	uint64_t size; /* exact: announced as Content-Length */
	/* n bytes from offset into p: 0, or -1 ends the call. A body that can
	 * be read again: the request may be repeated. NULL: it is brought by
	 * http_client_send(). */
	int (*read_at)(void *ctx, uint64_t offset, void *p, size_t n);
	void *ctx;
};

struct http_client_call {
	const char *method; /* "GET" */
	const char *url;    /* absolute, encoded */
	/* "Name: value\r\n" lines; Content-Length is added from the body. */
	struct slice headers;
	const struct http_client_body *body; /* NULL: none */
	bool once; /* never sent again, even if a kept connection had died */
	int timeout_ms; /* for the whole exchange; 0: only the stall limit */
	int stall_ms;	/* waiting with less than 1 KiB/s; 0: 30 s */
	/* PEM file of the authorities to be believed; NULL: the system's */
	const char *ca_file;
	/* When that becomes true the call ends soon, as BROKEN or
	 * UNREACHABLE; NULL: never. */
	const atomic_bool *stop;
	/* Of http_client_run(): body bytes accepted of the answer; more is
	 * HTTP_CLIENT_REFUSED. */
	uint64_t answer_max;
	/* Takes the body of a 2xx answer as it comes; non-zero ends the call.
	 * NULL: it is collected in the answer. */
	int (*sink)(void *ctx, const void *p, size_t n);
	void *sink_ctx;
};

struct http_client_answer {
	unsigned status;    /* 0: there was none */
	struct buf headers; /* "name: value\n" lines as received */
	struct buf body;    /* when it is collected */
	bool untrusted;	    /* their certificate was not believed */
	char error[256];    /* what went wrong, for a log line */
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

/*
 * http_client_begin - starts an exchange; nothing is waited for. Exactly one
 * http_client_end() follows an HTTP_CLIENT_OK. @call->body, what it reads from
 * and @out must live until then; @out is filled from scratch.
 * Of every error below the text is in out->error.
 */
enum http_client_error MUST_CHECK
http_client_begin(struct http_client *c, const struct http_client_call *call,
		  struct http_client_answer *out);
/* Until the other side takes a body that is to be sent: it said so (asked
 * above 1 MiB, as Expect: 100-continue), or a second passed.
 * HTTP_CLIENT_ANSWERED as below. Of it no byte was sent so far. */
enum http_client_error MUST_CHECK http_client_await(struct http_client *c);
/* The next bytes of a body without read_at, taken when it returns. They may
 * wait to be sent until the next call, but for the last. */
enum http_client_error MUST_CHECK http_client_send(struct http_client *c,
						   const void *p, size_t n);
/* Until status and headers of the final answer are in @out. A body that was
 * announced longer than it was sent is HTTP_CLIENT_INTERNAL, unless the answer
 * came all the same. */
enum http_client_error MUST_CHECK http_client_answer(struct http_client *c);
/* The next n bytes of the answer's body; fewer at its end only. *got is right
 * in case of an error too. */
enum http_client_error MUST_CHECK http_client_read(struct http_client *c,
						   void *p, size_t n,
						   size_t *got);
/* The rest of the body into out->body; HTTP_CLIENT_REFUSED past max bytes. */
enum http_client_error MUST_CHECK http_client_collect(
    struct http_client *c, struct http_client_answer *out, uint64_t max);
/* An exchange that is not whole is cut short: the other side sees it. */
void http_client_end(struct http_client *c);

#endif
