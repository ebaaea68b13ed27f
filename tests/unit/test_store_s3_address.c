/*
 * Where a bucket of another S3 is.
 */
#include "store/s3_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_s3_address_names_the_bucket_in_host_or_path(void **state)
{
	static const struct {
		const char *endpoint, *region;
		enum store_s3_style style;
		const char *bucket, *base;
		bool in_host;
	} rows[] = {
		{ "", "us-west-2", STORE_S3_STYLE_AUTO, "videos",
		  "https://videos.s3.us-west-2.amazonaws.com", true },
		{ "", "", STORE_S3_STYLE_AUTO, "videos",
		  "https://videos.s3.us-east-1.amazonaws.com", true },
		{ "", "cn-north-1", STORE_S3_STYLE_AUTO, "videos",
		  "https://videos.s3.cn-north-1.amazonaws.com.cn", true },
		{ "", "us-west-2", STORE_S3_STYLE_AUTO, "my.videos",
		  "https://s3.us-west-2.amazonaws.com", false },
		{ "", "us-west-2", STORE_S3_STYLE_PATH, "videos",
		  "https://s3.us-west-2.amazonaws.com", false },
		{ "", "us-west-2", STORE_S3_STYLE_AUTO, "",
		  "https://s3.us-west-2.amazonaws.com", false },
		{ "https://s3.eu-west-1.amazonaws.com/", "",
		  STORE_S3_STYLE_AUTO, "videos",
		  "https://videos.s3.eu-west-1.amazonaws.com", true },
		{ "http://127.0.0.1:9000", "us-west-2", STORE_S3_STYLE_AUTO,
		  "videos", "http://127.0.0.1:9000", false },
		{ "http://127.0.0.1:9000/", "", STORE_S3_STYLE_PATH, "videos",
		  "http://127.0.0.1:9000", false },
		{ "https://s3.example.org", "", STORE_S3_STYLE_HOST, "videos",
		  "https://videos.s3.example.org", true },
		{ "https://s3.example.org", "", STORE_S3_STYLE_HOST, "v.d",
		  "https://s3.example.org", false },
		{ "https://evilamazonaws.com", "", STORE_S3_STYLE_AUTO,
		  "videos", "https://evilamazonaws.com", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct s3_address at = { rows[i].endpoint, rows[i].region,
					       rows[i].style };
		struct buf b = BUF_INIT;

		assert_null(s3_address_problem(&at));
		assert_int_equal(
		    s3_address_put(&at, slice_str(rows[i].bucket), &b),
		    rows[i].in_host);
		assert_string_equal(b.p, rows[i].base);
		buf_release(&b);
	}
}

static void
test_s3_address_endpoint_is_the_one_named_or_awss(void **state)
{
	static const struct {
		const char *named, *region, *want;
	} rows[] = {
		{ "", "eu-west-1", "https://s3.eu-west-1.amazonaws.com" },
		{ "", "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn" },
		{ "", "", "https://s3.us-east-1.amazonaws.com" },
		{ "http://b:9000", "eu-west-1", "http://b:9000" },
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		s3_address_endpoint(rows[i].named, rows[i].region, got,
				    sizeof(got));
		assert_string_equal(got, rows[i].want);
		assert_int_equal(s3_address_is_regional(got), !*rows[i].named);
	}
}

static void
test_s3_address_refuses_what_is_no_url(void **state)
{
	static const char *const bad[] = {
		"s3.example.org",     "ftp://s3.example.org",
		"https://",	      "https:///",
		"http://host/path",   "http://user@host",
		"http://host?query",  "http://host\r\nX: y",
		"http://h\xc3\xb6st", "http://host/#",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct s3_address at = { bad[i], "",
					       STORE_S3_STYLE_AUTO };
		struct buf b = BUF_INIT;

		assert_non_null(s3_address_problem(&at));
		assert_false(s3_address_put(&at, SLICE("videos"), &b));
		assert_int_equal(b.n, 0);
		buf_release(&b);
	}
}

static void
test_s3_address_style_is_a_word_of_the_settings(void **state)
{
	(void)state;
	assert_int_equal(s3_address_style("auto"), STORE_S3_STYLE_AUTO);
	assert_int_equal(s3_address_style("path"), STORE_S3_STYLE_PATH);
	assert_int_equal(s3_address_style("virtual"), STORE_S3_STYLE_HOST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_s3_address_endpoint_is_the_one_named_or_awss),
		cmocka_unit_test(
		    test_s3_address_names_the_bucket_in_host_or_path),
		cmocka_unit_test(test_s3_address_refuses_what_is_no_url),
		cmocka_unit_test(
		    test_s3_address_style_is_a_word_of_the_settings),
	};

	return cmocka_run_group_tests_name("store_s3_address", tests, NULL,
					   NULL);
}
