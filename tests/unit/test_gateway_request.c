/*
 * From target and headers to bucket, key and query: framing.c, request.c.
 */
#include "gateway/http/exchange.h"
#include "gateway/s3/s3.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- framing ------------------------------------------------------------ */

/* The status to refuse with, 0: none. */
static unsigned
check(const char *target, const struct http_header *headers, size_t n,
      struct http_request *req)
{
	const char *why = NULL;
	unsigned status;

	arena_release(&req->arena);
	*req = (struct http_request){ .headers = headers, .n_headers = n };
	arena_init(&req->arena, 4096);
	status = framing_check(req, slice_str(target), &why);
	assert_true((status == 0) == (why == NULL));
	return status;
}

static void
test_framing_check_splits_the_target(void **state)
{
	const struct http_header host = { SLICE("Host"), SLICE("h") };
	struct http_request req = { 0 };

	(void)state;
	assert_int_equal(check("/a%2Fb?x=1&y?z", &host, 1, &req), 0);
	assert_true(slice_eq_str(req.raw_path, "/a%2Fb"));
	assert_true(slice_eq_str(req.raw_query, "x=1&y?z"));
	assert_true(req.has_query);
	assert_false(req.has_body);
	assert_int_equal(check("HTTP://h:1/p?", &host, 1, &req), 0);
	assert_true(slice_eq_str(req.raw_path, "/p"));
	assert_true(req.has_query && req.raw_query.n == 0);
	assert_int_equal(check("https://h", &host, 1, &req), 0);
	assert_true(slice_eq_str(req.raw_path, "/") && !req.has_query);
	assert_int_equal(check("http://h?acl", &host, 1, &req), 0);
	assert_true(slice_eq_str(req.raw_path, "/"));
	assert_true(slice_eq_str(req.raw_query, "acl"));
	assert_int_equal(check("*", &host, 1, &req), 400);
	assert_int_equal(check("", &host, 1, &req), 400);
	assert_int_equal(check("b/k", &host, 1, &req), 400);
	assert_int_equal(check("/", &host, 0, &req), 400);
	arena_release(&req.arena);
}

static void
test_framing_check_knows_one_expectation(void **state)
{
	static const struct {
		const char *value;
		unsigned status;
	} rows[] = { { "100-continue", 0 }, { "100-Continue", 0 },
		     { "", 417 },	    { "100-continue, x", 417 },
		     { "200-ok", 417 },	    { "100", 417 } };
	struct http_header h[2] = { { SLICE("Host"), SLICE("h") } };
	struct http_request req = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		h[1] = (struct http_header){ SLICE("expect"),
					     slice_str(rows[i].value) };
		assert_int_equal(check("/", h, 2, &req), rows[i].status);
	}
	arena_release(&req.arena);
}

static void
test_framing_check_reads_the_length(void **state)
{
	static const struct {
		const char *name, *value;
		bool ok, body;
		uint64_t length;
	} rows[] = {
		{ "content-length", "0", true, false, 0 },
		{ "Content-Length", "17", true, true, 17 },
		{ "Content-Length", "18446744073709551615", false, false, 0 },
		{ "Content-Length", "1,1", false, false, 0 },
		{ "Content-Length", "-1", false, false, 0 },
		{ "Content-Length", "", false, false, 0 },
		{ "Transfer-Encoding", "Chunked", true, true,
		  HTTP_LENGTH_UNKNOWN },
		{ "Transfer-Encoding", "chunked, chunked", false, false, 0 },
		{ "Transfer-Encoding", "", false, false, 0 },
		{ "Content Length", "5", false, false, 0 },
	};
	struct http_header h[2] = { { SLICE("Host"), SLICE("h") } };
	struct http_request req = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		h[1] = (struct http_header){ slice_str(rows[i].name),
					     slice_str(rows[i].value) };
		assert_int_equal(!check("/", h, 2, &req), rows[i].ok);
		if (!rows[i].ok)
			continue;
		assert_int_equal(req.has_body, rows[i].body);
		assert_int_equal(req.content_length, rows[i].length);
	}
	arena_release(&req.arena);
}

/* ---- bucket, key, query -------------------------------------------------- */

static struct s3_world world = { .hosts = { "s3.example.org",
					    "s3.localhost:9000", NULL } };

struct parsed {
	struct http_header host;
	struct http_request http;
	struct s3_request rq;
};

static enum s3_error
parse(struct parsed *p, const char *host, const char *path, const char *query)
{
	arena_release(&p->http.arena);
	*p = (struct parsed){ .host = { SLICE("Host"), slice_str(host) } };
	arena_init(&p->http.arena, 1 << 20);
	p->http.raw_path = slice_str(path);
	p->http.raw_query = slice_str(query);
	p->http.headers = &p->host;
	p->http.n_headers = 1;
	p->rq.http = &p->http;
	p->rq.world = &world;
	return s3_request_parse(&p->rq);
}

