/*
 * What an answer means to us: an error of our own vocabulary, and whether
 * asking again may help.
 *
 * The client's keys and ours are different pairs: that the endpoint refuses
 * ours must not look as if it refused the client's.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "base/xml_read.h"
#include "store/s3/remote.h"

#define WAIT_MAX_US (20 * US_PER_S)
/* AWS refuses what is 15 minutes off. A HEAD is refused without a word. */
#define SKEW_US (14 * 60 * US_PER_S)

/* A HEAD's failure has no body, so its status must do. */
static const struct {
	unsigned status;
	enum s3_error err;
} by_status[] = {
	{ 301, S3_ERR_PERMANENT_REDIRECT },
	{ 304, S3_ERR_NOT_MODIFIED },
	{ 307, S3_ERR_PERMANENT_REDIRECT },
	{ 403, S3_ERR_ACCESS_DENIED },
	{ 404, S3_ERR_NO_SUCH_KEY },
	{ 405, S3_ERR_METHOD_NOT_ALLOWED },
	{ 409, S3_ERR_OPERATION_ABORTED },
	{ 412, S3_ERR_PRECONDITION_FAILED },
	{ 416, S3_ERR_INVALID_RANGE },
	{ 429, S3_ERR_SLOW_DOWN },
	{ 501, S3_ERR_NOT_IMPLEMENTED },
	{ 503, S3_ERR_SERVICE_UNAVAILABLE },
	{ 507, S3_ERR_INSUFFICIENT_STORAGE },
};

/* Codes about who we are to the endpoint, all of them the operator's affair. */
static const char *const about_us[] = {
	"AuthorizationHeaderMalformed",
	"ExpiredToken",
	"InvalidAccessKeyId",
	"InvalidSecurity",
	"InvalidToken",
	"NotSignedUp",
	"RequestTimeTooSkewed",
	"SignatureDoesNotMatch",
	"TokenRefreshRequired",
};

/* Codes of others for what AWS calls otherwise. */
static const struct {
	const char *code;
	enum s3_error err;
} synonyms[] = {
	{ "XAmzContentChecksumMismatch", S3_ERR_BAD_DIGEST },
};

static const unsigned busy_statuses[] = { 429, 500, 502, 503, 504 };
static const enum s3_error busy_errors[] = { S3_ERR_INTERNAL_ERROR,
					     S3_ERR_REQUEST_TIMEOUT,
					     S3_ERR_SERVICE_UNAVAILABLE,
					     S3_ERR_SLOW_DOWN };

static int
take_code(void *ctx, struct slice text)
{
	struct s3_failure *f = ctx;

	snprintf(f->code, sizeof(f->code), "%.*s", SLICE_ARG(text));
	return 0;
}

static int
take_message(void *ctx, struct slice text)
{
	struct s3_failure *f = ctx;

	snprintf(f->message, sizeof(f->message), "%.*s", SLICE_ARG(text));
	return 0;
}

static int
take_region(void *ctx, struct slice text)
{
	struct s3_failure *f = ctx;

	snprintf(f->region, sizeof(f->region), "%.*s", SLICE_ARG(text));
	return 0;
}

/* Whether it is an <Error> at all. */
static bool
read_error(struct slice doc, struct s3_failure *f)
{
	static const struct xml_rule rules[] = {
		{ "Error/Code", NULL, take_code },
		{ "Error/Message", NULL, take_message },
		{ "Error/Region", NULL, take_region },
	};

	return doc.n && xml_read(doc, rules, ARRAY_LEN(rules), f) == 0 &&
	       f->code[0];
}

static enum s3_error
error_of_status(const struct s3_call *call, unsigned status)
{
	if (status == 404 && call->key.n == 0)
		return S3_ERR_NO_SUCH_BUCKET;
	/* nothing that a client says makes one of ours malformed */
	if (status == 400 && strcmp(call->method, "HEAD") == 0)
		return S3_ERR_SERVICE_UNAVAILABLE;
	for (size_t i = 0; i < ARRAY_LEN(by_status); i++)
		if (by_status[i].status == status)
			return by_status[i].err;
	return S3_ERR_INTERNAL_ERROR;
}

static enum s3_error
error_of_code(const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
		if (strcmp(synonyms[i].code, code) == 0)
			return synonyms[i].err;
	return s3_error_by_code(slice_str(code));
}

static bool
is_busy(unsigned status, enum s3_error err)
{
	for (size_t i = 0; i < ARRAY_LEN(busy_statuses); i++)
		if (busy_statuses[i] == status)
			return true;
	/* in a 200, or as a 400 */
	for (size_t i = 0; i < ARRAY_LEN(busy_errors); i++)
		if (busy_errors[i] == err)
			return status == 200 || err == S3_ERR_REQUEST_TIMEOUT;
	return false;
}

static int64_t
retry_after(const struct http_client_answer *a)
{
	struct slice text = http_client_header(a, "retry-after");
	uint64_t seconds;
	int64_t us = 0;

	if (slice_u64(text, &seconds) == 0)
		us = seconds < 20 ? (int64_t)seconds * US_PER_S : WAIT_MAX_US;
	else if (time_parse_http(text, &us) == 0)
		us -= time_now_us();
	return us < 0 ? 0 : us > WAIT_MAX_US ? WAIT_MAX_US : us;
}

