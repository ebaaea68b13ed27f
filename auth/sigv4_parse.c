/*
 * What a request claims about its sender: the Authorization header or the
 * presigned query, taken apart strictly. Nothing here is verified yet.
 */
#include "auth/sigv4.h"

/* AWS's words for each place. */
static const struct sigv4_place in_header = {
	S3_ERR_AUTHORIZATION_HEADER_MALFORMED, "The authorization header is "
					       "malformed"
};
const struct sigv4_place sigv4_in_query = {
	S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR,
	"Error parsing the X-Amz-Credential parameter"
};

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
	if (slice_eq_str(scheme, "AWS") && slice_chr(*rest, ':') < 0)
		return sigv4_fail_argument(
		    detail,
		    "AWS authorization header is invalid.  Expected "
		    "AwsAccessKeyId:signature",
		    "Authorization", value);
	if (slice_eq_str(scheme, "AWS"))
		return sigv4_fail(
		    detail, S3_ERR_INVALID_REQUEST,
		    "The authorization mechanism you have provided is "
		    "not supported. Please use AWS4-HMAC-SHA256.");
	return sigv4_fail_argument(detail, "Unsupported Authorization Type",
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
		return sigv4_fail(detail, S3_ERR_ACCESS_DENIED,
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
		err = sigv4_parse_scope(credential, &in_header, service, a, out,
					detail);
	if (err != S3_OK)
		return err;
	if (!hash)
		return sigv4_fail(detail, S3_ERR_INVALID_REQUEST,
				  "Missing required header for this request: "
				  "x-amz-content-sha256");
	out->payload_hash = slice_trim(hash->value);
	return sigv4_parse_payload(out->payload_hash, out, detail);
}

/* ---- presigned query ---------------------------------------------------- */

static enum s3_error
parse_expires(struct slice s, struct sigv4_claim *out, struct s3_detail *detail)
{
	const enum s3_error err = S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR;
	bool negative = s.n > 1 && s.p[0] == '-';
	uint64_t v;

	if (slice_u64(negative ? slice_from(s, 1) : s, &v) != 0)
		return sigv4_fail(detail, err,
				  "X-Amz-Expires should be a number");
	if (negative)
		return sigv4_fail(detail, err,
				  "X-Amz-Expires must be non-negative");
	if (v > AUTH_EXPIRES_MAX)
		return sigv4_fail(
		    detail, err,
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
		return sigv4_parse_payload(param->value, out, detail);
	}
	if (!header)
		return S3_OK;
	while (slice_cut(&names, ';', &name))
		if (slice_eq_str(name, "x-amz-content-sha256"))
			out->payload_hash = slice_trim(header->value);
	return sigv4_parse_payload(slice_trim(header->value), out, detail);
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
		return sigv4_fail(detail, bad,
				  "X-Amz-Algorithm only supports "
				  "\"" SIGV4_ALGORITHM "\"");
	out->signature = values[2];
	out->signed_headers = values[4];
	if (time_parse_amz(values[3], &out->time_us) != 0)
		return sigv4_fail(
		    detail, bad,
		    "X-Amz-Date must be in the ISO8601 Long Format "
		    "\"yyyyMMdd'T'HHmmss'Z'\"");
	time_format_amz(out->time_us, out->amz_date);
	err = sigv4_parse_scope(values[1], &sigv4_in_query, service, a, out,
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
		err = sigv4_parse_payload(slice_trim(hash->value), out, detail);
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

	/* An empty one says nothing. */
	if (header && slice_trim(header->value).n == 0)
		header = NULL;
	*out = (struct sigv4_claim){ .kind = AUTH_ANONYMOUS };
	if (header && (v4 || v2))
		return sigv4_fail_argument(
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
		return sigv4_fail(
		    detail, S3_ERR_INVALID_REQUEST,
		    "The authorization mechanism you have provided is "
		    "not supported. Please use AWS4-HMAC-SHA256.");
	return parse_anonymous(req, out, detail);
}
