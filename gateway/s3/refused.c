/*
 * Headers that change what is made and cannot be honoured: a request that
 * uses them is refused, never carried out differently in silence.
 */
#include "gateway/s3/s3.h"

#define ACL "x-amz-acl"
#define SSE "x-amz-server-side-encryption"
#define NO_LOCK "Bucket is missing Object Lock Configuration"
#define NOT_ENCRYPTED \
	"The encryption parameters are not applicable to this object."

static const struct {
	const char *header;
	enum s3_error error;
	const char *message;  /* NULL: the table's, and which header it is */
	const char *harmless; /* this value asks for nothing */
} refused[] = {
	/* Nothing is encrypted at rest, and nothing says that it is. */
	{ SSE, S3_ERR_NOT_IMPLEMENTED, NULL, NULL },
	{ "x-amz-server-side-encryption-aws-kms-key-id", S3_ERR_NOT_IMPLEMENTED,
	  NULL, NULL },
	{ "x-amz-server-side-encryption-context", S3_ERR_NOT_IMPLEMENTED, NULL,
	  NULL },
	{ "x-amz-server-side-encryption-bucket-key-enabled",
	  S3_ERR_NOT_IMPLEMENTED, NULL, "false" },
	{ "x-amz-server-side-encryption-customer-algorithm",
	  S3_ERR_NOT_IMPLEMENTED, NULL, NULL },
	{ "x-amz-server-side-encryption-customer-key", S3_ERR_NOT_IMPLEMENTED,
	  NULL, NULL },
	{ "x-amz-object-lock-mode", S3_ERR_INVALID_REQUEST, NO_LOCK, NULL },
	{ "x-amz-object-lock-retain-until-date", S3_ERR_INVALID_REQUEST,
	  NO_LOCK, NULL },
	{ "x-amz-object-lock-legal-hold", S3_ERR_INVALID_REQUEST, NO_LOCK,
	  NULL },
	{ "x-amz-bucket-object-lock-enabled", S3_ERR_NOT_IMPLEMENTED, NULL,
	  "false" },
	{ "x-amz-object-ownership", S3_ERR_NOT_IMPLEMENTED, NULL,
	  "BucketOwnerEnforced" },
	{ "x-amz-write-offset-bytes", S3_ERR_NOT_IMPLEMENTED, NULL, NULL },
};

static const char *const grants[] = {
	"x-amz-grant-full-control", "x-amz-grant-read",
	"x-amz-grant-read-acp",	    "x-amz-grant-write",
	"x-amz-grant-write-acp",
};

static const struct {
	const char *name;
	bool is_private;
} canned[] = {
	{ "private", true },
	{ "bucket-owner-full-control", true },
	{ "bucket-owner-read", false },
	{ "public-read", false },
	{ "public-read-write", false },
	{ "authenticated-read", false },
	{ "aws-exec-read", false },
	{ "log-delivery-write", false },
};

/* As a bucket has it whose ObjectOwnership is BucketOwnerEnforced. */
enum s3_error
s3_check_acl(struct s3_request *rq)
{
	struct slice acl = s3_header_or_hoisted(rq, ACL);
	bool has_grants = false, is_known = false, is_private = false;

	for (size_t i = 0; i < ARRAY_LEN(grants); i++)
		has_grants |= s3_header_or_hoisted(rq, grants[i]).p != NULL;
	for (size_t i = 0; i < ARRAY_LEN(canned); i++)
		if (slice_eq_str(acl, canned[i].name)) {
			is_known = true;
			is_private = canned[i].is_private;
		}
	if (acl.p && has_grants)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Specifying both Canned ACLs and Header "
				"Grants is not allowed");
	if (acl.p && !is_known)
		return s3_bad_argument(rq, "", ACL, acl);
	if (!has_grants && (!acl.p || is_private))
		return S3_OK;
	return rq->key.n ? S3_ERR_ACCESS_CONTROL_LIST_NOT_SUPPORTED
			 : S3_ERR_INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP;
}

enum s3_error
s3_refuse_headers(struct s3_request *rq)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct slice v = s3_header_or_hoisted(rq, refused[i].header);

		if (!v.p || (refused[i].harmless &&
			     slice_eq_str(v, refused[i].harmless)))
			continue;
		rq->detail.message = refused[i].message;
		if (!refused[i].message)
			s3_detail_add(&rq->detail, "Header",
				      slice_str(refused[i].header));
		return refused[i].error;
	}
	return s3_check_acl(rq);
}

enum s3_error
s3_refuse_key(struct s3_request *rq)
{
	static const char *const headers[] = {
		"x-amz-server-side-encryption-customer-algorithm",
		"x-amz-server-side-encryption-customer-key",
		"x-amz-copy-source-server-side-encryption-customer-algorithm",
		"x-amz-copy-source-server-side-encryption-customer-key",
	};
	struct slice v;

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (s3_header_or_hoisted(rq, headers[i]).p)
			return s3_failf(rq, S3_ERR_INVALID_REQUEST,
					NOT_ENCRYPTED);
	v = s3_header_or_hoisted(rq, SSE);
	return v.p ? s3_bad_argument(rq,
				     SSE " header is not supported for this "
					 "operation.",
				     SSE, v)
		   : S3_OK;
}