static void
test_request_parse_names_bucket_and_key(void **state)
{
	static const struct {
		const char *host, *path;
		enum s3_scope scope;
		const char *bucket, *key;
	} rows[] = {
		{ "127.0.0.1:9000", "/", S3_SERVICE, "", "" },
		{ "h", "/b", S3_BUCKET, "b", "" },
		{ "h", "/b/", S3_BUCKET, "b", "" },
		{ "h", "/b/k", S3_OBJECT, "b", "k" },
		{ "h", "/b//k/../%2F+", S3_OBJECT, "b", "/k/..//+" },
		{ "localhost:9000", "/b/k", S3_OBJECT, "b", "k" },
		{ "x.localhost:9000", "/b/k", S3_OBJECT, "x", "b/k" },
		{ "x.y.LOCALHOST", "/", S3_BUCKET, "x.y", "" },
		{ "x.s3.example.org:80", "/k", S3_OBJECT, "x", "k" },
		{ "s3.example.org", "/b/k", S3_OBJECT, "b", "k" },
		{ "s3.localhost:9000", "/b/k", S3_OBJECT, "b", "k" },
		{ ".localhost", "/b/k", S3_OBJECT, "b", "k" },
		{ "[::1]:9000", "/b/k", S3_OBJECT, "b", "k" },
		{ "badexample.org", "/b/k", S3_OBJECT, "b", "k" },
	};
	struct parsed p = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(parse(&p, rows[i].host, rows[i].path, ""),
				 S3_OK);
		assert_int_equal(p.rq.scope, rows[i].scope);
		assert_true(slice_eq_str(p.rq.bucket, rows[i].bucket));
		assert_true(slice_eq_str(p.rq.key, rows[i].key));
	}
	arena_release(&p.http.arena);
}

static void
test_request_parse_decodes_the_query_once(void **state)
{
	struct parsed p = { 0 };

	(void)state;
	assert_int_equal(parse(&p, "h", "/b",
			       "acl&prefix=a%2Bb+c%2526&&x=1=2&prefix=second"),
			 S3_OK);
	assert_int_equal(p.rq.n_params, 4);
	assert_true(s3_param_has(&p.rq, "acl"));
	assert_int_equal(s3_param(&p.rq, "acl").n, 0);
	assert_true(slice_eq_str(s3_param(&p.rq, "prefix"), "a+b c%26"));
	assert_true(slice_eq_str(s3_param(&p.rq, "x"), "1=2"));
	assert_false(s3_param_has(&p.rq, "ACL"));
	arena_release(&p.http.arena);
}

static void
test_request_parse_refuses_what_is_no_name(void **state)
{
	static const char *const paths[] = { "/%00", "/b/%0", "/b/%zz",
					     "/b/%c0%80", "/b/\xff" };
	struct parsed p = { 0 };
	char *long_path = malloc(2000);
	struct buf many = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(parse(&p, "h", paths[i], ""),
				 S3_ERR_INVALID_URI);
	assert_int_equal(parse(&p, "h", "//k", ""), S3_ERR_INVALID_BUCKET_NAME);
	assert_int_equal(parse(&p, "h", "/b", "a=%"), S3_ERR_INVALID_URI);
	for (int i = 0; i <= S3_PARAMS_MAX; i++)
		buf_puts(&many, "a&");
	assert_int_equal(parse(&p, "h", "/b", many.p), S3_ERR_INVALID_URI);
	memset(long_path, 'k', 2000);
	memcpy(long_path, "/b/", 3);
	long_path[3 + STORE_KEY_MAX] = '\0';
	assert_int_equal(parse(&p, "h", long_path, ""), S3_OK);
	long_path[3 + STORE_KEY_MAX] = 'k';
	long_path[3 + STORE_KEY_MAX + 1] = '\0';
	assert_int_equal(parse(&p, "h", long_path, ""), S3_ERR_KEY_TOO_LONG);
	free(long_path);
	buf_release(&many);
	arena_release(&p.http.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framing_check_splits_the_target),
		cmocka_unit_test(test_framing_check_reads_the_length),
		cmocka_unit_test(test_framing_check_knows_one_expectation),
		cmocka_unit_test(test_request_parse_names_bucket_and_key),
		cmocka_unit_test(test_request_parse_decodes_the_query_once),
		cmocka_unit_test(test_request_parse_refuses_what_is_no_name),
	};

	return cmocka_run_group_tests_name("gateway_request", tests, NULL,
					   NULL);
}
