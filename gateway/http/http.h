/*
 * http.h - one HTTP server for both ports: the contract between the server
 * (gateway/http/server.c and gateway/http/response.c, the only users of
 * libmicrohttpd) and the applications on top of it (S3, video API).
 *
 * Thread per connection: an application's functions are straight-line code
 * that may block; those of one request run in one thread, in the order
 *     begin, body*, finish, release
 * begin   headers are complete. Refuse here with http_answer_*(): the answer
 *         is sent without reading the body and the connection closes. Only a
 *         body of at most 1 MiB that is on its way anyway is discarded first.
 * body    a piece of the request body, as received (only when begin did not
 *         answer). An error is remembered by the application until finish, or
 *         ended at once with http_answer_*() (the rest is drained to a bound).
 * finish  the body is complete: must answer, exactly once.
 * release called last, whenever begin was: free what begin allocated; the
 *         client may have gone at any time before. The arena is freed after.
 * refuse  the server itself refuses, before begin: answer in the format of the
 *         application. NULL: plain text.
 *
 * The server itself refuses (400, close) what could desynchronise a proxy:
 * Transfer-Encoding other than exactly "chunked", together with
 * Content-Length, or in HTTP/1.0; repeated Content-Length, Host,
 * Authorization, Range, x-amz-content-sha256; header names that are no tokens;
 * a missing Host (but in HTTP/1.0). An expectation other than 100-continue is
 * refused with 417. Near the connection limit it refuses with 503.
 */
#ifndef GATEWAY_HTTP_H
#define GATEWAY_HTTP_H

#include "base/arena.h"
#include "base/buf.h"

#include <sys/types.h>

#define HTTP_LENGTH_UNKNOWN UINT64_MAX

struct http_header {
	struct slice name;  /* as sent */
	struct slice value; /* without surrounding blanks */
};

struct http_app;
struct http_request {
	struct arena arena; /* freed when the request ends */
	struct slice method;
	struct slice raw_path;	/* as sent, absolute-form stripped: begins / */
	struct slice raw_query; /* as sent, without '?' */
	bool has_query;
	const struct http_header *headers; /* in order, duplicates kept */
	size_t n_headers;
	uint64_t content_length; /* HTTP_LENGTH_UNKNOWN: chunked */
	bool has_body;		 /* Content-Length > 0 or chunked */
	bool is_http_1_0;
	const char *peer_ip; /* "" when unknown */
	char request_id[17]; /* x-amz-request-id: 16 upper-case characters */
	const char *host_id; /* x-amz-id-2 */
	int64_t start_us;    /* monotonic */
	const struct http_app *app;
	void *app_state; /* the application's, freed by its release */
	/* filled for the access line */
	const char *operation; /* "PutObject", "upload-url"; static text */
	struct slice bucket;   /* empty: none; lives as long as the arena */
	unsigned status;
	uint64_t bytes_in, bytes_out;
	struct http_exchange *exchange; /* the server's own */
};

struct http_app {
	const char *name; /* "s3", "api": in log lines */
	void *ctx;	  /* the application's world */
	void (*begin)(struct http_request *req);
	void (*body)(struct http_request *req, const void *p, size_t n);
	void (*finish)(struct http_request *req);
	void (*release)(struct http_request *req);
	void (*refuse)(struct http_request *req, unsigned status,
		       const char *why);
};

/* May stand as the name, as the value of a header (RFC 9110 §5.1, §5.5): what
 * does not could smuggle in another header. */
bool http_is_token(struct slice s);
bool http_is_value(struct slice s);

/* First value of that name, any case; .p is NULL when absent. */
struct slice http_header_get(const struct http_request *req, const char *name);
bool http_header_has(const struct http_request *req, const char *name);
bool http_answered(const struct http_request *req);

/* ---- answering ---------------------------------------------------------- */

/*
 * Headers of the answer are collected first, then one http_answer_*() call
 * sends it. Date, Server, Content-Length, Connection, x-amz-request-id and
 * x-amz-id-2 are the server's. Values are copied, names live as long as the
 * arena; what is no header is left out.
 */
void http_set_header(struct http_request *req, const char *name,
		     struct slice value);
void http_set_headerf(struct http_request *req, const char *name,
		      const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The body is copied. A HEAD request gets its length only. */
void http_answer(struct http_request *req, unsigned status, struct slice body);
/* Takes over b's memory; b is empty afterwards. */
void http_answer_buf(struct http_request *req, unsigned status, struct buf *b);
/* Bytes that are somebody else's until close(ctx), which is called once. */
void http_answer_lent(struct http_request *req, unsigned status,
		      struct slice body, void (*close)(void *ctx), void *ctx);
/* n bytes of fd from offset by sendfile; the server closes fd. */
void http_answer_fd(struct http_request *req, unsigned status, int fd,
		    uint64_t offset, uint64_t n);
/*
 * n bytes pulled from read(): 0, or -1 to cut the connection short (the
 * client sees the truncation). close(ctx) is called once at the end.
 */
struct http_source {
	int (*read)(void *ctx, uint64_t offset, void *p, size_t n);
	void (*close)(void *ctx);
	void *ctx;
};
void http_answer_source(struct http_request *req, unsigned status, uint64_t n,
			const struct http_source *source);

/*
 * An answer of unknown length, sent as it comes. next() writes at most n bytes
 * and answers how many; 0 ends the answer, -1 cuts the connection short. It
 * may wait. close(ctx) is called once at the end.
 */
struct http_stream {
	ssize_t (*next)(void *ctx, void *p, size_t n);
	void (*close)(void *ctx);
	void *ctx;
};
void http_answer_stream(struct http_request *req, unsigned status,
			const struct http_stream *stream);

/* The answer to a HEAD request whose GET would send n bytes, and 304 for a
 * representation of n bytes. */
void http_answer_head(struct http_request *req, unsigned status, uint64_t n);

/* ---- the server --------------------------------------------------------- */

struct http_server;
/*
 * Of a connection, in bytes: for the head of a request, and half of it for a
 * piece of body. The daemon zeroes all of it after each request: with
 * HTTP_MEMORY_LARGE that alone took a tenth of the time of a small one. Large
 * uploads to the disk are no slower for smaller pieces, which stay in the cache
 * of the core; those that are passed on are, as each piece is looked at for
 * both sides.
 */
#define HTTP_MEMORY 32768u
#define HTTP_MEMORY_LARGE 131072u

struct http_server_conf {
	const char *listen; /* "127.0.0.1:9000", port 0: a free one */
	unsigned max_connections;
	unsigned connection_memory;
	const struct http_app *app; /* outlives the server */
};
/* NULL with one line for the user in err (512 bytes): "port 9000 is in use
 * by another program: ...". */
struct http_server *http_server_start(const struct http_server_conf *conf,
				      char err[512]);
/* The address in use, "127.0.0.1:41234". */
const char *http_server_address(const struct http_server *s);
/*
 * http_server_drain - stops accepting, lets running requests end (at most
 * timeout_ms), closes idle connections. http_server_stop then joins all
 * threads and frees. stop(NULL) is fine.
 */
void http_server_drain(struct http_server *s, int timeout_ms);
void http_server_stop(struct http_server *s);

#endif
