/*
 * From the request target and the Host header to bucket, key and query.
 *
 * Everything is decoded once, here, from the bytes as sent; SigV4 works on
 * the same bytes. A bucket is named by the Host (b.localhost, b.<public name>)
 * or by the first segment of the path; the key is the rest, never normalised.
 */
#include "gateway/s3/s3.h"
#include "base/encode.h"

/* Every name of the machine itself ends so (RFC 6761 §6.3). */
#define LOCAL_NAME "localhost"

static enum s3_error
invalid_uri(struct s3_request *rq)
{
	return s3_fail(rq, S3_ERR_INVALID_URI, NULL, "URI", rq->http->raw_path);
}

static enum s3_error
parse_query(struct s3_request *rq)
{
	struct slice rest = rq->http->raw_query, item, name;
	struct arena *a = &rq->http->arena;
	size_t most = 1;

	for (size_t i = 0; i < rest.n; i++)
		most += rest.p[i] == '&';
	if (most > S3_PARAMS_MAX)
		most = S3_PARAMS_MAX;
	rq->params = arena_array(a, most, sizeof(*rq->params));
	if (!rq->params)
		return S3_ERR_INTERNAL_ERROR;
	while (slice_cut(&rest, '&', &item)) {
		struct s3_param *p = &rq->params[rq->n_params];

		if (item.n == 0)
			continue;
		if (rq->n_params == S3_PARAMS_MAX)
			return invalid_uri(rq);
		p->value = item;
		if (!slice_cut(&p->value, '=', &name) ||
		    uri_decode_text(a, name, true, &p->name) != 0 ||
		    uri_decode_text(a, p->value, true, &p->value) != 0)
			return invalid_uri(rq);
		rq->n_params++;
	}
	return S3_OK;
}

/* host:port without the port and the dot of a name from the root; an IPv6
 * literal keeps its brackets. */
static struct slice
without_port(struct slice host)
{
	ptrdiff_t bracket = slice_chr(host, ']');
	ptrdiff_t colon =
	    slice_chr(slice_from(host, (size_t)(bracket + 1)), ':');

	if (colon >= 0)
		host = slice_head(host, (size_t)(bracket + 1 + colon));
	return slice_ends(host, SLICE(".")) ? slice_head(host, host.n - 1)
					    : host;
}

/* The labels before ".base", or the empty slice. */
static struct slice
labels_before(struct slice host, struct slice base)
{
	if (host.n < base.n + 2 || host.p[host.n - base.n - 1] != '.' ||
	    !slice_ieq(slice_from(host, host.n - base.n), base))
		return SLICE_EMPTY;
	return slice_head(host, host.n - base.n - 1);
}

struct slice
s3_lower(struct s3_request *rq, struct slice name)
{
	char *p = arena_cstr(&rq->http->arena, name);

	for (size_t i = 0; p && i < name.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + ('a' - 'A'));
	return p ? slice_mem(p, name.n) : SLICE_EMPTY;
}

static void
parse_host(struct s3_request *rq)
{
	struct slice host = without_port(http_header_get(rq->http, "Host"));
	struct slice bucket = labels_before(host, SLICE(LOCAL_NAME));
	const char *const *h = rq->world->hosts;

	/* Of names that end alike the longest is meant. */
	for (; *h; h++) {
		struct slice labels =
		    labels_before(host, without_port(slice_str(*h)));

		if (labels.n && (bucket.n == 0 || labels.n < bucket.n))
			bucket = labels;
	}
	/* The public name itself may lie below localhost. */
	for (h = rq->world->hosts; *h; h++)
		if (slice_ieq(host, without_port(slice_str(*h))))
			bucket = SLICE_EMPTY;
	/* The case of host names means nothing; buckets have lower case. */
	rq->bucket = s3_lower(rq, bucket);
	rq->bucket_in_host = rq->bucket.n > 0;
}

