/*
 * s3.h - what the operations of the S3 API share: one request from the wire
 * to the store, its table of operations, and the ways to answer.
 *
 * A request runs through parse (request.c), route (op/route.c), verify
 * (app.c), authorise (authorise.c), body filters (body.c), one operation
 * (op/). Every step returns enum s3_error; what a failure is about goes into
 * rq->detail, and app.c writes the error document.
 */
#ifndef GATEWAY_S3_H
#define GATEWAY_S3_H

#include "auth/accounts.h"
#include "base/conf.h"
#include "base/xml_write.h"
#include "gateway/http/http.h"
#include "store/store.h"

#define S3_HEADERS_MAX 8192  /* bytes of all headers */
#define S3_METADATA_MAX 2048 /* bytes of user metadata */
#define S3_PARAMS_MAX 128
#define S3_HOSTS_MAX 16
#define S3_RESERVED_BUCKET "minio" /* holds the health checks only */

/* What all requests see; read-only after the start, but for what guards
 * itself. */
struct s3_world {
	struct http_app app;
	const struct conf *conf;
	struct store *store;
	struct accounts *accounts;
	char account_id[SHA256_HEX_MAX]; /* of root */
	char *hosts_text;		 /* owns the names below */
	const char *hosts[S3_HOSTS_MAX]; /* public "host[:port]", NULL ends */
};

struct s3_param {
	struct slice name;
	struct slice value;
};

enum s3_scope { S3_SERVICE, S3_BUCKET, S3_OBJECT };

struct s3_request;

/* As body_max: the body is a form, which carries its signature in its fields.
 * The operation's data takes it as it comes, verifies and authorises. */
#define S3_BODY_FORM UINT64_MAX

/*
 * One row of ops.def. begin refuses before the body is read (may be NULL);
 * data takes decoded pieces of the body, and when it is NULL a body of at
 * most body_max bytes is collected in rq->body first; finish answers.
 */
struct s3_op {
	const char *name;
	const char *method;
	enum s3_scope scope;
	const char *query;  /* NULL, or what must be there: "a&b", "a=v" */
	const char *header; /* NULL, or a header that must be there */
	const char *action; /* IAM action */
	uint64_t body_max;  /* 0: no body is expected, one is discarded */
	enum s3_error (*begin)(struct s3_request *rq);
	enum s3_error (*data)(struct s3_request *rq, const void *p, size_t n);
	enum s3_error (*finish)(struct s3_request *rq);
};

struct s3_body;
struct post;
struct s3_request {
	struct http_request *http;
	struct s3_world *world;
	enum s3_scope scope;
	struct slice bucket;
	struct store_bucket record; /* the bucket's, once authorised */
	bool bucket_in_host;
	struct slice key; /* decoded UTF-8 without NUL */
	struct s3_param *params;
	size_t n_params;
	struct auth_identity id;
	const struct s3_op *op;
	struct s3_body *filters; /* NULL: the body is discarded */
	struct buf body;	 /* collected, for operations without data */
	struct store_put *put;	 /* open until the operation ends it */
	struct store_put_req put_req;
	struct post *post; /* PostObject's own */
	struct s3_detail detail;
};

/* ---- app.c -------------------------------------------------------------- */

/* Who may sign, and what a signature of this request is held to. */
struct auth_keys s3_auth_keys(const struct s3_request *rq);
struct auth_policy s3_auth_policy(const struct s3_request *rq);

/* ---- request.c ---------------------------------------------------------- */

/* Bucket, key and query from the target and the Host. INVALID_URI,
 * REQUEST_HEADER_SECTION_TOO_LARGE, BAD_REQUEST. */
enum s3_error MUST_CHECK s3_request_parse(struct s3_request *rq);
/* rq->key is UTF-8 without NUL, and not too long: INVALID_ARGUMENT,
 * KEY_TOO_LONG. */
enum s3_error MUST_CHECK s3_check_key(struct s3_request *rq);
/* A copy in lower case. */
struct slice s3_lower(struct s3_request *rq, struct slice name);
/* First value of that query parameter; .p is NULL when absent. */
struct slice s3_param(const struct s3_request *rq, const char *name);
bool s3_param_has(const struct s3_request *rq, const char *name);
/* @v as a number from 0 to 2^31-1, or fallback when .p is NULL. */
enum s3_error MUST_CHECK s3_count(struct s3_request *rq, struct slice v,
				  const char *argument, uint32_t fallback,
				  uint32_t *out);
