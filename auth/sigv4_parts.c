/*
 * The parts of a claim that read the same in the Authorization header and in
 * the presigned query: credential scope, signed headers, form of the payload.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

#define REGION_MAX 64

enum s3_error
sigv4_fail(struct s3_detail *detail, enum s3_error err, const char *message)
{
	detail->message = message;
	return err;
}

enum s3_error
sigv4_fail_argument(struct s3_detail *detail, const char *message,
		    const char *name, struct slice value)
{
	s3_detail_add(detail, "ArgumentName", slice_str(name));
	s3_detail_add(detail, "ArgumentValue", value);
	return sigv4_fail(detail, S3_ERR_INVALID_ARGUMENT, message);
}

/* "<prefix>; <what>" with at most one value in it. */
static enum s3_error
fail_at(struct s3_detail *detail, const struct sigv4_place *at, struct arena *a,
	struct slice what)
{
	return sigv4_fail(
	    detail, at->error,
	    arena_printf(a, "%s; %.*s", at->prefix, SLICE_ARG(what)).p);
}

/* ---- credential --------------------------------------------------------- */

/* Takes what stands behind the last '/' off *s. */
static bool
cut_last(struct slice *s, struct slice *last)
{
	const char *slash = s->n ? memrchr(s->p, '/', s->n) : NULL;

	if (!slash)
		return false;
	*last = slice_from(*s, (size_t)(slash - s->p) + 1);
	*s = slice_head(*s, (size_t)(slash - s->p));
	return true;
}

static bool
is_region(struct slice s)
{
	if (s.n == 0 || s.n > REGION_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

static bool
is_date(struct slice s)
{
	uint64_t v;

	return s.n == 8 && slice_u64(s, &v) == 0;
}

/*
 * "KEY/20130524/us-east-1/s3/aws4_request", split from the right: some
 * products allow '/' in access keys.
 */
static enum s3_error
split_credential(struct slice s, const struct sigv4_place *at,
		 const char *service, struct arena *a, struct sigv4_claim *out,
		 struct s3_detail *detail)
{
	struct sigv4_scope *scope = &out->scope;
	struct slice end;

	if (!cut_last(&s, &end) || !cut_last(&s, &scope->service) ||
	    !cut_last(&s, &scope->region) || !cut_last(&s, &scope->date) ||
	    s.n >= ACCESS_KEY_MAX || (s.n && memchr(s.p, '\0', s.n)) ||
	    !is_region(scope->region))
		return fail_at(detail, at, a,
			       SLICE("the Credential is mal-formed; expecting "
				     "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/"
				     "aws4_request\"."));
	if (s.n == 0)
		return fail_at(detail, at, a,
			       SLICE("a non-empty Access Key (AKID) must be "
				     "provided in the credential."));
	out->access_key = s;
	if (!is_date(scope->date))
		return fail_at(
		    detail, at, a,
		    arena_printf(a,
				 "incorrect date format \"%.*s\". This date in "
				 "the credential must be in the format "
				 "\"yyyyMMdd\".",
				 SLICE_ARG(scope->date)));
	if (!slice_eq_str(scope->service, service))
		return fail_at(
		    detail, at, a,
		    arena_printf(a,
				 "incorrect service \"%.*s\". This endpoint "
				 "belongs to \"%s\".",
				 SLICE_ARG(scope->service), service));
	if (!slice_eq_str(end, "aws4_request"))
		return fail_at(
		    detail, at, a,
		    arena_printf(a,
				 "incorrect terminal \"%.*s\". This endpoint "
				 "uses \"aws4_request\".",
				 SLICE_ARG(end)));
	return S3_OK;
}

enum s3_error
sigv4_parse_credential(struct slice credential, const struct sigv4_place *at,
		       const char *service, struct arena *a,
		       struct sigv4_claim *out, struct s3_detail *detail)
{
	enum s3_error err =
	    split_credential(credential, at, service, a, out, detail);

	out->at = at;
	if (err == S3_OK && strncmp(out->amz_date, out->scope.date.p, 8) != 0)
		return fail_at(
		    detail, at, a,
		    arena_printf(a,
				 "Invalid credential date \"%.*s\". This date "
				 "is not the same as X-Amz-Date: \"%.8s\".",
				 SLICE_ARG(out->scope.date), out->amz_date));
	return err;
}

/* Lower case and strictly ascending, as the signer must have sorted them. */
static bool
are_signed_headers(struct slice s)
{
	struct slice name, previous = SLICE_EMPTY;

	while (slice_cut(&s, ';', &name)) {
		if (name.n == 0 || slice_cmp(previous, name) >= 0)
			return false;
		for (size_t i = 0; i < name.n; i++)
			if (name.p[i] <= ' ' || name.p[i] >= 0x7f ||
			    (name.p[i] >= 'A' && name.p[i] <= 'Z'))
				return false;
		previous = name;
	}
	return true;
}

enum s3_error
sigv4_parse_scope(struct slice credential, const struct sigv4_place *at,
		  const char *service, struct arena *a, struct sigv4_claim *out,
		  struct s3_detail *detail)
{
	enum s3_error err =
	    sigv4_parse_credential(credential, at, service, a, out, detail);

	if (err == S3_OK && !are_signed_headers(out->signed_headers))
		return sigv4_fail(
		    detail, at->error,
		    "SignedHeaders must be lower case, sorted and "
		    "separated by semicolons.");
	return err;
}

enum s3_error
sigv4_check_region(const struct sigv4_claim *claim, const char *region,
		   struct arena *a, struct s3_detail *detail)
{
	struct slice claimed = claim->scope.region;

	if (!region || slice_eq_str(claimed, region))
		return S3_OK;
	s3_detail_add(detail, "Region", slice_str(region));
	return fail_at(detail, claim->at, a,
		       arena_printf(a,
				    "the region '%.*s' is wrong; expecting "
				    "'%s'",
				    SLICE_ARG(claimed), region));
}

/* ---- payload ------------------------------------------------------------ */

static const struct {
	const char *name;
	enum auth_payload payload;
} payloads[] = {
	{ SIGV4_UNSIGNED_PAYLOAD, AUTH_PAYLOAD_UNSIGNED },
	{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", AUTH_PAYLOAD_CHUNKS },
	{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
	  AUTH_PAYLOAD_CHUNKS_TRAILER },
	{ "STREAMING-UNSIGNED-PAYLOAD-TRAILER", AUTH_PAYLOAD_UNSIGNED_TRAILER },
};

static bool
has_capitals(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

enum s3_error
sigv4_parse_payload(struct slice value, struct sigv4_claim *out,
		    struct s3_detail *detail)
{
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		if (slice_eq_str(value, payloads[i].name)) {
			out->payload = payloads[i].payload;
			return S3_OK;
		}
	}
	if (!has_capitals(value) &&
	    hex_decode(value, out->payload_sha256, SHA256_BYTES) == 0) {
		out->payload = AUTH_PAYLOAD_SHA256;
		return S3_OK;
	}
	if (slice_starts(value, SLICE("STREAMING-AWS4-ECDSA-"))) {
		s3_detail_add(detail, "Header", SLICE("x-amz-content-sha256"));
		return S3_ERR_NOT_IMPLEMENTED;
	}
	return sigv4_fail_argument(
	    detail,
	    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
	    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
	    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
	    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
	    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
	    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid "
	    "sha256 value.",
	    "x-amz-content-sha256", value);
}
