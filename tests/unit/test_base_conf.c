/*
 * Settings: sources and their order, generated secrets.
 */
#include "base/conf.h"
#include "base/credentials.h"
#include "base/hash.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];

static void
write_file(const char *name, const char *text, char path[128])
{
	snprintf(path, 128, "%s/%s", dir, name);
	assert_int_equal(io_write_file(path, slice_str(text), 0600), 0);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-conf-XXXXXX");
	return mkdtemp(dir) && hash_setup() == 0 ? 0 : -1;
}

static int
remove_dir(void **state)
{
	char path[160];
	static const char *const names[] = { "a.conf", "credentials" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static void
test_conf_load_environment_wins_over_file(void **state)
{
	char path[128], err[CONF_ERROR_MAX];
	struct conf c;

	(void)state;
	write_file("a.conf", "AWS_REGION = eu-west-1\nMAX_UPLOAD_BYTES = 5M\n",
		   path);
	assert_int_equal(setenv("AWS_REGION", "us-west-2", 1), 0);
	assert_int_equal(conf_load(&c, path, dir, err), 0);
	assert_string_equal(c.aws_region, "us-west-2");
	assert_int_equal(c.max_upload_bytes, 5 << 20);
	assert_string_equal(c.data, dir);
	conf_release(&c);
	unsetenv("AWS_REGION");
}

static void
test_conf_size_is_default_by_value(void **state)
{
	char path[128], err[CONF_ERROR_MAX];
	struct conf c;

	(void)state;
	write_file("a.conf",
		   "MAX_UPLOAD_BYTES = 5M\nREELGATE_INLINE_MAX = 64K\n", path);
	assert_int_equal(conf_load(&c, path, dir, err), 0);
	assert_true(conf_size_is_default(&c, "REELGATE_MIN_FREE_BYTES"));
	assert_true(conf_size_is_default(&c, "REELGATE_INLINE_MAX"));
	assert_false(conf_size_is_default(&c, "MAX_UPLOAD_BYTES"));
	assert_false(conf_size_is_default(&c, "AWS_REGION"));
	conf_release(&c);
}

static void
test_conf_load_unknown_key_is_refused(void **state)
{
	char path[128], err[CONF_ERROR_MAX];
	struct conf c;

	(void)state;
	write_file("a.conf", "AWS_REGIONN = eu-west-1\n", path);
	assert_int_equal(conf_load(&c, path, dir, err), -1);
	assert_non_null(strstr(err, "AWS_REGIONN"));
	conf_release(&c);
}

static void
test_conf_load_settings_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "AWS_ACCESS_KEY_ID = key\n", "set both or neither" },
		{ "AWS_SECRET_ACCESS_KEY = a secret\n", "set both or neither" },
		{ "S3_PUBLIC_URL = s3.example.org\n",
		  "\"s3.example.org\" is no" },
		{ "S3_PUBLIC_URL = http://a, ftp://b\n", "\"ftp://b\" is no" },
		{ "S3_PUBLIC_URL = http://a , https://b:9000/,\n", NULL },
	};
	char path[128], err[CONF_ERROR_MAX];
	struct conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		write_file("a.conf", rows[i].text, path);
		assert_int_equal(conf_load(&c, path, dir, err),
				 rows[i].why ? -1 : 0);
		if (rows[i].why)
			assert_non_null(strstr(err, rows[i].why));
		conf_release(&c);
	}
}

static void
test_conf_file_to_env_keeps_what_is_set(void **state)
{
	char path[128], err[CONF_ERROR_MAX];

	(void)state;
	write_file("a.conf", "AWS_REGION = eu-west-1\nJWT_ISSUER = me\n", path);
	assert_int_equal(setenv("AWS_REGION", "us-west-2", 1), 0);
	unsetenv("JWT_ISSUER");
	assert_int_equal(conf_file_to_env(path, err), 0);
	assert_string_equal(getenv("AWS_REGION"), "us-west-2");
	assert_string_equal(getenv("JWT_ISSUER"), "me");
	unsetenv("AWS_REGION");
	unsetenv("JWT_ISSUER");
}

