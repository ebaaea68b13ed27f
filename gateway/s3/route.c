/*
 * The table of operations and its search.
 */
#include "gateway/s3/ops.h"

#define ANY NULL
#define OP(name, method, scope, query, header, action, body_max, begin, data, \
	   finish)                                                            \
	{ name,	  method,   S3_##scope, query, header,                        \
	  action, body_max, begin,	data,  finish },
static const struct s3_op ops[] = {
#include "gateway/s3/ops.def"
};
#undef OP
#undef ANY

size_t
s3_ops(const struct s3_op **out)
{
	*out = ops;
	return ARRAY_LEN(ops);
}

static bool
matches(const struct s3_op *op, const struct s3_request *rq)
{
	return op->scope == rq->scope &&
	       (!op->method || slice_eq_str(rq->http->method, op->method)) &&
	       (!op->query || s3_param_has(rq, op->query)) &&
	       (!op->header || http_header_has(rq->http, op->header));
}

enum s3_error
s3_route(struct s3_request *rq)
{
	static const char *const resources[] = {
		[S3_SERVICE] = "SERVICE",
		[S3_BUCKET] = "BUCKET",
		[S3_OBJECT] = "OBJECT",
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (!matches(&ops[i], rq))
			continue;
		rq->op = &ops[i];
		rq->http->operation = ops[i].name;
		return S3_OK;
	}
	s3_detail_add(&rq->detail, "Method", rq->http->method);
	return s3_fail(rq, S3_ERR_METHOD_NOT_ALLOWED, NULL, "ResourceType",
		       slice_str(resources[rq->scope]));
}

enum s3_error
op_not_implemented(struct s3_request *rq)
{
	if (rq->op->header)
		return s3_fail(rq, S3_ERR_NOT_IMPLEMENTED, NULL, "Header",
			       slice_str(rq->op->header));
	rq->detail.message = "This operation is not implemented.";
	return S3_ERR_NOT_IMPLEMENTED;
}
