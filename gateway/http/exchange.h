/*
 * exchange.h - what server_request.c, response.c and framing.c share about one
 * request: private to the HTTP layer. An exchange is made when the request
 * line has come and ends when the server reports the request completed, in
 * one place only (server_request.c).
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "gateway/http/http.h"
#include "gateway/http/linger.h"
#include "gateway/http/sweep.h"

#include <stdatomic.h>

struct MHD_Connection;
struct MHD_Daemon;

#define HTTP_ID_MAX 33
#define HTTP_PEER_MAX 46 /* an IPv6 address in text */

struct http_server {
	const struct http_app *app;
	struct MHD_Daemon *daemon;
	struct sweeper *sweeper;
	struct lingerer *linger;
	unsigned max_connections, connection_memory;
	int listen_fd; /* until the daemon owns it */
	char address[64];
	char host_id[HTTP_ID_MAX]; /* x-amz-id-2: one per server start */
	_Atomic uint64_t next_id;  /* x-amz-request-id: request_id() */
	atomic_bool draining;
};

enum exchange_phase {
	PHASE_HEADERS,	/* nothing of the application has run */
	PHASE_BODY,	/* begin has run */
	PHASE_ANSWERED, /* the answer was handed to the daemon */
};

enum answer_kind {
	ANSWER_NONE,
	ANSWER_MEMORY,
	ANSWER_FD,
	ANSWER_SOURCE,
	ANSWER_STREAM
};

struct answer_header {
	struct answer_header *next;
	const char *name;
	const char *value;
};

/* The answer is collected first and handed to the daemon when its time has
 * come, since the daemon takes one only in some calls. */
struct answer {
	enum answer_kind kind;
	unsigned status;
	struct answer_header *first, **last;
	struct slice bytes; /* ANSWER_MEMORY */
	struct buf memory;  /* that holds them, or empty: they are lent */
	int fd;
	uint64_t offset;
	uint64_t n; /* body bytes */
	struct http_source source;
	struct http_stream stream;
};

struct http_exchange {
	struct http_request req;
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct sweep_conn *sweep; /* NULL: not watched */
	enum exchange_phase phase;
	bool begun; /* release is due */
	struct answer answer;
	struct slice target; /* the request target as sent */
	struct http_header *headers;
};

/*
 * What a connection keeps from one request to the next, which follow each
 * other strictly: its exchange, and memory that is enough for most requests.
 * Of the connection's thread, but for making and freeing it.
 */
#define HTTP_BLOCK_BYTES 8192
struct http_conn {
	struct sweep_conn *sweep;
	char peer_ip[HTTP_PEER_MAX]; /* "": not asked yet, or unknown */
	struct http_exchange exchange;
	_Alignas(max_align_t) char block[HTTP_BLOCK_BYTES];
};

/* ---- framing.c ---------------------------------------------------------- */

/*
 * framing_check - fills raw_path, raw_query, content_length and has_body from
 * the target and the headers; what could be understood differently by a proxy
 * in front is refused. 0, or the status with the reason in one sentence.
 */
unsigned framing_check(struct http_request *req, struct slice target,
		       const char **why);

/* ---- response.c --------------------------------------------------------- */

void answer_init(struct answer *a);
/* Closes and frees what the answer still owns. */
void answer_release(struct answer *a);
/* Hands the collected answer to the daemon; its verdict (MHD_YES or MHD_NO). */
int answer_queue(struct http_exchange *x);
/*
 * Writes a whole answer to the socket while the daemon is still reading the
 * body, where it takes none. The connection is to be closed after it.
 */
void answer_write_raw(struct http_exchange *x, int fd);

#endif
