/*
 * CORS rules and continuation tokens: what is read comes back, what matches,
 * what is refused. HTTP tests have the many cases; here are memory and bounds.
 */
#include "gateway/s3/cors_rules.h"
#include "gateway/s3/token.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEAD                                                  \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"        \
	"<CORSConfiguration xmlns=\"http://s3.amazonaws.com/" \
	"doc/2006-03-01/\">"
#define RULE(inside) "<CORSRule>" inside "</CORSRule>"
#define MINIMAL                              \
	"<AllowedMethod>GET</AllowedMethod>" \
	"<AllowedOrigin>*</AllowedOrigin>"
#define DOC(rules) HEAD rules "</CORSConfiguration>"

static enum s3_error
read_doc(struct slice doc, struct arena *a, struct cors_rule **out)
{
	const char *why;

	return cors_rules_read(doc, a, out, &why);
}

static void
test_rules_read_then_written_are_the_same(void **state)
{
	static const char doc[] =
	    DOC(RULE("<ID></ID><AllowedMethod>PUT</AllowedMethod>"
		     "<AllowedMethod>GET</AllowedMethod>"
		     "<AllowedOrigin>https://*.a</AllowedOrigin>"
		     "<AllowedHeader>x-&lt;</AllowedHeader>"
		     "<MaxAgeSeconds>0</MaxAgeSeconds>"
		     "<ExposeHeader>ETag</ExposeHeader>") RULE(MINIMAL));
	struct cors_rule *rules;
	struct buf out = BUF_INIT;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(read_doc(SLICE(doc), &a, &rules), S3_OK);
	cors_rules_write(rules, &out);
	assert_string_equal(out.p, doc);
	buf_release(&out);
	arena_release(&a);
}

/* Every bound of the arena is an error, never a crash. */
static void
test_rules_read_without_memory(void **state)
{
	static const char doc[] = DOC(RULE(MINIMAL) RULE(MINIMAL));
	struct cors_rule *rules;
	struct arena a;
	int refused = 0;

	(void)state;
	for (size_t max = 0; max < 1024; max += 16) {
		arena_init(&a, max);
		refused +=
		    read_doc(SLICE(doc), &a, &rules) == S3_ERR_INTERNAL_ERROR;
		arena_release(&a);
	}
	assert_true(refused > 4 && refused < 64);
}

static void
test_rules_find_the_first_that_allows_all(void **state)
{
	static const char doc[] =
	    DOC(RULE(MINIMAL) RULE("<ID>2</ID>"
				   "<AllowedMethod>PUT</AllowedMethod>"
				   "<AllowedOrigin>http://*.a</AllowedOrigin>"
				   "<AllowedHeader>X-*</AllowedHeader>"));
	static const struct {
		const char *origin, *method, *headers;
		int rule; /* 0: none */
	} rows[] = {
		{ "x", "GET", "", 1 },
		{ "x", "GET", " , ,", 1 },
		{ "x", "GET", "range", 0 },
		{ "x", "PUT", "", 0 },
		{ "http://.a", "PUT", "", 2 },
		{ "http://b.a", "PUT", "x-a, X-,x-B", 2 },
		{ "http://b.a", "PUT", "x-a,range", 0 },
		{ "http:/.a", "PUT", "", 0 },
		{ "", "PUT", "", 0 },
	};
	struct cors_rule *rules;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(read_doc(SLICE(doc), &a, &rules), S3_OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cors_rule *r = cors_rules_find(
		    rules, slice_str(rows[i].origin), slice_str(rows[i].method),
		    slice_str(rows[i].headers));
		int got = r == NULL ? 0 : r == rules ? 1 : 2;

		assert_int_equal(got, rows[i].rule);
		if (r)
			assert_int_equal(cors_rule_is_open(r), got == 1);
	}
	arena_release(&a);
}

static void
test_token_gives_back_what_went_in(void **state)
{
	static const struct slice names[] = { { "", 0 },
					      { "a", 1 },
					      { "\xff\0k", 3 } };
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf token = BUF_INIT;
		struct slice name;
		char kind = 0;

		token_write(&token, 'p', names[i]);
		assert_true(buf_ok(&token));
		assert_int_equal(
		    token_read(&a, buf_slice(&token), &kind, &name), 0);
		assert_int_equal(kind, 'p');
		assert_true(slice_eq(name, names[i]));
		for (size_t j = 0; j < token.n; j++) {
			token.p[j] = token.p[j] == 'A' ? 'B' : 'A';
			assert_int_equal(
			    token_read(&a, buf_slice(&token), &kind, &name),
			    -1);
			buf_clear(&token);
			token_write(&token, 'p', names[i]);
		}
		buf_release(&token);
	}
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_read_then_written_are_the_same),
		cmocka_unit_test(test_rules_read_without_memory),
		cmocka_unit_test(test_rules_find_the_first_that_allows_all),
		cmocka_unit_test(test_token_gives_back_what_went_in),
	};

	return cmocka_run_group_tests_name("gateway_cors", tests, NULL, NULL);
}
