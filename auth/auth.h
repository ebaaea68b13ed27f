/*
 * auth.h - who may do what: signatures, tokens, secrets.
 *
 * SigV4 as in "Authenticating Requests (AWS Signature Version 4)" of the
 * Amazon S3 API reference: path encoded once and never normalised, service
 * "s3", header and query (presigned) form, chunk signatures of aws-chunked
 * bodies. One library for verifying and for signing.
 * Threads: all functions any; they share nothing but the key cache inside.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/s3_error.h"
#include "base/signer.h"

#define ACCESS_KEY_MAX 129 /* bytes, with NUL */
#define SECRET_KEY_MAX 128
#define AUTH_EXPIRES_MAX 604800 /* seconds a presigned URL may live */
#define AUTH_SKEW_US (900 * 1000000LL)

struct auth_header {
	struct slice name; /* as sent */
	struct slice value;
};

/* A request as it came over the wire. */
struct auth_request {
	struct slice method;
	struct slice raw_path;	/* "/bucket/a%20b", undecoded, begins with / */
	struct slice raw_query; /* without '?', undecoded */
	const struct auth_header *headers; /* duplicates in order */
	size_t n_headers;
};

/* ---- verifying -------------------------------------------------------- */

/* Answers the account and secret of an access key: 0, or -1 when unknown. */
struct auth_key {
	char secret[SECRET_KEY_MAX];
	char account_id[65];
	char display_name[65];
};
struct auth_keys {
	int (*lookup)(void *ctx, struct slice access_key, struct auth_key *out);
	void *ctx;
};

enum auth_payload {
	AUTH_PAYLOAD_UNSIGNED,	      /* UNSIGNED-PAYLOAD, or presigned */
	AUTH_PAYLOAD_SHA256,	      /* payload_sha256 must match the body */
	AUTH_PAYLOAD_CHUNKS,	      /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
	AUTH_PAYLOAD_CHUNKS_TRAILER,  /* ...-PAYLOAD-TRAILER */
	AUTH_PAYLOAD_UNSIGNED_TRAILER /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
};

enum auth_kind { AUTH_ANONYMOUS, AUTH_HEADER, AUTH_PRESIGNED, AUTH_FORM };

struct auth_identity {
	enum auth_kind kind;
	char access_key[ACCESS_KEY_MAX];
	char account_id[65];
	char display_name[65];
	enum auth_payload payload;
	uint8_t payload_sha256[SHA256_BYTES]; /* AUTH_PAYLOAD_SHA256 */
	/* for chunk signatures */
	uint8_t signing_key[SHA256_BYTES];
	char seed_signature[SHA256_HEX_MAX];
	char amz_date[17]; /* 20130524T000000Z */
	char scope[160];   /* 20130524/us-east-1/s3/aws4_request */
};

struct auth_policy {
	const char *service; /* "s3" (test vectors use "service") */
	/* Host names a signature may have been made for, tried in order beside
	 * the Host header as sent; NULL-terminated, may be NULL. "host[:port]"
	 * without scheme. @bucket_in_host: the bucket came from the Host, so
	 * candidates are "bucket.name". */
	const char *const *public_hosts;
	struct slice host_bucket; /* the bucket when it came from Host */
	/* The one region that may be signed for; NULL: any. */
	const char *region;
	int64_t now_us;
};

/*
 * auth_verify - who sent this request.
 * Neither an Authorization header nor X-Amz-{Algorithm,Credential,Signature} in
 * the query: kind AUTH_ANONYMOUS, S3_OK (with the payload's form all the same).
 * Session tokens are refused (INVALID_TOKEN): keys here
 * are permanent. Errors are AWS's (SIGNATURE_DOES_NOT_MATCH,
 * INVALID_ACCESS_KEY_ID, REQUEST_TIME_TOO_SKEWED, ACCESS_DENIED for expiry and
 * unsigned headers, AUTHORIZATION_*), with AWS's extra elements in *detail
 * (memory from @a). Compares in constant time; an unknown key costs as much as
 * a known one. Only verified identities are written to *out. detail may be
 * NULL.
 */
enum s3_error MUST_CHECK auth_verify(const struct auth_request *req,
				     const struct auth_keys *keys,
				     const struct auth_policy *policy,
				     struct arena *a, struct auth_identity *out,
				     struct s3_detail *detail);

/* ---- signing ---------------------------------------------------------- */

struct auth_signer {
	struct slice access_key;
	struct slice secret_key;
	struct slice region;
	const char *service; /* "s3" */
	/* Of keys that expire, sent and signed with each request and each URL;
	 * empty: none. */
	struct slice session_token;
};

/*
 * auth_sign - appends to out the lines "Authorization: ...\r\n" and
 * "x-amz-date: ...\r\n" and "x-amz-content-sha256: ...\r\n" for req, whose
 * headers must hold Host, and "x-amz-security-token: ...\r\n" where the keys
 * expire; all of req's headers are signed.
 * @payload_hash: 64 hex digits, UNSIGNED-PAYLOAD or a STREAMING-... name.
 * -1: memory, a broken %-escape, or a secret over 127 bytes.
 */
int MUST_CHECK auth_sign(const struct auth_request *req,
			 const struct auth_signer *signer,
			 struct slice payload_hash, int64_t now_us,
			 struct buf *out);
