/*
 * URLs of objects for who has no key: whose name they begin with, and in which
 * region they are signed.
 */
#include "processor/objects.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void
test_presign_names_the_s3_that_knows_the_pair(void **state)
{
	static const struct {
		const char *backend, *mode, *endpoint, *public_url, *base;
	} rows[] = {
		{ "local", "proxy", "http://a:9000", "https://s3.example.org/",
		  "https://s3.example.org/b/k%20y?" },
		{ "local", "proxy", "http://a:9000/", "",
		  "http://a:9000/b/k%20y?" },
		/* the public name is the gateway's, which knows other keys */
		{ "s3", "proxy", "http://b:9000/", "https://s3.example.org",
		  "http://b:9000/b/k%20y?" },
		{ "s3", "direct", "http://b:9000", "https://s3.example.org/",
		  "https://s3.example.org/b/k%20y?" },
		{ "s3", "proxy", "", "",
		  "https://b.s3.eu-west-1.amazonaws.com/k%20y?" },
	};
	char err[CONF_ERROR_MAX];
	struct conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf url = BUF_INIT;
		struct objects o;

		setenv("REELGATE_BACKEND", rows[i].backend, 1);
		setenv("REELGATE_S3_MODE", rows[i].mode, 1);
		setenv("S3_ENDPOINT", rows[i].endpoint, 1);
		setenv("S3_PUBLIC_URL", rows[i].public_url, 1);
		setenv("AWS_REGION", "eu-west-1", 1);
		setenv("AWS_ACCESS_KEY_ID", "KEY", 1);
		setenv("AWS_SECRET_ACCESS_KEY", "secret-of-that-key", 1);
		assert_int_equal(conf_load(&c, NULL, "/nowhere", err), 0);
		assert_int_equal(objects_open(&o, &c, err), 0);
		assert_int_equal(objects_presign(&o, &c, "b", "k y", 60, &url),
				 0);
		assert_true(
		    slice_starts(buf_slice(&url), slice_str(rows[i].base)));
		assert_non_null(strstr(url.p, "%2Feu-west-1%2Fs3%2F"));
		objects_close(&o);
		conf_release(&c);
		buf_release(&url);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_presign_names_the_s3_that_knows_the_pair),
	};

	return hash_setup() == 0 ? cmocka_run_group_tests(tests, NULL, NULL)
				 : 1;
}
