/*
 * Tag sets from XML and from the header, and the rules they are held to.
 */
#include "gateway/s3/tags.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
	struct http_request http;
	struct s3_request rq;
	struct store_headers tags;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	arena_init(&f->http.arena, 1 << 20);
	f->rq.http = &f->http;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	arena_release(&f->http.arena);
	free(f);
	return 0;
}

/* "k=v;..." of what was read. */
static void
assert_tags(struct fixture *f, const char *want)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < f->tags.n; i++)
		buf_printf(&b, "%.*s=%.*s;", SLICE_ARG(f->tags.v[i].name),
			   SLICE_ARG(f->tags.v[i].value));
	assert_string_equal(b.p ? b.p : "", want);
	buf_release(&b);
}

static void
test_tags_read_query_decodes(void **state)
{
	static const struct {
		const char *query, *want;
	} rows[] = {
		{ "", "" },
		{ "a=1", "a=1;" },
		{ "a=1&b=2", "a=1;b=2;" },
		{ "a", "a=;" },
		{ "a=", "a=;" },
		{ "a=1&", "a=1;" },
		{ "a=b=c", "a=b=c;" },
		{ "a%20b=c+d", "a b=c d;" },
		{ "a%3D=%26", NULL },
		{ "%C3%BC=%F0%9F%98%80", "\xc3\xbc=\xf0\x9f\x98\x80;" },
		{ "a+=-._:/@=%2B-%3D._:/@", "a =-._:/@=+-=._:/@;" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum s3_error err =
		    tags_read_query(&f->rq, slice_str(rows[i].query), &f->tags);

		assert_int_equal(err,
				 rows[i].want ? S3_OK : S3_ERR_INVALID_TAG);
		if (rows[i].want)
			assert_tags(f, rows[i].want);
	}
}

static void
test_tags_read_query_refuses(void **state)
{
	static const struct {
		const char *query;
		enum s3_error want;
	} rows[] = {
		{ "a=1&a=2", S3_ERR_INVALID_ARGUMENT },
		{ "a=%", S3_ERR_INVALID_ARGUMENT },
		{ "a=%zz", S3_ERR_INVALID_ARGUMENT },
		{ "a=%ff", S3_ERR_INVALID_ARGUMENT },
		{ "=1", S3_ERR_INVALID_ARGUMENT },
		{ "aws:a=1", S3_ERR_INVALID_TAG },
		{ "AWS:a=1", S3_ERR_INVALID_TAG },
		{ "a=%00", S3_ERR_INVALID_TAG },
		{ "a%3Fb=1", S3_ERR_INVALID_TAG },
		{ "a=%7B", S3_ERR_INVALID_TAG },
		{ "a&b&c&d&e&f&g&h&i&j&k", S3_ERR_BAD_REQUEST },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
		    tags_read_query(&f->rq, slice_str(rows[i].query), &f->tags),
		    rows[i].want);
}

static enum s3_error
read_one(struct fixture *f, const char *unit, size_t key_n, size_t value_n)
{
	struct buf b = BUF_INIT;
	enum s3_error err;

	for (size_t i = 0; i < key_n; i++)
		buf_puts(&b, unit);
	buf_putc(&b, '=');
	for (size_t i = 0; i < value_n; i++)
		buf_puts(&b, unit);
	err = tags_read_query(&f->rq, buf_slice(&b), &f->tags);
	buf_release(&b);
	return err;
}

static void
test_tags_lengths_count_utf16_units(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_one(f, "a", 128, 256), S3_OK);
	assert_int_equal(read_one(f, "a", 129, 0), S3_ERR_INVALID_TAG);
	assert_int_equal(read_one(f, "a", 1, 257), S3_ERR_INVALID_TAG);
	assert_int_equal(read_one(f, "\xc3\xbc", 128, 256), S3_OK);
	assert_int_equal(read_one(f, "\xc3\xbc", 129, 0), S3_ERR_INVALID_TAG);
	assert_int_equal(read_one(f, "\xf0\x9f\x98\x80", 64, 128), S3_OK);
	assert_int_equal(read_one(f, "\xf0\x9f\x98\x80", 65, 0),
			 S3_ERR_INVALID_TAG);
}

