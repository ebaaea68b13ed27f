/*
 * sigv4.h - private to auth/: the parts that verifying, signing and
 * presigning share, so that both sides build the same bytes.
 *
 * Results live in the arena given. Functions answer -1 for input that cannot
 * be canonicalised (a broken %-escape) or when the arena is full: the caller
 * tells them apart by arena.err.
 */
#ifndef AUTH_SIGV4_H
#define AUTH_SIGV4_H

#include "auth/auth.h"
#include "base/timeval.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define SIGV4_EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- canonical form (sigv4_canonical.c) -------------------------------- */

/* Sorted by encoded name, then encoded value. */
struct sigv4_query {
	struct sigv4_param {
		struct slice name; /* decoded */
		struct slice value;
		struct slice name_encoded; /* by AWS's UriEncode */
		struct slice value_encoded;
	} * params;
	size_t n;
};

int MUST_CHECK sigv4_query_parse(struct slice raw, struct arena *a,
				 struct sigv4_query *out);
/* The first parameter of that exact name, or NULL. */
const struct sigv4_param *sigv4_query_find(const struct sigv4_query *q,
					   const char *name);
/* "a=1&b=2" without X-Amz-Signature. */
void sigv4_query_put(struct buf *b, const struct sigv4_query *q);

/* The first header of that name in any case, or NULL. */
const struct auth_header *sigv4_header_find(const struct auth_request *req,
					    const char *name);
/* "host;x-amz-date": all names of req, lower case, sorted, each once. */
struct slice sigv4_header_names(const struct auth_request *req,
				struct arena *a);

struct sigv4_form {
	const struct auth_request *req;
	const struct sigv4_query *query;
	struct slice signed_headers;
	struct slice payload_hash;
	struct slice host; /* replaces the Host header's value unless empty */
};
int MUST_CHECK sigv4_canonical_request(const struct sigv4_form *form,
				       struct arena *a, struct slice *out);

/* ---- keys and signatures (sigv4_key.c) --------------------------------- */

struct sigv4_scope {
	struct slice date; /* 20130524 */
	struct slice region;
	struct slice service;
};
/* "20130524/us-east-1/s3/aws4_request" */
struct slice sigv4_scope_text(const struct sigv4_scope *scope, struct arena *a);
struct slice sigv4_string_to_sign(struct slice amz_date, struct slice scope,
				  struct slice canonical_request,
				  struct arena *a);
/* Without and with the cache of derived keys. */
void sigv4_derive_key(struct slice secret, const struct sigv4_scope *scope,
		      uint8_t key[SHA256_BYTES]);
void sigv4_signing_key(struct slice access_key, struct slice secret,
		       const struct sigv4_scope *scope,
		       uint8_t key[SHA256_BYTES]);
void sigv4_signature(const uint8_t key[SHA256_BYTES],
		     struct slice string_to_sign, char out[SHA256_HEX_MAX]);

/* "47 45 54": what AWS shows to find invisible differences. */
struct slice sigv4_spaced_hex(struct arena *a, struct slice s);

/* ---- inside a body (sigv4_chunk.c) -------------------------------------- */

/* Each moves chain->previous on to the signature of the next part. */
void sigv4_sign_chunk(struct signer_chain *chain,
		      const uint8_t sha256[SHA256_BYTES]);
void sigv4_sign_trailer(struct signer_chain *chain,
			const uint8_t sha256[SHA256_BYTES]);
/* From the seed that a verified request gave. */
void sigv4_chain_of(const struct auth_identity *id, struct signer_chain *out);

/* ---- signing (sigv4_sign.c) -------------------------------------------- */

/* The scope of a day ("20130524..."); false for a secret no key record could
 * hold. */
bool MUST_CHECK sigv4_signer_scope(const struct auth_signer *signer,
				   const char *date, struct sigv4_scope *out);

/* ---- what a request claims (sigv4_parse.c) ----------------------------- */

struct sigv4_place;
struct sigv4_claim {
	enum auth_kind kind;
	const struct sigv4_place *at; /* where it stands; NULL: nowhere */
	struct slice access_key;
	struct sigv4_scope scope;
	struct slice signed_headers; /* lower case, strictly ascending */
	struct slice signature;	     /* as sent */
	char amz_date[TIME_TEXT_MAX];
	int64_t time_us;
	uint32_t expires_s;	   /* AUTH_PRESIGNED */
	struct slice payload_hash; /* last line of the canonical request */
	enum auth_payload payload;
	uint8_t payload_sha256[SHA256_BYTES];
};

/*
 * sigv4_parse - reads the Authorization header or the presigned query; checks
 * everything that needs neither the clock nor a secret. kind AUTH_ANONYMOUS
 * when there is neither. @service: what the credential scope must name.
 */
enum s3_error MUST_CHECK sigv4_parse(const struct auth_request *req,
				     const struct sigv4_query *query,
				     const char *service, struct arena *a,
				     struct sigv4_claim *out,
				     struct s3_detail *detail);

/* ---- parts of a claim (sigv4_parts.c) ---------------------------------- */

/* Where a claim stands: the error for malformed parts, how its text begins. */
struct sigv4_place {
	enum s3_error error;
	const char *prefix;
};

/* The presigned query; a form says the same in its fields. */
extern const struct sigv4_place sigv4_in_query;

/* Reads the credential into out->scope and out->access_key, and checks the day
 * of out->amz_date against it. */
enum s3_error MUST_CHECK sigv4_parse_credential(
    struct slice credential, const struct sigv4_place *at, const char *service,
    struct arena *a, struct sigv4_claim *out, struct s3_detail *detail);
/* The same, and checks out->signed_headers. */
enum s3_error MUST_CHECK sigv4_parse_scope(struct slice credential,
					   const struct sigv4_place *at,
					   const char *service, struct arena *a,
					   struct sigv4_claim *out,
					   struct s3_detail *detail);
/* AWS's answer to a claim for another region than this; NULL: any will do. */
enum s3_error MUST_CHECK sigv4_check_region(const struct sigv4_claim *claim,
					    const char *region, struct arena *a,
					    struct s3_detail *detail);
/* A value of x-amz-content-sha256. */
enum s3_error MUST_CHECK sigv4_parse_payload(struct slice value,
					     struct sigv4_claim *out,
					     struct s3_detail *detail);
/* Both answer the error: the message into detail, ArgumentName and -Value. */
enum s3_error sigv4_fail(struct s3_detail *detail, enum s3_error err,
			 const char *message);
enum s3_error sigv4_fail_argument(struct s3_detail *detail, const char *message,
				  const char *name, struct slice value);

#endif