static enum s3_error
parse_path(struct s3_request *rq)
{
	struct slice rest = slice_from(rq->http->raw_path, 1), bucket;
	struct arena *a = &rq->http->arena;

	if (!rq->bucket_in_host && slice_cut(&rest, '/', &bucket) &&
	    uri_decode_text(a, bucket, false, &rq->bucket) != 0)
		return invalid_uri(rq);
	if (uri_decode_text(a, rest, false, &rq->key) != 0)
		return invalid_uri(rq);
	/* "//key": a key without a bucket. */
	if (rq->bucket.n == 0 && rq->key.n > 0)
		return s3_fail(rq, S3_ERR_INVALID_BUCKET_NAME, NULL,
			       "BucketName", rq->bucket);
	rq->scope = rq->key.n	   ? S3_OBJECT
		    : rq->bucket.n ? S3_BUCKET
				   : S3_SERVICE;
	rq->http->bucket = rq->bucket;
	return S3_OK;
}

static enum s3_error
check_headers(struct s3_request *rq)
{
	size_t total = 0;

	for (size_t i = 0; i < rq->http->n_headers; i++)
		total +=
		    rq->http->headers[i].name.n + rq->http->headers[i].value.n;
	if (total > S3_HEADERS_MAX)
		return s3_fail(rq, S3_ERR_REQUEST_HEADER_SECTION_TOO_LARGE,
			       NULL, "MaxSizeAllowed", SLICE("8192"));
	return S3_OK;
}

enum s3_error
s3_check_key(struct s3_request *rq)
{
	if (!slice_is_text(rq->key))
		return s3_bad_argument(rq, "The key must be UTF-8 without NUL.",
				       "key", SLICE_EMPTY);
	if (rq->key.n <= STORE_KEY_MAX)
		return S3_OK;
	s3_detail_add(&rq->detail, "Size", s3_number(rq, rq->key.n));
	return s3_fail(rq, S3_ERR_KEY_TOO_LONG, NULL, "MaxSizeAllowed",
		       s3_number(rq, STORE_KEY_MAX));
}

enum s3_error
s3_request_parse(struct s3_request *rq)
{
	enum s3_error err = check_headers(rq);

	parse_host(rq);
	if (err == S3_OK)
		err = parse_path(rq);
	if (err == S3_OK)
		err = parse_query(rq);
	return err == S3_OK ? s3_check_key(rq) : err;
}

struct slice
s3_param(const struct s3_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_params; i++)
		if (slice_eq_str(rq->params[i].name, name))
			return rq->params[i].value;
	return (struct slice){ NULL, 0 };
}

bool
s3_param_has(const struct s3_request *rq, const char *name)
{
	return s3_param(rq, name).p != NULL;
}

enum s3_error
s3_count(struct s3_request *rq, struct slice v, const char *argument,
	 uint32_t fallback, uint32_t *out)
{
	struct slice digits = v;
	uint64_t n;

	*out = fallback;
	if (!v.p)
		return S3_OK;
	if (slice_u64(v, &n) == 0 && n <= INT32_MAX) {
		*out = (uint32_t)n;
		return S3_OK;
	}
	if (v.n && v.p[0] == '-')
		digits = slice_from(v, 1);
	s3_detail_add(&rq->detail, "ArgumentName", slice_str(argument));
	s3_detail_add(&rq->detail, "ArgumentValue", v);
	if (digits.n < v.n && slice_u64(digits, &n) == 0)
		return s3_failf(rq, S3_ERR_INVALID_ARGUMENT,
				"Argument %s must be an integer between 0 and "
				"2147483647",
				argument);
	return s3_failf(rq, S3_ERR_INVALID_ARGUMENT,
			"Provided %s not an integer or within integer range",
			argument);
}

enum s3_error
s3_param_count(struct s3_request *rq, const char *name, const char *argument,
	       uint32_t fallback, uint32_t *out)
{
	return s3_count(rq, s3_param(rq, name), argument, fallback, out);
}

enum s3_error
s3_param_encoding(struct s3_request *rq, bool *out)
{
	struct slice type = s3_param(rq, "encoding-type");

	*out = type.p != NULL;
	if (!type.p || slice_eq_str(type, "url"))
		return S3_OK;
	return s3_bad_argument(rq,
			       "Invalid Encoding Method specified in Request",
			       "encoding-type", type);
}

struct slice
s3_header_or_hoisted(const struct s3_request *rq, const char *name)
{
	struct slice v = http_header_get(rq->http, name);

	if (v.p || rq->id.kind != AUTH_PRESIGNED)
		return v;
	for (size_t i = 0; i < rq->n_params; i++)
		if (slice_ieq_str(rq->params[i].name, name))
			return slice_trim(rq->params[i].value);
	return v;
}
