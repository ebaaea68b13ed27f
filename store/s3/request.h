/*
 * request.h - signed requests to another S3 endpoint, repeated where that
 * is safe, their failures translated into our own vocabulary. Used by the s3
 * backend only.
 *
 * All requests to an endpoint share at most S3_SLOTS connections; who finds
 * none waits for one, but not for long. They share as well what was learnt of
 * the endpoint: in which region a bucket lies, how far its clock is from
 * ours, and how many more requests may be repeated when it is in trouble.
 * Threads: any; an exchange by one at a time.
 */
#ifndef STORE_S3_REQUEST_H
#define STORE_S3_REQUEST_H

#include "base/http_client.h"
#include "store/store.h"

/* A transfer takes less than 1 MiB with all its buffers (base/http_client.h). A
 * slow client holds its connection for as long as its transfer lasts. */
#define S3_SLOTS 256
#define S3_REGION_MAX STORE_REGION_MAX

struct s3_remote; /* an endpoint, its signer, its connections */

/* NULL with one line in err: the endpoint is no http(s)://host[:port]. */
struct s3_remote *s3_remote_open(const struct store_s3_conf *conf,
				 char err[512]);
/* Ends all waiting, for answers and for another try: what is under way fails
 * soon, and what comes then at once. */
void s3_remote_stop(struct s3_remote *r);
void s3_remote_close(struct s3_remote *r); /* NULL is fine */
/* Whether the endpoint tells the checksum of what was put there, @named in the
 * request or not: as its last answer did. */
enum s3_habit { S3_NOT_KNOWN, S3_DOES, S3_DOES_NOT };
enum s3_habit s3_remote_sums(struct s3_remote *r, bool named);
void s3_remote_sums_seen(struct s3_remote *r, bool named, bool told);
/* Bodies in chunks need no signatures of their own. */
bool s3_remote_is_https(const struct s3_remote *r);

struct s3_call {
	const char *method;
	struct slice bucket;	      /* empty: about the account */
	struct slice key;	      /* empty: about the bucket */
	struct slice query;	      /* encoded, its names ascending */
	struct store_headers headers; /* sent and signed */
	const struct http_client_body *body;
	const char *payload_hash; /* hex SHA-256 of the body, or STREAMING- */
	uint64_t answer_max; /* of a body that is collected; 0: an error's */
	/* CopyObject, CompleteMultipartUpload, UploadPartCopy, DeleteObjects:
	 * the endpoint begins with 200 and works then; what goes wrong is an
	 * <Error> in the body, handled as if the status said so. */
	bool may_fail_late;
	bool quiet; /* the caller tells of failures */
	/* For all tries together, 0: 60 s, and each is given up after 30 s
	 * without progress; of what may fail late 5 minutes. */
	int timeout_ms;
};

/*
 * s3_request_run - S3_OK for a 2xx answer, collected in @out. Repeated up to 5
 * times with full jitter after a connection's failure and 429, 500, 502, 503,
 * 504, no sooner than Retry-After says: a body can be read again, and
 * operations of the backend are idempotent, but for changes with conditions,
 * which are not repeated when they may have arrived. Repeated once more, and
 * at once, for another region or another clock that the answer names.
 * Errors: the Code of the answer; SLOW_DOWN when nothing was sent;
 * SERVICE_UNAVAILABLE when no answer came, or our own pair of keys was
 * refused; all of these are logged.
 * @out holds the last answer; end with http_client_answer_release().
 */
enum s3_error MUST_CHECK s3_request_run(struct s3_remote *r,
					const struct s3_call *call,
					struct http_client_answer *out);

/* Of a HEAD's answer: a refusal that may be of the request or of our own keys,
 * which it has no body to say. */
static inline bool
s3_has_no_words(const struct http_client_answer *a)
{
	return a->status == 400 || a->status == 403;
}

/* A request whose body, or answer, is not held in memory. */
struct s3_exchange {
	struct s3_remote *remote;
	const struct s3_call *call;
	struct http_client *client; /* NULL: over */
	struct http_client_answer answer;
	struct signer_chain chain; /* of a STREAMING- payload */
};

/*
 * s3_exchange_open - with a body that is sent (no read_at): S3_OK when the
 * other side takes it. Else S3_OK when a 2xx answer begins. Repeated and
 * failing as s3_request_run(); nothing is repeated after that. @call outlives
 * x. Ends with s3_exchange_close() in any case.
 */
enum s3_error MUST_CHECK s3_exchange_open(struct s3_remote *r,
					  const struct s3_call *call,
					  struct s3_exchange *x);
/* Errors of these are final. An answer that comes early is one. */
enum s3_error MUST_CHECK s3_exchange_send(struct s3_exchange *x, const void *p,
					  size_t n);
/* After the last byte: the answer, collected. */
enum s3_error MUST_CHECK s3_exchange_finish(struct s3_exchange *x);
/* Of the answer's body; fewer than n at its end only. *got is right when it
 * fails, too; nothing is logged. */
enum s3_error MUST_CHECK s3_exchange_read(struct s3_exchange *x, void *p,
					  size_t n, size_t *got);
/* What is not whole is cut short. A zeroed exchange is fine. */
void s3_exchange_close(struct s3_exchange *x);

/* Hex SHA-256 of nothing. */
extern const char S3_EMPTY_SHA256[];

#endif