/* A parameter that is a number from 0 to 2^31-1, or fallback when absent. */
enum s3_error MUST_CHECK s3_param_count(struct s3_request *rq, const char *name,
					const char *argument, uint32_t fallback,
					uint32_t *out);

/* A header, or the query parameter it was hoisted into by presigning; .p is
 * NULL when there is neither. */
struct slice s3_header_or_hoisted(const struct s3_request *rq,
				  const char *name);
/* encoding-type: names in lists are to be percent-encoded. */
enum s3_error MUST_CHECK s3_param_encoding(struct s3_request *rq, bool *out);

/* ---- put.c: what all ways to write an object share ----------------------- */

/* The event of a change by this request; the store names removals itself. */
struct store_note s3_note(const struct s3_request *rq, const char *event_name);
/* Bytes that an object at this key may have, and one put of it. */
uint64_t s3_object_max(const struct s3_request *rq);
uint64_t s3_put_max(const struct s3_request *rq);
/* ENTITY_TOO_LARGE with what was proposed and what is allowed. */
enum s3_error MUST_CHECK s3_check_size(struct s3_request *rq, uint64_t size,
				       uint64_t max);
/* The filters for a body that becomes an object or a part.
 * MISSING_CONTENT_LENGTH, ENTITY_TOO_LARGE, and those of s3_body_new(). */
enum s3_error MUST_CHECK s3_open_body(struct s3_request *rq);
/* Begins the put of rq->put_req, whose bucket, key and sizes are set; the rest
 * is read from headers, tags only when it has none. */
enum s3_error MUST_CHECK s3_begin_put(struct s3_request *rq);
/* Verifies the body, commits rq->put and sets the headers of the answer. */
enum s3_error MUST_CHECK s3_end_put(struct s3_request *rq,
				    const char *event_name,
				    char etag[STORE_ETAG_MAX]);
/* What is kept with an object beside its bytes, as the request gives it; tags
 * are read only into an empty set. Those of s3_metadata_read(),
 * INVALID_STORAGE_CLASS, INVALID_ARGUMENT and INVALID_TAG. */
enum s3_error MUST_CHECK s3_read_kept(struct s3_request *rq,
				      struct store_headers *headers,
				      struct slice *storage_class,
				      struct store_headers *tags);
/* The object's URL, by the address that the client used; in the arena. */
struct slice s3_location(struct s3_request *rq);

/* ---- op/route.c --------------------------------------------------------- */

size_t s3_ops(const struct s3_op **out);
/* The first row that matches. METHOD_NOT_ALLOWED when there is none;
 * INVALID_ARGUMENT: two sub-resources. */
enum s3_error MUST_CHECK s3_route(struct s3_request *rq);

/* ---- xml.c -------------------------------------------------------------- */

/* Fails with an argument: InvalidArgument, ArgumentName, ArgumentValue. */
enum s3_error s3_bad_argument(struct s3_request *rq, const char *message,
			      const char *name, struct slice value);
/* Fails with one extra element; message NULL: the table's. */
enum s3_error s3_fail(struct s3_request *rq, enum s3_error err,
		      const char *message, const char *name,
		      struct slice value);
