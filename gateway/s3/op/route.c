/*
 * The table of operations and its search. A sub-resource ("?acl") decides
 * what is meant: a method that none of its rows has is 405, so ?website never
 * lists the bucket and ?tagging never overwrites an object.
 */
#include "gateway/s3/op/ops.h"

#define OP(name, method, scope, query, header, action, body_max, begin, data, \
	   finish, note)                                                      \
	{ name,	  method,   S3_##scope, query, header,                        \
	  action, body_max, begin,	data,  finish },
static const struct s3_op ops[] = {
#include "gateway/s3/op/ops.def"
};
#undef OP

/* Parameters in the table that only refine what the rest says. */
static const char *const refining[] = { "list-type", "partNumber" };

/* What AWS calls the resource of a sub-resource, where it is not its name in
 * capitals ("operation" in the server access log's format). */
static const struct {
	const char *query;
	const char *name;
} resource_names[] = {
	{ "accelerate", "ACCELERATE" },
	{ "delete", "MULTI_OBJECT_DELETE" },
	{ "intelligent-tiering", "INTELLIGENT_TIERING" },
	{ "legal-hold", "LEGAL_HOLD" },
	{ "logging", "LOGGING_STATUS" },
	{ "object-lock", "OBJECT_LOCK_CONFIGURATION" },
	{ "ownershipControls", "OWNERSHIP_CONTROLS" },
	{ "policy", "BUCKETPOLICY" },
	{ "policyStatus", "POLICY_STATUS" },
	{ "publicAccessBlock", "PUBLIC_ACCESS_BLOCK" },
	{ "requestPayment", "REQUEST_PAYMENT" },
	{ "uploadId", "UPLOAD" },
	{ "versions", "BUCKETVERSIONS" },
};

size_t
s3_ops(const struct s3_op **out)
{
	*out = ops;
	return ARRAY_LEN(ops);
}

/* "analytics&id", "list-type=2": all of these are there. */
static bool
query_matches(const char *query, const struct s3_request *rq)
{
	struct slice rest = query ? slice_str(query) : (struct slice){ 0 };
	struct slice item, name;

	while (slice_cut(&rest, '&', &item)) {
		bool found = false;

		(void)slice_cut(&item, '=', &name);
		for (size_t i = 0; !found && i < rq->n_params; i++)
			found =
			    slice_eq(rq->params[i].name, name) &&
			    (!item.p || slice_eq(rq->params[i].value, item));
		if (!found)
			return false;
	}
	return true;
}

/* The sub-resource that a row is about; the empty slice: none. */
static struct slice
subresource_of(const struct s3_op *op)
{
	struct slice query = slice_str(op->query), name;

	(void)slice_cut(&query, '&', &name);
	(void)slice_cut(&name, '=', &query);
	for (size_t i = 0; i < ARRAY_LEN(refining); i++)
		if (slice_eq_str(query, refining[i]))
			return SLICE_EMPTY;
	return query;
}

static bool
is_subresource(const struct s3_request *rq, struct slice name)
{
	for (size_t i = 0; name.n && i < ARRAY_LEN(ops); i++)
		if (ops[i].scope == rq->scope && ops[i].query &&
		    ops[i].query[0] == name.p[0] &&
		    slice_eq(subresource_of(&ops[i]), name))
			return true;
	return false;
}

/* The one sub-resource of a request, or the empty slice. */
static enum s3_error
find_subresource(struct s3_request *rq, struct slice *out)
{
	*out = SLICE_EMPTY;
	for (size_t i = 0; i < rq->n_params; i++) {
		struct slice name = rq->params[i].name;

		if (slice_eq(name, *out) || !is_subresource(rq, name))
			continue;
		if (out->n) {
			s3_detail_add(&rq->detail, "ArgumentName",
				      SLICE("ResourceType"));
			s3_detail_add(&rq->detail, "ArgumentValue", *out);
			return s3_failf(rq, S3_ERR_INVALID_ARGUMENT,
					"Conflicting query string parameters: "
					"%.*s, %.*s",
					SLICE_ARG(*out), SLICE_ARG(name));
		}
		*out = name;
	}
	return S3_OK;
}

/* A presigned URL carries headers in its query. */
static bool
has_header(const struct s3_request *rq, const char *name)
{
	bool presigned = s3_param_has(rq, "X-Amz-Signature");

	for (size_t i = 0; presigned && i < rq->n_params; i++)
		if (slice_ieq_str(rq->params[i].name, name))
			return true;
	return http_header_has(rq->http, name);
}

static bool
matches(const struct s3_op *op, const struct s3_request *rq,
	struct slice subresource)
{
	return op->scope == rq->scope &&
	       op->method[0] == rq->http->method.p[0] &&
	       slice_eq_str(rq->http->method, op->method) &&
	       slice_eq(subresource_of(op), subresource) &&
	       query_matches(op->query, rq) &&
	       (!op->header || has_header(rq, op->header));
}

static struct slice
resource_name(struct s3_request *rq, struct slice subresource)
{
	static const char *const scopes[] = {
		[S3_SERVICE] = "SERVICE",
		[S3_BUCKET] = "BUCKET",
		[S3_OBJECT] = "OBJECT",
	};
	char *p;

	if (subresource.n == 0)
		return slice_str(scopes[rq->scope]);
	for (size_t i = 0; i < ARRAY_LEN(resource_names); i++)
		if (slice_eq_str(subresource, resource_names[i].query))
			return slice_str(resource_names[i].name);
	p = arena_cstr(&rq->http->arena, subresource);
	for (size_t i = 0; p && i < subresource.n; i++)
		if (p[i] >= 'a' && p[i] <= 'z')
			p[i] = (char)(p[i] - ('a' - 'A'));
	return slice_str(p);
}

/* The methods that this resource has (RFC 9110, 15.5.6), each once. */
static void
set_allow(struct s3_request *rq, struct slice subresource)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		const char *method = ops[i].method;

		if (ops[i].scope != rq->scope ||
		    !slice_eq(subresource_of(&ops[i]), subresource) ||
		    !query_matches(ops[i].query, rq) ||
		    slice_find(buf_slice(&b), slice_str(method)) >= 0)
			continue;
		buf_printf(&b, "%s%s", b.n ? ", " : "", method);
	}
	http_set_header(rq->http, "Allow", buf_slice(&b));
	buf_release(&b);
}

enum s3_error
s3_route(struct s3_request *rq)
{
	struct slice subresource;
	enum s3_error err = find_subresource(rq, &subresource);

	if (err != S3_OK)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (!matches(&ops[i], rq, subresource))
			continue;
		rq->op = &ops[i];
		rq->http->operation = ops[i].name;
		return S3_OK;
	}
	set_allow(rq, subresource);
	s3_detail_add(&rq->detail, "Method", rq->http->method);
	return s3_fail(rq, S3_ERR_METHOD_NOT_ALLOWED, NULL, "ResourceType",
		       resource_name(rq, subresource));
}

enum s3_error
op_not_implemented(struct s3_request *rq)
{
	return s3_failf(rq, S3_ERR_NOT_IMPLEMENTED,
			"The operation %s is not implemented.", rq->op->name);
}
