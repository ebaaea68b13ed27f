/*
 * post_policy.h - who sent a form, and what its policy allows; what a page
 * needs to send one: "Browser-Based Uploads Using POST (AWS Signature Version
 * 4)" of the Amazon S3 API reference. The string to sign is the base64 policy
 * exactly as sent; the fields are checked as they will be used, that is with
 * ${filename} replaced and fields of one name joined by commas. Threads: any.
 */
#ifndef AUTH_POST_POLICY_H
#define AUTH_POST_POLICY_H

#include "auth/auth.h"

#define AUTH_POLICY_MAX 20480u /* bytes of base64: no form holds more */

/* Names in any case, each once. */
struct auth_form {
	const struct auth_header *fields; /* all before the file */
	size_t n;
	struct slice bucket; /* the one addressed */
};

/* Bytes that the file may have: content-length-range. */
struct auth_form_range {
	uint64_t min;
	uint64_t max; /* UINT64_MAX: no range */
};

/*
 * auth_form_verify - verifies the signature and evaluates the policy.
 * A form without policy and signature: kind AUTH_ANONYMOUS, S3_OK.
 * Else *out is filled but for what concerns headers and chunks. Errors:
 * INVALID_ARGUMENT (a field is missing), INVALID_REQUEST (version 2),
 * INVALID_TOKEN, AUTHORIZATION_QUERY_PARAMETERS_ERROR (date, credential),
 * INVALID_ACCESS_KEY_ID, SIGNATURE_DOES_NOT_MATCH, INVALID_POLICY_DOCUMENT,
 * ACCESS_DENIED ("Invalid according to Policy: ..."). An unknown key costs as
 * much as a known one; comparison takes constant time.
 */
enum s3_error MUST_CHECK auth_form_verify(const struct auth_form *form,
					  const struct auth_keys *keys,
					  const struct auth_policy *policy,
					  struct arena *a,
					  struct auth_identity *out,
					  struct auth_form_range *range,
					  struct s3_detail *detail);

/* What a form may upload. */
struct auth_form_grant {
	struct slice bucket;
	struct slice key;	   /* ending in ${filename}: any file name */
	struct slice content_type; /* empty: none may be sent */
	uint64_t size_max;	   /* bytes; 0: no range */
};
struct auth_form_fields {
	struct auth_header fields[7]; /* "key" first */
	size_t n;
};
/*
 * auth_form_sign - the fields that make a form acceptable for expires_s
 * seconds from now_us, with memory of grant, signer and @a. -1: memory, a
 * secret over 127 bytes, expires_s outside 1..AUTH_EXPIRES_MAX.
 */
int MUST_CHECK auth_form_sign(const struct auth_form_grant *grant,
			      const struct auth_signer *signer,
			      uint32_t expires_s, int64_t now_us,
			      struct arena *a, struct auth_form_fields *out);

#endif