static void
test_conf_file_to_env_bad_value_exports_nothing(void **state)
{
	char path[128], err[CONF_ERROR_MAX];

	(void)state;
	write_file("a.conf", "MAX_UPLOAD_BYTES = much\n", path);
	assert_int_equal(conf_file_to_env(path, err), -1);
	assert_non_null(strstr(err, "MAX_UPLOAD_BYTES"));
	assert_null(getenv("MAX_UPLOAD_BYTES"));
}

static void
test_credentials_create_makes_private_secrets_once(void **state)
{
	char path[160], err[CONF_ERROR_MAX], key[64];
	struct conf c;
	struct stat st;

	(void)state;
	assert_int_equal(credentials_create(dir, err), 0);
	credentials_path(dir, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(conf_load(&c, NULL, dir, err), 0);
	assert_true(strlen(c.jwt_secret) >= 40);
	snprintf(key, sizeof(key), "%s", conf_root_access_key(&c));
	conf_release(&c);
	assert_int_equal(credentials_create(dir, err), 0);
	assert_int_equal(conf_load(&c, NULL, dir, err), 0);
	assert_string_equal(key, conf_root_access_key(&c));
	conf_release(&c);
}

/* What an older release made has all but the master key. */
static void
test_credentials_create_adds_a_master_key_to_an_old_file(void **state)
{
	char path[128], err[CONF_ERROR_MAX], key[64];
	struct conf c;

	(void)state;
	write_file("credentials",
		   "REELGATE_ROOT_USER=me\nREELGATE_ROOT_PASSWORD=my-secret",
		   path);
	assert_int_equal(credentials_create(dir, err), 0);
	assert_int_equal(conf_load(&c, NULL, dir, err), 0);
	assert_string_equal(c.root_user, "me");
	assert_string_equal(c.root_password, "my-secret");
	assert_int_equal(strlen(c.master_key), 43); /* 32 bytes in base64url */
	snprintf(key, sizeof(key), "%s", c.master_key);
	conf_release(&c);
	assert_int_equal(credentials_create(dir, err), 0);
	assert_int_equal(conf_load(&c, NULL, dir, err), 0);
	assert_string_equal(c.master_key, key);
	conf_release(&c);
}

static void
test_credentials_new_pair_has_the_form_of_awss(void **state)
{
	char access_key[2][CREDENTIALS_ACCESS_KEY_MAX];
	char secret_key[2][CREDENTIALS_SECRET_KEY_MAX];

	(void)state;
	for (int i = 0; i < 2; i++) {
		credentials_new_pair(access_key[i], secret_key[i]);
		assert_int_equal(strlen(access_key[i]), 20);
		assert_int_equal(strlen(secret_key[i]), 40);
	}
	assert_string_not_equal(access_key[0], access_key[1]);
	assert_string_not_equal(secret_key[0], secret_key[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf_load_environment_wins_over_file),
		cmocka_unit_test(test_conf_size_is_default_by_value),
		cmocka_unit_test(test_conf_load_unknown_key_is_refused),
		cmocka_unit_test(
		    test_conf_load_settings_that_do_not_fit_are_refused),
		cmocka_unit_test(test_conf_file_to_env_keeps_what_is_set),
		cmocka_unit_test(
		    test_conf_file_to_env_bad_value_exports_nothing),
		cmocka_unit_test(
		    test_credentials_create_makes_private_secrets_once),
		cmocka_unit_test(
		    test_credentials_create_adds_a_master_key_to_an_old_file),
		cmocka_unit_test(
		    test_credentials_new_pair_has_the_form_of_awss),
	};

	return cmocka_run_group_tests_name("base_conf", tests, make_dir,
					   remove_dir);
}
