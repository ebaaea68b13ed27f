/*
 * The table of operations: every row can be reached, and finds its request.
 */
#include "gateway/s3/ops.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Whatever matches `later` matches `first` too. */
static bool
shadows(const struct s3_op *first, const struct s3_op *later)
{
	return first->scope == later->scope &&
	       (!first->method ||
		(later->method && strcmp(first->method, later->method) == 0)) &&
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
		/* Only one of the two takes the body. */
		assert_false(ops[i].data && ops[i].body_max);
	}
}

static const char *
route(enum s3_scope scope, const char *method, const char *query,
      const char *header)
{
	const struct http_header h = { slice_str(header ? header : "Host"),
				       SLICE("x") };
	struct http_request http = { .method = slice_str(method),
				     .headers = &h,
				     .n_headers = 1 };
	struct s3_param p = { slice_str(query ? query : "x-id"), SLICE_EMPTY };
	struct s3_request rq = {
		.http = &http, .scope = scope, .params = &p, .n_params = 1
	};

	return s3_route(&rq) == S3_OK ? http.operation : NULL;
}

static void
test_route_finds_the_operation(void **state)
{
	static const struct {
		enum s3_scope scope;
		const char *method, *query, *header, *name;
	} rows[] = {
		{ S3_SERVICE, "GET", NULL, NULL, "ListBuckets" },
		{ S3_SERVICE, "PUT", NULL, NULL, NULL },
		{ S3_BUCKET, "GET", NULL, NULL, "ListObjects" },
		{ S3_BUCKET, "GET", "list-type", NULL, "ListObjectsV2" },
		{ S3_BUCKET, "GET", "location", NULL, "GetBucketLocation" },
		{ S3_BUCKET, "GET", "versions", NULL, "NotImplemented" },
		{ S3_BUCKET, "PUT", "policy", NULL, "NotImplemented" },
		{ S3_BUCKET, "POST", "delete", NULL, "DeleteObjects" },
		{ S3_BUCKET, "POST", NULL, NULL, "PostObject" },
		{ S3_BUCKET, "PATCH", NULL, NULL, NULL },
		{ S3_OBJECT, "PUT", NULL, NULL, "PutObject" },
		{ S3_OBJECT, "PUT", NULL, "X-Amz-Copy-Source", "CopyObject" },
		{ S3_OBJECT, "PUT", "uploadId", NULL, "NotImplemented" },
		{ S3_OBJECT, "HEAD", NULL, NULL, "HeadObject" },
		{ S3_OBJECT, "get", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *got = route(rows[i].scope, rows[i].method,
					rows[i].query, rows[i].header);

		if (!rows[i].name)
			assert_null(got);
		else
			assert_string_equal(got, rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ops_no_row_shadows_a_later_one),
		cmocka_unit_test(test_ops_every_row_answers),
		cmocka_unit_test(test_route_finds_the_operation),
	};

	return cmocka_run_group_tests_name("gateway_route", tests, NULL, NULL);
}