/* Fails with a message of its own. */
enum s3_error s3_failf(struct s3_request *rq, enum s3_error err,
		       const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Answers with the error; a HEAD request gets its status alone. */
void s3_answer_error(struct s3_request *rq, enum s3_error err);
/* A number as the value of a detail's element. */
struct slice s3_number(struct s3_request *rq, uint64_t n);
/* The <Error> element alone. */
void s3_put_error(const struct s3_request *rq, enum s3_error err,
		  struct buf *out);
/* Answers 200 with a document and frees it. */
enum s3_error s3_answer_xml(struct s3_request *rq, struct buf *xml);
/* An account's ID and DisplayName. */
void s3_xml_owner(const struct s3_request *rq, struct buf *xml,
		  const char *element, struct slice id);
/* The name to show for an account's id. */
void s3_display_name(const struct s3_request *rq, struct slice id,
		     char out[ACCOUNT_DISPLAY_MAX]);
void s3_xml_time(struct buf *xml, const char *name, int64_t us);
/* A name, percent-encoded when the client asked for encoding-type=url. */
void s3_xml_name(struct buf *xml, const char *element, struct slice name,
		 bool encode);

/* ---- conditions.c ------------------------------------------------------- */

/* The conditions of a GET or HEAD; a date that is none is ignored. */
void s3_read_conditions(const struct s3_request *rq, struct store_cond *out);
/* Those of a PUT or DELETE. NOT_IMPLEMENTED as AWS has it. */
enum s3_error MUST_CHECK s3_write_conditions(struct s3_request *rq,
					     struct store_cond *out);
/* Adds to the detail which condition did not hold, or which key is not there.
 */
enum s3_error s3_condition_failed(struct s3_request *rq, enum s3_error err);

/* The conditions of a copy on its source, "x-amz-copy-source-" or another
 * @prefix before their names. */
void s3_source_conditions(const struct s3_request *rq, const char *prefix,
			  struct store_cond *out);
/* PRECONDITION_FAILED with the condition's name for what store_get() says of
 * them; any other error as it is. */
enum s3_error s3_source_condition_failed(struct s3_request *rq,
					 const char *prefix,
					 const struct store_cond *cond,
					 enum s3_error err);

/* ---- version.c ---------------------------------------------------------- */

/* The version that ?versionId= names, else the current one. INVALID_ARGUMENT:
 * an empty id. */
enum s3_error MUST_CHECK s3_ref(struct s3_request *rq, struct store_ref *out);
/* INVALID_ARGUMENT: a version is named where a new one is made. */
enum s3_error MUST_CHECK s3_no_version(struct s3_request *rq);
/* What a call for @ref failed with, as AWS says it: which version, and of a
 * delete marker its headers. @o: as store_get() filled it, NULL: not. */
enum s3_error s3_ref_failed(struct s3_request *rq, const struct store_ref *ref,
			    const struct store_object *o, enum s3_error err);
/* The record of a version whose sub-resource is asked for; failures are
 * complete. Errors as of store_get(), but METHOD_NOT_ALLOWED for every delete
 * marker. */
enum s3_error MUST_CHECK s3_describe(struct s3_request *rq,
				     const struct store_ref *ref,
				     struct store_object *out);
/* The id as answers show it: none of a bucket that never had versions. */
struct slice s3_shown_version(const struct s3_request *rq,
			      const char *version_id);
/* Answers with x-amz-version-id, when there is one to show. */
void s3_set_version_id(struct s3_request *rq, const char *version_id);
/* The same of an object just written: AWS does not tell the null version. */
void s3_set_made_version(struct s3_request *rq, const char *version_id);

/* ---- refused.c ---------------------------------------------------------- */

/* NOT_IMPLEMENTED and AWS's refusals: a header asks for what is not there. */
enum s3_error MUST_CHECK s3_refuse_headers(struct s3_request *rq);
/* x-amz-acl and x-amz-grant-*, as of a bucket whose ObjectOwnership is
 * BucketOwnerEnforced: only what changes nothing. */
enum s3_error MUST_CHECK s3_check_acl(struct s3_request *rq);
/* INVALID_REQUEST: a key to decrypt by, and no object is encrypted.
 * INVALID_ARGUMENT: an encryption, where nothing is made. */
enum s3_error MUST_CHECK s3_refuse_key(struct s3_request *rq);

/* ---- metadata.c --------------------------------------------------------- */

/* The headers to keep with the object, from headers and presigned query.
 * METADATA_TOO_LARGE, INVALID_REDIRECT_LOCATION, and what s3_refuse_headers()
 * refuses. */
enum s3_error MUST_CHECK s3_metadata_read(struct s3_request *rq,
					  struct store_headers *out);
/* x-amz-storage-class as the store has it: STANDARD is empty.
 * INVALID_STORAGE_CLASS. */
enum s3_error MUST_CHECK s3_storage_class(struct s3_request *rq,
					  struct slice *out);

/* ---- object_headers.c --------------------------------------------------- */

/* INVALID_ARGUMENT: a response-* parameter that is none, or no header's value.
 * INVALID_REQUEST: one of an anonymous request. */
enum s3_error MUST_CHECK s3_check_overrides(struct s3_request *rq);
/* How much of the object an answer carries. */
enum s3_extent { S3_WHOLE = 1, S3_RANGE = 2, S3_PART = 4, S3_NOT_MODIFIED = 8 };
/* The headers of that answer. @part: of S3_PART, when the object has parts,
 * else NULL. */
void s3_set_object_headers(struct s3_request *rq, const struct store_object *o,
			   enum s3_extent extent,
			   const struct store_part *part);

#endif
