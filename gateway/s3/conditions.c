/*
 * Conditional requests: RFC 9110 §13 as S3 has it.
 */
#include "gateway/s3/s3.h"
#include "base/timeval.h"

static struct slice
value_of(const struct s3_request *rq, const char *prefix, const char *name)
{
	char full[64];

	if (!*prefix)
		return http_header_get(rq->http, name);
	snprintf(full, sizeof(full), "%s%s", prefix, name);
	return s3_header_or_hoisted(rq, full);
}

/* What is no date is no condition. */
static int64_t
date_of(const struct s3_request *rq, const char *prefix, const char *name)
{
	int64_t us;

	return time_parse_http(value_of(rq, prefix, name), &us) == 0
		   ? us
		   : INT64_MIN;
}

void
s3_source_conditions(const struct s3_request *rq, const char *prefix,
		     struct store_cond *out)
{
	*out = (struct store_cond){
		.if_match = value_of(rq, prefix, "If-Match"),
		.if_none_match = value_of(rq, prefix, "If-None-Match"),
		.if_modified_since_us =
		    date_of(rq, prefix, "If-Modified-Since"),
		.if_unmodified_since_us =
		    date_of(rq, prefix, "If-Unmodified-Since"),
	};
	/* Nobody can have seen the object at a time to come. */
	if (out->if_modified_since_us != INT64_MIN &&
	    out->if_modified_since_us > time_now_us())
		out->if_modified_since_us = INT64_MIN;
}

void
s3_read_conditions(const struct s3_request *rq, struct store_cond *out)
{
	s3_source_conditions(rq, "", out);
}

enum s3_error
s3_source_condition_failed(struct s3_request *rq, const char *prefix,
			   const struct store_cond *cond, enum s3_error err)
{
	const char *name;

	if (err == S3_ERR_PRECONDITION_FAILED)
		name = cond->if_match.n ? "If-Match" : "If-Unmodified-Since";
	else if (err == S3_ERR_NOT_MODIFIED)
		name = cond->if_none_match.n ? "If-None-Match"
					     : "If-Modified-Since";
	else
		return err;
	return s3_fail(rq, S3_ERR_PRECONDITION_FAILED, NULL, "Condition",
		       arena_printf(&rq->http->arena, "%s%s", prefix, name));
}

static enum s3_error
not_accepted(struct s3_request *rq, const char *headers, const char *message)
{
	s3_detail_add(&rq->detail, "Header", slice_str(headers));
	return s3_fail(rq, S3_ERR_NOT_IMPLEMENTED, NULL, "additionalMessage",
		       slice_str(message));
}

/* A guard that is not understood must not be passed by. */
static enum s3_error
refuse_delete_guards(struct s3_request *rq)
{
	static const char *const guards[] = {
		"x-amz-if-match-size",
		"x-amz-if-match-last-modified-time",
	};

	for (size_t i = 0; i < ARRAY_LEN(guards); i++)
		if (s3_header_or_hoisted(rq, guards[i]).p)
			return s3_fail(rq, S3_ERR_NOT_IMPLEMENTED, NULL,
				       "Header", slice_str(guards[i]));
	return S3_OK;
}

enum s3_error
s3_write_conditions(struct s3_request *rq, struct store_cond *out)
{
	bool is_put = !slice_eq_str(rq->http->method, "DELETE");

	*out = (struct store_cond)STORE_COND_NONE;
	out->if_match = http_header_get(rq->http, "If-Match");
	out->if_none_match = http_header_get(rq->http, "If-None-Match");
	if (out->if_match.p && out->if_none_match.p)
		return not_accepted(rq, "If-Match,If-None-Match",
				    "Multiple conditional request headers "
				    "present in the request");
	if (is_put && slice_eq_str(out->if_match, "*"))
		return not_accepted(rq, "If-Match",
				    "We don't accept the provided value of "
				    "If-Match header for this API");
	if (out->if_none_match.p &&
	    (!is_put || !slice_eq_str(out->if_none_match, "*")))
		return not_accepted(rq, "If-None-Match",
				    "We don't accept the provided value of "
				    "If-None-Match header for this API");
	return is_put ? S3_OK : refuse_delete_guards(rq);
}

enum s3_error
s3_condition_failed(struct s3_request *rq, enum s3_error err)
{
	static const char *const order[] = {
		"If-Match",
		"If-Unmodified-Since",
		"If-None-Match",
	};

	if (err != S3_ERR_PRECONDITION_FAILED &&
	    err != S3_ERR_CONDITIONAL_REQUEST_CONFLICT)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (!http_header_has(rq->http, order[i]))
			continue;
		s3_detail_add(&rq->detail, "Condition", slice_str(order[i]));
		break;
	}
	if (err == S3_ERR_CONDITIONAL_REQUEST_CONFLICT)
		s3_detail_add(&rq->detail, "Key", rq->key);
	return err;
}
