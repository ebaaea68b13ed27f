/*
 * A registry of accounts in a directory of its own, root included.
 */
#ifndef TESTS_UNIT_ACCOUNTS_FIXTURE_H
#define TESTS_UNIT_ACCOUNTS_FIXTURE_H

#include "auth/accounts.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define MASTER "a master key of thirty-two characters or more"
#define ROOT_ID "root0000"

static char dir[64], path[96], err[512];
static struct accounts *a;

static inline struct accounts *
reopen_with(const char *master_key)
{
	const struct accounts_conf conf = {
		.path = path,
		.master_key = master_key,
		.root_id = ROOT_ID,
		.root_access_key = "ROOTKEY",
		.root_secret_key = "root-secret",
	};

	accounts_close(a);
	a = accounts_open(&conf, err);
	return a;
}

static inline int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-accounts-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/accounts", dir);
	err[0] = '\0';
	a = NULL;
	return reopen_with(MASTER) ? 0 : -1;
}

static inline int
remove_dir(void **state)
{
	(void)state;
	accounts_close(a);
	unlink(path);
	return rmdir(dir);
}

static inline int
add(const char *name, const char *id, const char *access_key,
    const char *secret_key)
{
	const struct account_spec spec = {
		.name = slice_str(name),
		.id = slice_str(id),
		.access_key = slice_str(access_key),
		.secret_key = slice_str(secret_key),
	};
	struct account_made made;

	return accounts_add(a, &spec, &made, err);
}

static inline int
add_key(const char *name, const char *access_key, const char *secret_key)
{
	const struct account_spec spec = {
		.name = slice_str(name),
		.access_key = slice_str(access_key),
		.secret_key = slice_str(secret_key),
	};
	struct account_made made;

	return accounts_add_key(a, &spec, &made, err);
}

static inline bool
is_secret_of(const char *access_key, const char *secret)
{
	struct auth_key k;

	return accounts_lookup(a, slice_str(access_key), &k) == 0 &&
	       strcmp(k.secret, secret) == 0;
}

static inline void
assert_refused(int rc, const char *words)
{
	assert_int_equal(rc, -1);
	if (!strstr(err, words))
		fail_msg("\"%s\" does not say \"%s\"", err, words);
	err[0] = '\0';
}

static inline int
accounts_setup(void **state)
{
	(void)state;
	return hash_setup();
}

#define ACCOUNTS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

#endif