#define TAG(k, v) "<Tag><Key>" k "</Key><Value>" v "</Value></Tag>"
#define SET(tags) "<Tagging><TagSet>" tags "</TagSet></Tagging>"

static void
test_tags_read_xml_by_table(void **state)
{
	static const struct {
		const char *doc, *want;
		enum s3_error err;
	} rows[] = {
		{ SET(""), "", S3_OK },
		{ SET(TAG("a", "1") TAG("b", "")), "a=1;b=;", S3_OK },
		{ SET("<Tag><Value>1</Value><Key>a</Key></Tag>"), "a=1;",
		  S3_OK },
		{ "", NULL, S3_ERR_MISSING_REQUEST_BODY },
		{ "<Tagging/>", NULL, S3_ERR_MALFORMED_XML },
		{ "<Tagging>", NULL, S3_ERR_MALFORMED_XML },
		{ "<Other/>", NULL, S3_ERR_MALFORMED_XML },
		{ SET("<Tag><Key>a</Key></Tag>"), NULL, S3_ERR_MALFORMED_XML },
		{ SET("<Tag><Value>a</Value></Tag>"), NULL,
		  S3_ERR_MALFORMED_XML },
		{ SET("<Tag><Key>a</Key><Key>b</Key><Value/></Tag>"), NULL,
		  S3_ERR_MALFORMED_XML },
		{ SET(TAG("a", "1") TAG("a", "2")), NULL, S3_ERR_INVALID_TAG },
		{ SET(TAG("", "1")), NULL, S3_ERR_INVALID_TAG },
		{ SET(TAG("aws:a", "1")), NULL, S3_ERR_INVALID_TAG },
		{ SET(TAG("a", "!")), NULL, S3_ERR_INVALID_TAG },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(tags_read_xml(&f->rq, slice_str(rows[i].doc),
					       TAGS_OF_OBJECT, &f->tags),
				 rows[i].err);
		if (rows[i].want)
			assert_tags(f, rows[i].want);
	}
}

static enum s3_error
read_many(struct fixture *f, unsigned n, enum tags_of of)
{
	struct buf b = BUF_INIT;
	enum s3_error err;

	buf_puts(&b, "<Tagging><TagSet>");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, TAG("k%u", "v"), i);
	buf_puts(&b, "</TagSet></Tagging>");
	err = tags_read_xml(&f->rq, buf_slice(&b), of, &f->tags);
	buf_release(&b);
	return err;
}

static void
test_tags_are_10_of_an_object_and_50_of_a_bucket(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_many(f, 10, TAGS_OF_OBJECT), S3_OK);
	assert_int_equal(f->tags.n, 10);
	assert_int_equal(read_many(f, 11, TAGS_OF_OBJECT), S3_ERR_BAD_REQUEST);
	assert_int_equal(read_many(f, 50, TAGS_OF_BUCKET), S3_OK);
	assert_int_equal(f->tags.n, 50);
	assert_int_equal(read_many(f, 51, TAGS_OF_BUCKET), S3_ERR_BAD_REQUEST);
	assert_string_equal(f->rq.detail.message,
			    "Bucket tag count cannot be greater than 50");
	assert_int_equal(read_many(f, 500, TAGS_OF_BUCKET), S3_ERR_BAD_REQUEST);
}

static void
test_store_put_tagging_escapes(void **state)
{
	struct store_header v = { SLICE("a"), SLICE("<&>") };
	struct store_headers tags = { &v, 1 };
	struct buf b = BUF_INIT;

	(void)state;
	store_put_tagging(&b, &tags);
	assert_non_null(strstr(b.p, "<TagSet><Tag><Key>a</Key><Value>&lt;&amp;"
				    "&gt;</Value></Tag></TagSet></Tagging>"));
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tags_read_query_decodes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_tags_read_query_refuses,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_tags_lengths_count_utf16_units, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tags_read_xml_by_table,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_tags_are_10_of_an_object_and_50_of_a_bucket, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_store_put_tagging_escapes,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