/* Their time, when a wrong clock of ours is the matter. */
static int64_t
clock_matter(const struct http_client_answer *a, const struct s3_failure *f)
{
	int64_t theirs, off;

	if (time_parse_http(http_client_header(a, "date"), &theirs) != 0)
		return INT64_MIN;
	off = theirs - time_now_us();
	if (strcmp(f->code, "RequestTimeTooSkewed") == 0 ||
	    (a->status == 403 && !f->code[0] &&
	     (off > SKEW_US || off < -SKEW_US)))
		return theirs;
	return INT64_MIN;
}

static void
judge_answer(const struct s3_call *call, const struct http_client_answer *a,
	     struct s3_failure *f)
{
	struct slice region = http_client_header(a, "x-amz-bucket-region");
	bool is_error = read_error(buf_slice(&a->body), f);

	f->err = is_error ? error_of_code(f->code)
			  : error_of_status(call, a->status);
	f->is_strange =
	    is_error && f->err == S3_ERR_INTERNAL_ERROR && a->status / 100 == 4;
	if (f->err == S3_ERR_INTERNAL_ERROR && a->status != 200)
		f->err = error_of_status(call, a->status);
	if (f->is_strange && f->err == S3_ERR_INTERNAL_ERROR)
		f->err = S3_ERR_INVALID_REQUEST; /* it is no failure */
	for (size_t i = 0; i < ARRAY_LEN(about_us); i++)
		f->is_pair = f->is_pair || strcmp(f->code, about_us[i]) == 0;
	if (region.n)
		(void)take_region(f, region);
	f->again = is_busy(a->status, f->err);
	f->wait_us = retry_after(a);
	f->their_time_us = clock_matter(a, f);
	if (f->is_pair || f->err == S3_ERR_PERMANENT_REDIRECT)
		f->err = S3_ERR_SERVICE_UNAVAILABLE;
}

static bool
is_change(const struct s3_call *call)
{
	return strcmp(call->method, "GET") != 0 &&
	       strcmp(call->method, "HEAD") != 0;
}

bool
s3_is_conditional_change(const struct s3_call *call)
{
	return is_change(call) &&
	       (store_headers_get(&call->headers, "if-match").n ||
		store_headers_get(&call->headers, "if-none-match").n);
}

enum s3_error
s3_refused_after(const struct s3_call *call, enum s3_error err)
{
	if (err == S3_ERR_SLOW_DOWN)
		return S3_ERR_SERVICE_UNAVAILABLE;
	if (!is_change(call) || (!call->key.n && !call->may_fail_late) ||
	    err == S3_ERR_NO_SUCH_UPLOAD || err == S3_ERR_INTERNAL_ERROR)
		return err;
	return S3_ERR_SERVICE_UNAVAILABLE;
}

void
s3_judge(const struct s3_call *call, enum http_client_error rc,
	 const struct http_client_answer *a, struct s3_failure *out)
{
	*out = (struct s3_failure){ .their_time_us = INT64_MIN };
	switch (rc) {
	case HTTP_CLIENT_OK:
	case HTTP_CLIENT_ANSWERED:
		if (a->status / 100 != 2 ||
		    (call->may_fail_late &&
		     read_error(buf_slice(&a->body), out)))
			judge_answer(call, a, out);
		break;
	case HTTP_CLIENT_UNREACHABLE:
		out->err = S3_ERR_SLOW_DOWN;
		out->again = true;
		break;
	case HTTP_CLIENT_BROKEN:
		out->err = S3_ERR_SERVICE_UNAVAILABLE;
		out->again = out->arrived = true;
		break;
	case HTTP_CLIENT_REFUSED:
	case HTTP_CLIENT_INTERNAL:
		out->err = S3_ERR_INTERNAL_ERROR;
		break;
	}
	/* Who says 503 or 429 has not begun; a proxy's 504 knows nothing. */
	if (out->err == S3_ERR_INTERNAL_ERROR || a->status == 502 ||
	    a->status == 504)
		out->arrived = true;
	if (out->arrived && s3_is_conditional_change(call))
		out->again = false;
}

void
s3_failure_reason(const struct http_client_answer *a,
		  const struct s3_failure *f, char out[S3_REASON_MAX])
{
	if (a->status)
		snprintf(out, S3_REASON_MAX, "answer %u%s%s%s%s", a->status,
			 f->code[0] ? " " : "", f->code,
			 f->message[0] ? ": " : "", f->message);
	else
		snprintf(out, S3_REASON_MAX, "%s", a->error);
}

void
s3_failure_log(struct s3_remote *r, const struct s3_call *call,
	       const struct http_client_answer *a, const struct s3_failure *f)
{
	struct slice id = http_client_header(a, "x-amz-request-id");
	char reason[S3_REASON_MAX];

	s3_failure_reason(a, f, reason);
	if (f->is_pair && !atomic_exchange(&r->pair_told, true))
		log_error("s3_credentials",
			  "%s refuses our own pair of keys (%s: %s): check "
			  "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
			  "AWS_SESSION_TOKEN, AWS_REGION and the clock",
			  r->endpoint[0] ? r->endpoint : "AWS", f->code,
			  f->message);
	else if (!f->is_pair &&
		 (f->is_strange || s3_error_info(f->err)->status >= 500))
		log_warn("s3_request", "%s %s/%.*s/%.*s: %s%s%.*s",
			 call->method, r->endpoint, SLICE_ARG(call->bucket),
			 SLICE_ARG(call->key), reason, id.n ? ", request " : "",
			 SLICE_ARG(id));
}
