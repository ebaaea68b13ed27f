/*
 * DATA/accounts: what stands in it, what a wrong master key or a damaged file
 * leads to, changes that cannot be written.
 */
#include "tests/unit/accounts_fixture.h"
#include "auth/seal.h"

/* ---- the file --------------------------------------------------------------
 */

static void
read_whole(struct buf *b)
{
	assert_int_equal(io_read_file(path, b), 0);
}

static void
test_accounts_file_is_private_and_holds_no_secret(void **state)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-of-alice"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	read_whole(&first);
	assert_null(strstr(first.p, "secret-of-alice"));
	assert_null(strstr(first.p, "root-secret"));
	assert_null(strstr(first.p, "ROOTKEY"));
	assert_null(strstr(first.p, MASTER));
	/* base64 of it, at any of the three alignments */
	assert_null(strstr(first.p, "c2VjcmV0"));
	assert_null(strstr(first.p, "NlY3JldC"));
	/* Written again, it is sealed anew: nonces are never used twice. */
	assert_int_equal(
	    accounts_remove_key(a, SLICE("alice"), SLICE("KEY1"), err), 0);
	assert_int_equal(add_key("alice", "KEY1", "secret-of-alice"), 0);
	read_whole(&second);
	assert_string_not_equal(first.p, second.p);
	buf_release(&first);
	buf_release(&second);
}

static void
test_accounts_open_another_master_key_is_told(void **state)
{
	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	assert_null(reopen_with("another master key of 32 characters"));
	assert_non_null(strstr(err, "another master key"));
	assert_non_null(strstr(err, "restore"));
	assert_null(strchr(err, '\n'));
	assert_non_null(reopen_with(MASTER));
	assert_true(is_secret_of("KEY1", "secret-1"));
}

/* Every single byte of the file counts. */
static void
test_accounts_open_any_damaged_byte_is_told(void **state)
{
	struct buf good = BUF_INIT;
	char *bad;

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	read_whole(&good);
	bad = malloc(good.n);
	assert_non_null(bad);
	for (size_t i = 0; i < good.n; i++) {
		memcpy(bad, good.p, good.n);
		bad[i] ^= 1;
		assert_int_equal(
		    io_write_file(path, slice_mem(bad, good.n), 0600), 0);
		assert_null(reopen_with(MASTER));
		assert_non_null(strstr(err, path));
	}
	for (size_t n = 0; n < good.n; n++) {
		assert_int_equal(
		    io_write_file(path, slice_head(buf_slice(&good), n), 0600),
		    0);
		assert_null(reopen_with(MASTER));
		assert_non_null(strstr(err, "damaged"));
	}
	buf_putc(&good, '\n');
	assert_int_equal(io_write_file(path, buf_slice(&good), 0600), 0);
	assert_null(reopen_with(MASTER));
	free(bad);
	buf_release(&good);
}

static void
test_accounts_open_newer_format_is_told(void **state)
{
	(void)state;
	assert_int_equal(
	    io_write_file(path, SLICE("{\"format\":2,\"master_key\":\"x\"}\n"),
			  0600),
	    0);
	assert_null(reopen_with(MASTER));
	assert_non_null(strstr(err, "newer"));
}

static void
test_accounts_open_unreadable_file_is_told(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(reopen_with(MASTER));
	assert_non_null(strstr(err, "cannot read"));
	assert_int_equal(rmdir(path), 0);
}

/* Nothing is in effect that is not on the disk. */
static void
test_accounts_change_that_cannot_be_written_changes_nothing(void **state)
{
	char in_the_way[112];
	struct auth_key k;

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	snprintf(in_the_way, sizeof(in_the_way), "%s.new", path);
	assert_int_equal(mkdir(in_the_way, 0700), 0);
	assert_refused(add("bob", "B", "KEY2", "secret-2"), "cannot write");
	assert_refused(accounts_remove(a, SLICE("alice"), err), "cannot write");
	assert_int_equal(accounts_lookup(a, SLICE("KEY2"), &k), -1);
	assert_true(is_secret_of("KEY1", "secret-1"));
	assert_int_equal(rmdir(in_the_way), 0);
	assert_int_equal(add("bob", "B", "KEY2", "secret-2"), 0);
}

