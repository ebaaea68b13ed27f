/*
 * The table of operations: every row can be reached, and finds its request.
 */
#include "gateway/http/exchange.h"
#include "gateway/s3/op/ops.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Whatever matches `later` matches `first` too. */
static bool
shadows(const struct s3_op *first, const struct s3_op *later)
{
	return first->scope == later->scope &&
	       strcmp(first->method, later->method) == 0 &&
	       (!first->query ||
		(later->query && strcmp(first->query, later->query) == 0)) &&
	       (!first->header ||
		(later->header && strcmp(first->header, later->header) == 0));
}

static void
test_ops_no_row_shadows_a_later_one(void **state)
{
	const struct s3_op *ops;
	size_t n = s3_ops(&ops);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (shadows(&ops[i], &ops[j]))
				fail_msg("%s hides %s", ops[i].name,
					 ops[j].name);
}

static void
test_ops_every_row_answers(void **state)
{
	const struct s3_op *ops;
	size_t n = s3_ops(&ops);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* A row without finish refuses in begin, always. */
		assert_true(ops[i].finish ||
			    ops[i].begin == op_not_implemented);
		/* Only one of the two takes the body; a form needs data. */
		if (ops[i].body_max == S3_BODY_FORM)
			assert_non_null(ops[i].data);
		else
			assert_false(ops[i].data && ops[i].body_max);
	}
}

/* @query: names that are there, "list-type=2&acl". */
static enum s3_error
route(enum s3_scope scope, const char *method, const char *query,
      const char *header, const char **out)
{
	const struct http_header h = { slice_str(header ? header : "Host"),
				       SLICE("x") };
	struct http_exchange exchange = { 0 };
	struct http_request http = { .exchange = &exchange,
				     .method = slice_str(method),
				     .headers = &h,
				     .n_headers = 1 };
	struct s3_param params[4] = { { SLICE("x-id"), SLICE("x") } };
	struct s3_request rq = {
		.http = &http, .scope = scope, .params = params, .n_params = 1
	};
	struct slice rest = slice_str(query ? query : "prefix="), item;
	enum s3_error err;

	arena_init(&http.arena, 4096);
	answer_init(&exchange.answer);
	while (slice_cut(&rest, '&', &item)) {
		struct s3_param *p = &params[rq.n_params++];

		assert_true(rq.n_params <= ARRAY_LEN(params));
		(void)slice_cut(&item, '=', &p->name);
		p->value = item.p ? item : SLICE_EMPTY;
	}
	err = s3_route(&rq);
	/* What is not allowed says what is. */
	if (err == S3_ERR_METHOD_NOT_ALLOWED)
		assert_string_equal(exchange.answer.first->name, "Allow");
	*out = http.operation;
	arena_release(&http.arena);
	return err;
}

static void
test_route_finds_the_operation(void **state)
{
	static const struct {
		enum s3_scope scope;
		const char *method, *query, *header, *name;
	} rows[] = {
		{ S3_SERVICE, "GET", NULL, NULL, "ListBuckets" },
		{ S3_BUCKET, "GET", NULL, NULL, "ListObjects" },
		{ S3_BUCKET, "GET", "list-type=1", NULL, "ListObjects" },
		{ S3_BUCKET, "GET", "list-type=2", NULL, "ListObjectsV2" },
		{ S3_BUCKET, "GET", "location", NULL, "GetBucketLocation" },
		{ S3_BUCKET, "GET", "versions", NULL, "ListObjectVersions" },
		{ S3_BUCKET, "PUT", "policy", NULL, "PutBucketPolicy" },
		{ S3_BUCKET, "GET", "id=x&analytics", NULL,
		  "GetBucketAnalyticsConfiguration" },
		{ S3_BUCKET, "GET", "analytics", NULL,
		  "ListBucketAnalyticsConfigurations" },
		{ S3_BUCKET, "GET", "id=x", NULL, "ListObjects" },
		{ S3_BUCKET, "POST", "delete", NULL, "DeleteObjects" },
		{ S3_BUCKET, "POST", NULL, NULL, "PostObject" },
		{ S3_OBJECT, "PUT", NULL, NULL, "PutObject" },
		{ S3_OBJECT, "PUT", "location", NULL, "PutObject" },
		{ S3_OBJECT, "PUT", NULL, "X-Amz-Copy-Source", "CopyObject" },
		{ S3_OBJECT, "PUT", "partNumber=1&uploadId=x", NULL,
		  "UploadPart" },
		{ S3_OBJECT, "PUT", "partNumber=1&uploadId=x",
		  "x-amz-copy-source", "UploadPartCopy" },
		{ S3_OBJECT, "HEAD", NULL, NULL, "HeadObject" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name;

		assert_int_equal(route(rows[i].scope, rows[i].method,
				       rows[i].query, rows[i].header, &name),
				 S3_OK);
		assert_string_equal(name, rows[i].name);
	}
}

static void
test_route_refuses_what_no_row_has(void **state)
{
	static const struct {
		enum s3_scope scope;
		const char *method, *query;
		enum s3_error err;
	} rows[] = {
		{ S3_SERVICE, "PUT", NULL, S3_ERR_METHOD_NOT_ALLOWED },
		{ S3_BUCKET, "PATCH", NULL, S3_ERR_METHOD_NOT_ALLOWED },
		{ S3_BUCKET, "GET", "delete", S3_ERR_METHOD_NOT_ALLOWED },
		{ S3_BUCKET, "PUT", "versions", S3_ERR_METHOD_NOT_ALLOWED },
		{ S3_BUCKET, "GET", "acl&cors", S3_ERR_INVALID_ARGUMENT },
		{ S3_OBJECT, "get", NULL, S3_ERR_METHOD_NOT_ALLOWED },
		{ S3_OBJECT, "POST", NULL, S3_ERR_METHOD_NOT_ALLOWED },
		{ S3_OBJECT, "DELETE", "acl", S3_ERR_METHOD_NOT_ALLOWED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name;

		assert_int_equal(route(rows[i].scope, rows[i].method,
				       rows[i].query, NULL, &name),
				 rows[i].err);
		assert_null(name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ops_no_row_shadows_a_later_one),
		cmocka_unit_test(test_ops_every_row_answers),
		cmocka_unit_test(test_route_finds_the_operation),
		cmocka_unit_test(test_route_refuses_what_no_row_has),
	};

	return cmocka_run_group_tests_name("gateway_route", tests, NULL, NULL);
}
