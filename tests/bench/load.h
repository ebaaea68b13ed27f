/*
 * load.h - what the files of the load generator share.
 *
 * It has to be cheaper than the servers it measures, or it measures itself:
 * every request is built and signed before the clock starts (a signature is
 * good for 15 minutes), bodies are one block of 1 MiB sent again and again,
 * bodies of answers are dropped in the kernel (MSG_TRUNC), and one thread
 * serves many connections. All of this is the same for every server.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "auth/auth.h"
#include "base/buf.h"
#include "tests/bench/stats.h"

#include <stdatomic.h>
#include <sys/socket.h>

/* ---- what was asked for (load.c) --------------------------------------- */

enum load_op {
	LOAD_PUT,
	LOAD_GET,
	LOAD_HEAD,
	LOAD_DELETE,
	LOAD_LIST,
	LOAD_OP_COUNT, /* those before it can be parts of a mix */
	LOAD_MIXED = LOAD_OP_COUNT,
	LOAD_COMPLETE,
	LOAD_COPY
};

enum load_auth { LOAD_AUTH_HEADER, LOAD_AUTH_PRESIGNED, LOAD_AUTH_NONE };

struct load_conf {
	const char *url;   /* http://127.0.0.1:9000 */
	struct slice host; /* "127.0.0.1:9000", out of it */
	struct sockaddr_storage address;
	socklen_t address_n;
	const char *bucket;
	const char *prefix; /* of all keys */
	struct auth_signer signer;
	enum load_auth auth;
	bool payload_signed; /* else UNSIGNED-PAYLOAD */
	bool create_bucket;
	enum load_op op;
	unsigned mix[LOAD_OP_COUNT]; /* weights */
	uint64_t size;		     /* bytes of an object */
	uint64_t keys;
	uint64_t connections;
	uint64_t threads;
	uint64_t count;	     /* requests; 0: seconds decide */
	uint64_t seconds_ms; /* how long, and before it ... */
	uint64_t warmup_ms;  /* ... uncounted */
	uint64_t max_keys;
	uint64_t list_prefixes;
	const char *delimiter;
	uint64_t parts;	   /* of a large object */
	bool upload_parts; /* else they are copied */
};

/* ---- requests, ready to send (load_plan.c) ----------------------------- */

#define LOAD_BLOCK_BYTES (1u << 20)
#define LOAD_HEADERS_MAX 2

struct load_request {
	struct slice head; /* request line and headers */
	uint64_t body_n;   /* of the block, repeated */
	enum load_op op;
};

struct load_plan {
	struct load_request *v;
	size_t n;
	struct buf heads;
	char *block; /* LOAD_BLOCK_BYTES that do not compress */
};

struct load_request_form {
	const char *method;
	struct slice path;	   /* "/bucket/key", encoded */
	struct slice query;	   /* encoded, without '?' */
	struct slice copy_source;  /* x-amz-copy-source; empty: none */
	struct slice payload_hash; /* 64 hex digits or UNSIGNED-PAYLOAD */
	uint64_t body_n;
};
/* Appends request line and headers, signed as conf says. -1: memory. */
int MUST_CHECK load_request_build(const struct load_conf *conf,
				  const struct load_request_form *form,
				  struct buf *out);
/* "/bucket/PREFIX00000007" into path, emptied before. */
void load_object_path(const struct load_conf *conf, uint64_t key,
		      struct buf *path);
/* -1: memory. End with load_plan_release() in any case. */
int MUST_CHECK load_plan_build(const struct load_conf *conf,
			       struct load_plan *plan);
void load_plan_release(struct load_plan *plan);

/* ---- one connection (load_conn.c) -------------------------------------- */

enum load_step {
	STEP_DONE,
	STEP_READ,  /* wants to be called when the socket is readable */
	STEP_WRITE, /* ... writable */
	STEP_FAILED /* the connection broke or the answer is no HTTP */
};

#define LOAD_HEAD_MAX 16384u
#define LOAD_ETAG_MAX 64
struct load_conn {
	int fd; /* -1: not connected */
	bool blocking;
	const char *block;
	/* the request */
	struct slice head;
	uint64_t body_n;
	uint64_t sent; /* of both together */
	bool is_head;
	/* the answer */
	int status;	   /* 0: not known yet */
	uint64_t length;   /* Content-Length */
	uint64_t received; /* body bytes */
	bool chunked;
	bool last_chunk;
	size_t chunk_left;
	bool close_after;	  /* the server will close */
	char etag[LOAD_ETAG_MAX]; /* as sent, with quotes */
	struct buf *keep;	  /* where the body goes; NULL: nowhere */
	uint64_t got;		  /* in in[] */
	char in[LOAD_HEAD_MAX];
};

/* 0 or -1 with errno. */
int MUST_CHECK load_conn_open(struct load_conn *c, const struct load_conf *conf,
			      const char *block, bool blocking);
void load_conn_close(struct load_conn *c);
/* Starts a request on an open connection, whose last one is done. @keep: may
 * be NULL. */
void load_conn_begin(struct load_conn *c, const struct load_request *r,
		     struct buf *keep);
/* A line on stderr about the request that began last. */
void load_conn_tell(const struct load_conn *c, enum load_step s);
/* Sends and receives until done, broken or, unless blocking, it would block. */
enum load_step load_conn_step(struct load_conn *c);

/* ---- measuring (load_run.c) -------------------------------------------- */

/* 0, or -1 with a line on stderr when there was no connection. */
int MUST_CHECK load_run(const struct load_conf *conf,
			const struct load_plan *plan, struct bench_result *out);

/* ---- the others (load_large.c, load_list.c) ----------------------------- */

/* conf->count completions or copies of objects of conf->parts parts of
 * conf->size bytes. -1 with a line on stderr. */
int MUST_CHECK load_large(const struct load_conf *conf, const char *block,
			  struct bench_result *out);
/* Asks for the first page of the plan; -1 with a line on stderr. */
int MUST_CHECK load_list_once(const struct load_conf *conf,
			      const struct load_plan *plan, uint64_t *entries);

#endif