/* A process killed while it writes leaves the old file and a temporary one. */
static void
test_accounts_open_ignores_a_half_written_new_file(void **state)
{
	char half[112];

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	snprintf(half, sizeof(half), "%s.new", path);
	assert_int_equal(io_write_file(half, SLICE("{\"format\":1,"), 0600), 0);
	assert_non_null(reopen_with(MASTER));
	assert_true(is_secret_of("KEY1", "secret-1"));
	assert_int_equal(add_key("alice", "KEY2", "secret-2"), 0);
	assert_int_equal(access(half, F_OK), -1);
}

static void
test_accounts_open_root_wins_over_a_users_equal_key(void **state)
{
	const struct accounts_conf conf = {
		.path = path,
		.master_key = MASTER,
		.root_id = ROOT_ID,
		.root_access_key = "KEY1",
		.root_secret_key = "root-secret",
	};
	struct auth_key k;

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	accounts_close(a);
	a = accounts_open(&conf, err);
	assert_non_null(a);
	assert_int_equal(accounts_lookup(a, SLICE("KEY1"), &k), 0);
	assert_string_equal(k.account_id, ROOT_ID);
	assert_string_equal(k.secret, "root-secret");
}

/* ---- sealing ----------------------------------------------------------------
 */

static void
test_seal_open_wants_key_place_and_bytes(void **state)
{
	uint8_t key[SEAL_KEY_BYTES] = { 1 }, other[SEAL_KEY_BYTES] = { 2 };
	uint8_t sealed[6 + SEAL_EXTRA_BYTES] = { 0 };
	struct slice s = slice_mem(sealed, sizeof(sealed));
	char text[7] = "";

	(void)state;
	assert_int_equal(seal(key, SLICE("place"), SLICE("secret"), sealed), 0);
	assert_int_equal(seal_open(key, SLICE("place"), s, text), 0);
	assert_string_equal(text, "secret");
	assert_int_equal(seal_open(other, SLICE("place"), s, text), -1);
	assert_string_equal(text, "");
	assert_int_equal(seal_open(key, SLICE("elsewhere"), s, text), -1);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 0x80;
		assert_int_equal(seal_open(key, SLICE("place"), s, text), -1);
		sealed[i] ^= 0x80;
		assert_int_equal(
		    seal_open(key, SLICE("place"), slice_head(s, i), text), -1);
	}
	assert_int_equal(seal(key, SLICE_EMPTY, SLICE_EMPTY, sealed), 0);
	assert_int_equal(seal_open(key, SLICE_EMPTY,
				   slice_mem(sealed, SEAL_EXTRA_BYTES), text),
			 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ACCOUNTS_TEST(
		    test_accounts_file_is_private_and_holds_no_secret),
		ACCOUNTS_TEST(test_accounts_open_another_master_key_is_told),
		ACCOUNTS_TEST(test_accounts_open_any_damaged_byte_is_told),
		ACCOUNTS_TEST(test_accounts_open_newer_format_is_told),
		ACCOUNTS_TEST(test_accounts_open_unreadable_file_is_told),
		ACCOUNTS_TEST(
		    test_accounts_change_that_cannot_be_written_changes_nothing),
		ACCOUNTS_TEST(
		    test_accounts_open_ignores_a_half_written_new_file),
		ACCOUNTS_TEST(
		    test_accounts_open_root_wins_over_a_users_equal_key),
		ACCOUNTS_TEST(test_seal_open_wants_key_place_and_bytes),
	};

	return cmocka_run_group_tests_name("auth_accounts_file", tests,
					   accounts_setup, NULL);
}