/* The same behind the contract of base/signer.h. @signer outlives it. */
struct signer auth_signer_as(const struct auth_signer *signer);
/*
 * auth_presign - appends to out the query string (without '?') that makes req
 * valid for expires_s seconds from now_us. req->raw_query holds further
 * parameters (encoded), req->headers what must be sent (host at least).
 * -1 as auth_sign(), and for expires_s outside 1..AUTH_EXPIRES_MAX.
 */
int MUST_CHECK auth_presign(const struct auth_request *req,
			    const struct auth_signer *signer,
			    uint32_t expires_s, int64_t now_us,
			    struct buf *out);

/* An object's URL to be signed. */
struct auth_url {
	const char *method;
	struct slice base;  /* "https://host:port", without a slash behind */
	const char *bucket; /* NULL: base's host names it */
	const char *key;
	struct slice query; /* further parameters, encoded, sorted */
	const struct auth_header *headers; /* to be sent, beside host */
	size_t n_headers;		   /* at most AUTH_URL_HEADERS_MAX */
};
#define AUTH_URL_HEADERS_MAX 4
/* Appends the whole URL to out. -1 as auth_presign(), or without a scheme. */
int MUST_CHECK auth_presign_url(const struct auth_url *url,
				const struct auth_signer *signer,
				uint32_t expires_s, int64_t now_us,
				struct buf *out);

/* ---- aws-chunked bodies ------------------------------------------------ */

/*
 * A byte-wise decoder of aws-chunked framing ("Signature Calculations for the
 * Authorization Header: Transferring Payload in Multiple Chunks"), accepting
 * any split of the input. Verifies each chunk's signature at its end, and the
 * trailer's. The payload form is conf->id->payload. Threads: one at a time.
 */
struct auth_chunked;
struct auth_chunked_conf {
	const struct auth_identity *id;
	uint64_t decoded_length; /* x-amz-decoded-content-length */
	struct slice
	    trailer; /* x-amz-trailer: one name under 64 bytes, or "" */
};
/* NULL on memory shortage or a longer trailer name. conf->id must outlive it.
 */
struct auth_chunked *auth_chunked_new(const struct auth_chunked_conf *conf);
/*
 * auth_chunked_feed - decodes in[0..n); payload bytes go to sink (which may
 * fail: its error is returned). Errors: INCOMPLETE_BODY (framing, or not the
 * decoded length), SIGNATURE_DOES_NOT_MATCH, INVALID_CHUNK_SIZE (8 KiB at
 * least but for the last), MALFORMED_TRAILER. After an error only
 * auth_chunked_free() may follow. detail may be NULL.
 */
typedef enum s3_error (*auth_sink)(void *ctx, const void *p, size_t n);
enum s3_error MUST_CHECK auth_chunked_feed(struct auth_chunked *c,
					   const void *in, size_t n,
					   auth_sink sink, void *ctx,
					   struct s3_detail *detail,
					   struct arena *a);
/* After the last byte: INCOMPLETE_BODY unless the final chunk, the trailer
 * and the decoded length are all there. */
enum s3_error MUST_CHECK auth_chunked_finish(struct auth_chunked *c);
/* Value of the checksum trailer ("x-amz-checksum-crc32"), or empty. */
struct slice auth_chunked_trailer(const struct auth_chunked *c);
void auth_chunked_free(struct auth_chunked *c); /* NULL is fine */

/* ---- user tokens (RFC 7519) --------------------------------------------- */

struct jwks;
struct auth_jwt_conf {
	struct slice secret;  /* of HS256; empty: such tokens are refused */
	struct jwks *keys;    /* of RS256 and ES256; NULL: likewise */
	const char *audience; /* "" : not checked */
	const char *issuer;   /* "" : not checked */
};
struct auth_claims {
	char sub[37]; /* UUID, lower case */
	int64_t exp_s;
};
/*
 * auth_jwt_verify - 0, or -1 and one word of reason in *why ("expired", ...),
 * a constant fit for logs; AUTH_JWT_NO_KEYS when the key it names may come
 * with the first reading of the key set. At most 8 KiB. The algorithm is
 * pinned by the key: HS256 by the secret, RS256 and ES256 by a public key of
 * the set; keys inside the token (jwk, x5c) or named by it (jku, x5u) are not
 * looked at. crit must be absent; exp is required; nbf, iat, iss, aud (text or
 * list) are checked; 60 s skew; sub must be a UUID; no other claim means
 * anything. A name standing twice in header or claims is refused.
 */
#define AUTH_JWT_NO_KEYS (-2)
int MUST_CHECK auth_jwt_verify(const struct auth_jwt_conf *conf,
			       struct slice token, int64_t now_us,
			       struct auth_claims *out, const char **why);
/* {sub, role and aud "authenticated", iat, exp} as `reelgate token` prints. */
int MUST_CHECK auth_jwt_sign(const struct auth_jwt_conf *conf, struct slice sub,
			     int64_t now_us, int64_t ttl_s, struct buf *out);
/* "Bearer <token>" equals expected, in constant time; an empty expected
 * matches nothing. */
bool auth_bearer_equal(struct slice authorization, struct slice expected);

#endif
