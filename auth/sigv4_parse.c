/*
 * What a request claims about its sender: the Authorization header or the
 * presigned query, taken apart strictly. Nothing here is verified yet.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

#define ACCESS_KEY_MAX 128
#define REGION_MAX 64

/* The two places a claim can stand in, with AWS's words for each. */
struct place {
	enum s3_error error;
	const char *prefix;
};
static const struct place in_header = { S3_ERR_AUTHORIZATION_HEADER_MALFORMED,
					"The authorization header is "
					"malformed" };
static const struct place in_query = {
	S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR,
	"Error parsing the X-Amz-Credential parameter"
};

static enum s3_error
fail(struct s3_detail *detail, enum s3_error err, const char *message)
{
	detail->message = message;
	return err;
}

static enum s3_error
fail_argument(struct s3_detail *detail, const char *message, const char *name,
	      struct slice value)
{
	s3_detail_add(detail, "ArgumentName", slice_str(name));
	s3_detail_add(detail, "ArgumentValue", value);
	return fail(detail, S3_ERR_INVALID_ARGUMENT, message);
}

/* "<prefix>; <what>" with at most one value in it. */
static enum s3_error
fail_at(struct s3_detail *detail, const struct place *at, struct arena *a,
	struct slice what)
{
	return fail(detail, at->error,
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
 * products allow '/' in access keys. Any region is accepted.
 */
static enum s3_error
parse_credential(struct slice s, const struct place *at, const char *service,
		 struct arena *a, struct sigv4_claim *out,
		 struct s3_detail *detail)
{
	struct sigv4_scope *scope = &out->scope;
	struct slice end;

	if (!cut_last(&s, &end) || !cut_last(&s, &scope->service) ||
	    !cut_last(&s, &scope->region) || !cut_last(&s, &scope->date) ||
	    s.n == 0 || s.n > ACCESS_KEY_MAX || memchr(s.p, '\0', s.n) ||
	    !is_region(scope->region))
		return fail_at(detail, at, a,
			       SLICE("the Credential is mal-formed; expecting "
				     "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/"
				     "aws4_request\"."));
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

static enum s3_error
parse_scope_and_headers(struct slice credential, const struct place *at,
			const char *service, struct arena *a,
			struct sigv4_claim *out, struct s3_detail *detail)
{
	enum s3_error err =
	    parse_credential(credential, at, service, a, out, detail);

	if (err != S3_OK)
		return err;
	if (!are_signed_headers(out->signed_headers))
		return fail(detail, at->error,
			    "SignedHeaders must be lower case, sorted and "
			    "separated by semicolons.");
	if (strncmp(out->amz_date, out->scope.date.p, 8) != 0)
		return fail_at(
		    detail, at, a,
		    arena_printf(a,
				 "the date \"%.*s\" of the credential is not "
				 "the day of the request time \"%s\".",
				 SLICE_ARG(out->scope.date), out->amz_date));
	return S3_OK;
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

static enum s3_error
parse_payload(struct slice value, struct sigv4_claim *out,
	      struct s3_detail *detail)
{
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		if (slice_eq_str(value, payloads[i].name)) {
			out->payload = payloads[i].payload;
			return S3_OK;
		}
	}
	if (hex_decode(value, out->payload_sha256, SHA256_BYTES) == 0) {
		out->payload = AUTH_PAYLOAD_SHA256;
		return S3_OK;
	}
	if (slice_starts(value, SLICE("STREAMING-AWS4-ECDSA-"))) {
		s3_detail_add(detail, "Header", SLICE("x-amz-content-sha256"));
		return S3_ERR_NOT_IMPLEMENTED;
	}
	return fail_argument(
	    detail,
	    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
	    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
	    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
	    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 "
	    "value.",
	    "x-amz-content-sha256", value);
}

/* ---- Authorization header ----------------------------------------------- */

static enum s3_error
parse_scheme(struct slice value, struct slice *rest, struct s3_detail *detail)
{
	struct slice scheme;

	*rest = value;
	slice_cut(rest, ' ', &scheme);
	if (slice_eq_str(scheme, SIGV4_ALGORITHM))
		return S3_OK;
	if (slice_starts(scheme, SLICE("AWS4-ECDSA-"))) {
		s3_detail_add(detail, "Header", SLICE("Authorization"));
		return S3_ERR_NOT_IMPLEMENTED;
	}
	if (slice_eq_str(scheme, "AWS"))
		return fail(detail, S3_ERR_INVALID_REQUEST,
			    "The authorization mechanism you have provided is "
			    "not supported. Please use AWS4-HMAC-SHA256.");
	return fail_argument(detail, "Unsupported Authorization Type",
			     "Authorization", value);
}

/* "Credential=..., SignedHeaders=..., Signature=...", each once, any order. */
static int
parse_components(struct slice rest, struct slice *credential,
		 struct sigv4_claim *out)
{
	struct {
		const char *name;
		struct slice *value;
	} parts[] = { { "Credential", credential },
		      { "SignedHeaders", &out->signed_headers },
		      { "Signature", &out->signature } };
	struct slice item, name;
	size_t found = 0, i;

	while (slice_cut(&rest, ',', &item)) {
		item = slice_trim(item);
		if (!slice_cut(&item, '=', &name) || !item.p)
			return -1;
		for (i = 0; i < ARRAY_LEN(parts); i++)
			if (slice_eq_str(name, parts[i].name))
				break;
		if (i == ARRAY_LEN(parts) || parts[i].value->n || !item.n)
			return -1;
		*parts[i].value = item;
		found++;
	}
	return found == ARRAY_LEN(parts) ? 0 : -1;
}

/* x-amz-date, or Date in either spelling. */
static enum s3_error
parse_header_date(const struct auth_request *req, struct sigv4_claim *out,
		  struct s3_detail *detail)
{
	const struct auth_header *amz = sigv4_header_find(req, "x-amz-date");
	const struct auth_header *date = sigv4_header_find(req, "date");

	if (amz ? time_parse_amz(slice_trim(amz->value), &out->time_us) != 0
		: !date || (time_parse_http(slice_trim(date->value),
					    &out->time_us) != 0 &&
			    time_parse_amz(slice_trim(date->value),
					   &out->time_us) != 0))
		return fail(detail, S3_ERR_ACCESS_DENIED,
			    "AWS authentication requires a valid Date or "
			    "x-amz-date header");
	time_format_amz(out->time_us, out->amz_date);
	return S3_OK;
}

static enum s3_error
parse_header(const struct auth_request *req, struct slice value,
	     const char *service, struct arena *a, struct sigv4_claim *out,
	     struct s3_detail *detail)
{
	const struct auth_header *hash =
	    sigv4_header_find(req, "x-amz-content-sha256");
	struct slice rest, credential = SLICE_EMPTY;
	enum s3_error err = parse_scheme(slice_trim(value), &rest, detail);

	if (err != S3_OK)
		return err;
	out->kind = AUTH_HEADER;
	if (parse_components(rest, &credential, out) != 0)
		return S3_ERR_AUTHORIZATION_HEADER_MALFORMED;
	err = parse_header_date(req, out, detail);
	if (err == S3_OK)
		err = parse_scope_and_headers(credential, &in_header, service,
					      a, out, detail);
	if (err != S3_OK)
		return err;
	if (!hash)
		return fail(detail, S3_ERR_INVALID_REQUEST,
			    "Missing required header for this request: "
			    "x-amz-content-sha256");
	out->payload_hash = slice_trim(hash->value);
	return parse_payload(out->payload_hash, out, detail);
}

/* ---- presigned query ---------------------------------------------------- */

static enum s3_error
parse_expires(struct slice s, struct sigv4_claim *out, struct s3_detail *detail)
{
	const enum s3_error err = S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR;
	bool negative = s.n > 1 && s.p[0] == '-';
	uint64_t v;

	if (slice_u64(negative ? slice_from(s, 1) : s, &v) != 0)
		return fail(detail, err, "X-Amz-Expires should be a number");
	if (negative)
		return fail(detail, err, "X-Amz-Expires must be non-negative");
	if (v > AUTH_EXPIRES_MAX)
		return fail(detail, err,
			    "X-Amz-Expires must be less than a week (in "
			    "seconds); that is, the given X-Amz-Expires must "
			    "be less than 604800 seconds");
	out->expires_s = (uint32_t)v;
	return S3_OK;
}

/*
 * The body's digest may stand in the query, or in a header: a signed header
 * is what the signer saw, an unsigned one tells the framing only.
 */
static enum s3_error
parse_presigned_payload(const struct auth_request *req,
			const struct sigv4_query *query,
			struct sigv4_claim *out, struct s3_detail *detail)
{
	const struct sigv4_param *param =
	    sigv4_query_find(query, "X-Amz-Content-Sha256");
	const struct auth_header *header =
	    sigv4_header_find(req, "x-amz-content-sha256");
	struct slice names = out->signed_headers, name;

	out->payload_hash = SLICE(SIGV4_UNSIGNED_PAYLOAD);
	if (param) {
		out->payload_hash = param->value;
		return parse_payload(param->value, out, detail);
	}
	if (!header)
		return S3_OK;
	while (slice_cut(&names, ';', &name))
		if (slice_eq_str(name, "x-amz-content-sha256"))
			out->payload_hash = slice_trim(header->value);
	return parse_payload(slice_trim(header->value), out, detail);
}

/* Each X-Amz-* parameter of the signature once; -1 when one is not. */
static int
find_parameters(const struct sigv4_query *query, struct slice values[6])
{
	static const char *const names[6] = {
		"X-Amz-Algorithm", "X-Amz-Credential",	  "X-Amz-Signature",
		"X-Amz-Date",	   "X-Amz-SignedHeaders", "X-Amz-Expires"
	};
	size_t seen[6] = { 0 };

	for (size_t i = 0; i < query->n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			if (!slice_eq_str(query->params[i].name, names[k]))
				continue;
			values[k] = query->params[i].value;
			seen[k]++;
		}
	}
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (seen[k] != 1)
			return -1;
	return 0;
}

static enum s3_error
parse_query(const struct auth_request *req, const struct sigv4_query *query,
	    const char *service, struct arena *a, struct sigv4_claim *out,
	    struct s3_detail *detail)
{
	const enum s3_error bad = S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR;
	struct slice values[6];
	enum s3_error err;

	out->kind = AUTH_PRESIGNED;
	if (find_parameters(query, values) != 0)
		return bad;
	if (slice_starts(values[0], SLICE("AWS4-ECDSA-"))) {
		s3_detail_add(detail, "Header", SLICE("X-Amz-Algorithm"));
		return S3_ERR_NOT_IMPLEMENTED;
	}
	if (!slice_eq_str(values[0], SIGV4_ALGORITHM))
		return fail(detail, bad,
			    "X-Amz-Algorithm only supports "
			    "\"" SIGV4_ALGORITHM "\"");
	out->signature = values[2];
	out->signed_headers = values[4];
	if (time_parse_amz(values[3], &out->time_us) != 0)
		return fail(detail, bad,
			    "X-Amz-Date must be in the ISO8601 Long Format "
			    "\"yyyyMMdd'T'HHmmss'Z'\"");
	time_format_amz(out->time_us, out->amz_date);
	err = parse_scope_and_headers(values[1], &in_query, service, a, out,
				      detail);
	if (err == S3_OK)
		err = parse_expires(values[5], out, detail);
	if (err == S3_OK)
		err = parse_presigned_payload(req, query, out, detail);
	return err;
}

/* ---- which of them ------------------------------------------------------ */

static bool
has_v4_query(const struct sigv4_query *query)
{
	return sigv4_query_find(query, "X-Amz-Algorithm") ||
	       sigv4_query_find(query, "X-Amz-Credential") ||
	       sigv4_query_find(query, "X-Amz-Signature");
}

static bool
has_v2_query(const struct sigv4_query *query)
{
	return sigv4_query_find(query, "AWSAccessKeyId") &&
	       sigv4_query_find(query, "Signature");
}

/* Nobody can check chunk signatures of a request that names no key. */
static enum s3_error
parse_anonymous(const struct auth_request *req, struct sigv4_claim *out,
		struct s3_detail *detail)
{
	const struct auth_header *hash =
	    sigv4_header_find(req, "x-amz-content-sha256");
	enum s3_error err = S3_OK;

	if (hash)
		err = parse_payload(slice_trim(hash->value), out, detail);
	if (err == S3_OK && (out->payload == AUTH_PAYLOAD_CHUNKS ||
			     out->payload == AUTH_PAYLOAD_CHUNKS_TRAILER))
		return S3_ERR_ACCESS_DENIED;
	return err;
}

enum s3_error
sigv4_parse(const struct auth_request *req, const struct sigv4_query *query,
	    const char *service, struct arena *a, struct sigv4_claim *out,
	    struct s3_detail *detail)
{
	const struct auth_header *header =
	    sigv4_header_find(req, "authorization");
	bool v4 = has_v4_query(query), v2 = has_v2_query(query);

	*out = (struct sigv4_claim){ .kind = AUTH_ANONYMOUS };
	if (header && (v4 || v2))
		return fail_argument(
		    detail,
		    "Only one auth mechanism allowed; only the X-Amz-Algorithm "
		    "query parameter, Signature query string parameter or the "
		    "Authorization header should be specified",
		    "Authorization", header->value);
	if (header)
		return parse_header(req, header->value, service, a, out,
				    detail);
	if (v4)
		return parse_query(req, query, service, a, out, detail);
	if (v2)
		return fail(detail, S3_ERR_INVALID_REQUEST,
			    "The authorization mechanism you have provided is "
			    "not supported. Please use AWS4-HMAC-SHA256.");
	return parse_anonymous(req, out, detail);
}
