/*
 * s3_request.h - one signed request to another S3 endpoint, repeated where
 * that is safe, its failure translated into our own vocabulary. Used by the
 * s3 backend only.
 */
#ifndef STORE_S3_REQUEST_H
#define STORE_S3_REQUEST_H

#include "base/http_client.h"
#include "store/store.h"

#define S3_REQUEST_CLIENTS 16 /* connections kept for reuse */

struct s3_remote; /* an endpoint, its signer, its connections */

/* NULL with one line in err: the endpoint is no http(s)://host[:port]. */
struct s3_remote *s3_remote_open(const struct store_s3_conf *conf,
				 char err[512]);
void s3_remote_close(struct s3_remote *r); /* NULL is fine */

struct s3_call {
	const char *method;
	struct slice bucket;
	struct slice key;	      /* empty: about the bucket */
	struct slice query;	      /* encoded, its names ascending */
	struct store_headers headers; /* sent and signed */
	const struct http_client_body *body;
	const char *payload_hash; /* hex SHA-256 of the body */
	/* Takes the body of a 2xx answer, which must be into_n bytes. */
	void *into;
	size_t into_n;
	uint64_t answer_max; /* of a body that is collected; 0: an error's */
};

/*
 * s3_request_run - S3_OK for a 2xx answer. Repeated up to 5 times with full
 * jitter after a connection's failure and 429, 500, 502, 503, 504: a body can
 * be read again, and all operations of the backend are idempotent.
 * Errors: the Code of the answer; SERVICE_UNAVAILABLE when none came.
 * @out holds the last answer; end with http_client_answer_release().
 */
enum s3_error MUST_CHECK s3_request_run(struct s3_remote *r,
					const struct s3_call *call,
					struct http_client_answer *out);
/* Hex SHA-256 of nothing. */
extern const char S3_EMPTY_SHA256[];

#endif
