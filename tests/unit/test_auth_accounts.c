/*
 * The registry of accounts: what may be added, what is refused, changes while
 * requests look keys up.
 */
#include "tests/unit/accounts_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- accounts and keys ----------------------------------------------------
 */

static void
test_accounts_open_without_a_file_knows_root_alone(void **state)
{
	struct auth_key k;

	(void)state;
	assert_int_equal(accounts_lookup(a, SLICE("ROOTKEY"), &k), 0);
	assert_string_equal(k.secret, "root-secret");
	assert_string_equal(k.account_id, ROOT_ID);
	assert_string_equal(k.display_name, "root");
	assert_int_equal(accounts_lookup(a, SLICE("OTHER"), &k), -1);
	assert_int_equal(accounts_lookup(a, SLICE_EMPTY, &k), -1);
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_accounts_add_makes_up_what_is_not_given(void **state)
{
	const struct account_spec spec = { .name = SLICE("alice") };
	struct account_made made;
	char number[ACCOUNT_NUMBER_MAX];

	(void)state;
	assert_int_equal(accounts_add(a, &spec, &made, err), 0);
	assert_int_equal(strlen(made.id), 64);
	assert_int_equal(strspn(made.id, "0123456789abcdef"), 64);
	assert_int_equal(strlen(made.access_key), 20);
	assert_int_equal(strlen(made.secret_key), 40);
	assert_string_equal(made.display_name, "alice");
	account_number(slice_str(made.id), number);
	assert_string_equal(made.number, number);
	assert_true(is_secret_of(made.access_key, made.secret_key));
}

static void
test_accounts_survive_a_restart(void **state)
{
	char name[ACCOUNT_DISPLAY_MAX];
	struct auth_key k;

	(void)state;
	for (int i = 0; i < 50; i++) {
		char user[16], key[16], secret[32];

		snprintf(user, sizeof(user), "user%d", i);
		snprintf(key, sizeof(key), "KEY%d", i);
		snprintf(secret, sizeof(secret), "secret of %d", i);
		assert_int_equal(add(user, user, key, secret), 0);
	}
	assert_int_equal(add_key("user7", "SECOND", "another secret"), 0);
	assert_int_equal(accounts_remove(a, SLICE("user8"), err), 0);
	assert_int_equal(
	    accounts_remove_key(a, SLICE("user9"), SLICE("KEY9"), err), 0);
	assert_non_null(reopen_with(MASTER));
	for (int i = 0; i < 50; i++) {
		char key[16], secret[32];

		snprintf(key, sizeof(key), "KEY%d", i);
		snprintf(secret, sizeof(secret), "secret of %d", i);
		assert_int_equal(is_secret_of(key, secret), i != 8 && i != 9);
	}
	assert_true(is_secret_of("SECOND", "another secret"));
	assert_int_equal(accounts_lookup(a, SLICE("SECOND"), &k), 0);
	assert_string_equal(k.account_id, "user7");
	accounts_display_name(a, SLICE("user9"), name);
	assert_string_equal(name, "user9");
}

static void
test_accounts_remove_ends_the_account_and_all_its_keys(void **state)
{
	char name[ACCOUNT_DISPLAY_MAX];
	struct auth_key k;

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	assert_int_equal(add("bob", "B", "KEY2", "secret-2"), 0);
	assert_int_equal(add_key("alice", "KEY3", "secret-3"), 0);
	assert_int_equal(accounts_remove(a, SLICE("alice"), err), 0);
	assert_int_equal(accounts_lookup(a, SLICE("KEY1"), &k), -1);
	assert_int_equal(accounts_lookup(a, SLICE("KEY3"), &k), -1);
	assert_true(is_secret_of("KEY2", "secret-2"));
	accounts_display_name(a, SLICE("A"), name);
	assert_string_equal(name, "A");
	/* Name, id and keys are free again. */
	assert_int_equal(add("alice", "A", "KEY1", "secret-4"), 0);
	assert_true(is_secret_of("KEY1", "secret-4"));
}

static void
test_accounts_key_of_another_user_is_not_removed(void **state)
{
	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	assert_int_equal(add("bob", "B", "KEY2", "secret-2"), 0);
	assert_refused(
	    accounts_remove_key(a, SLICE("alice"), SLICE("KEY2"), err),
	    "no such access key");
	assert_true(is_secret_of("KEY2", "secret-2"));
}

static void
test_accounts_what_is_taken_is_refused(void **state)
{
	char number[ACCOUNT_NUMBER_MAX];

	(void)state;
	assert_int_equal(add("alice", "A", "KEY1", "secret-1"), 0);
	assert_refused(add("alice", "B", "KEY2", "secret-2"), "of that name");
	assert_refused(add("root", "B", "KEY2", "secret-2"), "of that name");
	assert_refused(add("bob", "A", "KEY2", "secret-2"), "is taken");
	assert_refused(add("bob", ROOT_ID, "KEY2", "secret-2"), "is taken");
	assert_refused(add("bob", "B", "KEY1", "secret-2"), "is taken");
	assert_refused(add("bob", "B", "ROOTKEY", "secret-2"), "is taken");
	/* An id of 12 digits that is somebody's number. */
	account_number(SLICE("A"), number);
	assert_refused(add("bob", number, "KEY2", "secret-2"), "is taken");
	account_number(SLICE(ROOT_ID), number);
	assert_refused(add("bob", number, "KEY2", "secret-2"), "is taken");
	assert_refused(add_key("alice", "ROOTKEY", "secret-2"), "is taken");
	assert_refused(add_key("alice", "KEY1", "secret-2"), "is taken");
	assert_true(is_secret_of("KEY1", "secret-1"));
	assert_true(is_secret_of("ROOTKEY", "root-secret"));
	assert_int_equal(add("bob", "B", "KEY2", "secret-2"), 0);
}

static void
test_accounts_root_is_not_changed(void **state)
{
	(void)state;
	assert_refused(accounts_remove(a, SLICE("root"), err), "settings");
	assert_refused(add_key("root", "KEY", "secret-1"), "settings");
	assert_refused(
	    accounts_remove_key(a, SLICE("root"), SLICE("ROOTKEY"), err),
	    "settings");
	assert_refused(accounts_remove(a, SLICE("nobody"), err),
		       "no such user");
	assert_refused(add_key("nobody", "KEY", "secret-1"), "no such user");
}

static void
test_accounts_malformed_words_are_refused(void **state)
{
	static const struct {
		const char *name, *id, *access_key, *secret_key, *words;
	} rows[] = {
		{ "", "", "", "", "a name is" },
		{ "a b", "", "", "", "a name is" },
		{ "a/b", "", "", "", "a name is" },
		{ "\xc3\xa9", "", "", "", "a name is" },
		{ "a", "b.c", "", "", "an id is" },
		{ "a", "b c", "", "", "an id is" },
		{ "a", "", "AB", "secret-1", "an access key is" },
		{ "a", "", "A/B", "secret-1", "an access key is" },
		{ "a", "", "A B", "secret-1", "an access key is" },
		{ "a", "", "ABC", "seven77", "a secret key is" },
		{ "a", "", "ABC", "secret\t1", "a secret key is" },
		{ "a", "", "ABC",
		  "s\xc3\xa9"
		  "cret-1",
		  "a secret key is" },
		{ "a", "", "ABC", "", "both" },
		{ "a", "", "", "secret-1", "both" },
	};
	char long_text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_refused(add(rows[i].name, rows[i].id, rows[i].access_key,
				   rows[i].secret_key),
			       rows[i].words);
		/* The secret is never repeated. */
		assert_null(strstr(err, "secret-1"));
	}
	memset(long_text, 'a', sizeof(long_text));
	long_text[65] = '\0';
	assert_refused(add(long_text, "", "", ""), "a name is");
	assert_refused(add("a", long_text, "", ""), "an id is");
	long_text[65] = 'a';
	long_text[129] = '\0';
	assert_refused(add("a", "", long_text, "secret-1"), "an access key is");
	assert_refused(add("a", "", "ABC", long_text), "a secret key is");
	long_text[128] = '\0';
	assert_refused(add("a", "", "ABC", long_text), "a secret key is");
	assert_int_equal(add("a", "", long_text, long_text + 1), 0);
	assert_true(is_secret_of(long_text, long_text + 1));
	assert_non_null(reopen_with(MASTER));
	assert_true(is_secret_of(long_text, long_text + 1));
}

static void
test_accounts_display_names(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "Zo\xc3\xab <&>\"'", true },
		{ "a\nb", false },
		{ "a\x7f", false },
		{ "\xc2\x9b"
		  "2J",
		  false },
		{ "\xff", false },
		{ "\xed\xa0\x80", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct account_spec spec = {
			.name = SLICE("alice"),
			.display_name = slice_str(rows[i].text),
		};
		struct account_made made;
		char name[ACCOUNT_DISPLAY_MAX];

		if (!rows[i].good) {
			assert_refused(accounts_add(a, &spec, &made, err),
				       "display name");
			continue;
		}
		assert_int_equal(accounts_add(a, &spec, &made, err), 0);
		assert_non_null(reopen_with(MASTER));
		accounts_display_name(a, slice_str(made.id), name);
		assert_string_equal(name, rows[i].text);
		assert_int_equal(accounts_remove(a, SLICE("alice"), err), 0);
	}
}

static void
test_account_number_is_twelve_digits(void **state)
{
	static const struct {
		const char *id;
		const char *number;
	} rows[] = {
		/* computed independently: int(sha256(id)[:8]) % 10**12 */
		{ "A", "820899059065" },
		{ "", "232824261652" },
		{ "123456789012", "123456789012" },
		{ "000000000001", "000000000001" },
		{ "12345678901", "560698777046" },
		{ "12345678901a", "629995189329" },
	};
	char number[ACCOUNT_NUMBER_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		account_number(slice_str(rows[i].id), number);
		assert_string_equal(number, rows[i].number);
	}
}

static void
test_accounts_list_is_sorted_and_root_first(void **state)
{
	struct account_view *v;
	struct arena arena;
	size_t n;

	(void)state;
	assert_int_equal(add("zoe", "Z", "KEYZ", "secret-z"), 0);
	assert_int_equal(add("bob", "B", "KEYB", "secret-b"), 0);
	assert_int_equal(add_key("zoe", "AKEY", "secret-a"), 0);
	arena_init(&arena, 1 << 20);
	assert_int_equal(accounts_list(a, &arena, &v, &n), 0);
	assert_int_equal(n, 3);
	assert_true(slice_eq_str(v[0].name, "root"));
	assert_int_equal(v[0].n_keys, 1);
	assert_true(slice_eq_str(v[0].keys[0].access_key, "ROOTKEY"));
	assert_true(slice_eq_str(v[1].name, "bob"));
	assert_int_equal(v[1].n_keys, 1);
	assert_true(slice_eq_str(v[2].name, "zoe"));
	assert_int_equal(v[2].n_keys, 2);
	assert_true(slice_eq_str(v[2].keys[0].access_key, "AKEY"));
	assert_true(slice_eq_str(v[2].keys[1].access_key, "KEYZ"));
	assert_true(v[2].created_us > 0);
	arena_release(&arena);
}

/* ---- threads ----------------------------------------------------------------
 */

static atomic_bool done;
static atomic_int lookups;

/* Whatever changes around it, a key has its own secret or is not there. */
static void *
look_up(void *wrong)
{
	struct auth_key k;
	char name[ACCOUNT_DISPLAY_MAX];

	while (!done) {
		if (accounts_lookup(a, SLICE("STEADY"), &k) != 0 ||
		    strcmp(k.secret, "steady-secret") != 0 ||
		    strcmp(k.account_id, "S") != 0)
			atomic_fetch_add((atomic_int *)wrong, 1);
		if (accounts_lookup(a, SLICE("COMES"), &k) == 0 &&
		    (strcmp(k.secret, "comes-secret") != 0 ||
		     strcmp(k.account_id, "C") != 0))
			atomic_fetch_add((atomic_int *)wrong, 1);
		accounts_display_name(a, SLICE("S"), name);
		atomic_fetch_add(&lookups, 1);
	}
	return NULL;
}

static void
test_accounts_change_while_requests_look_keys_up(void **state)
{
	pthread_t threads[4];
	atomic_int wrong = 0;
	struct auth_key k;

	(void)state;
	done = false;
	lookups = 0;
	assert_int_equal(add("steady", "S", "STEADY", "steady-secret"), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, look_up, &wrong), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(add("comes", "C", "COMES", "comes-secret"), 0);
		assert_true(is_secret_of("COMES", "comes-secret"));
		assert_int_equal(accounts_remove(a, SLICE("comes"), err), 0);
		assert_int_equal(accounts_lookup(a, SLICE("COMES"), &k), -1);
	}
	while (lookups < 100)
		usleep(1000);
	done = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
}

static void *
add_one(void *name)
{
	struct account_spec spec = { .name = slice_str(name) };
	struct account_made made;
	char line[512];

	return accounts_add(a, &spec, &made, line) == 0 ? name : NULL;
}

static void
test_accounts_changes_at_once_are_all_kept(void **state)
{
	static char names[8][8];
	pthread_t threads[8];
	struct account_view *v;
	struct arena arena;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		snprintf(names[i], sizeof(names[i]), "user%zu", i);
		assert_int_equal(
		    pthread_create(&threads[i], NULL, add_one, names[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *added;

		pthread_join(threads[i], &added);
		assert_non_null(added);
	}
	assert_non_null(reopen_with(MASTER));
	arena_init(&arena, 1 << 20);
	assert_int_equal(accounts_list(a, &arena, &v, &n), 0);
	assert_int_equal(n, 9);
	arena_release(&arena);
}

/* ---- the cache of signing keys -------------------------------------------
 */

#define ROTATED_US 1369353600000000LL /* 20130524T000000Z */
#define ROTATIONS 50
enum { CHANGING = 2, NEITHER = 3 };

/* What one secret signed is asked again and again, and so cached. */
struct rotation {
	struct slice query[2]; /* the same request under either secret */
	/* Which of them is valid, or one of the two below; each step adds 10,
	 * so that no two are equal. */
	atomic_int step;
	atomic_bool stop;
	atomic_int failures;
};

static struct slice
presign(const char *secret, struct buf *out)
{
	const struct auth_header host = { SLICE("Host"), SLICE("h") };
	const struct auth_request req = { .method = SLICE("GET"),
					  .raw_path = SLICE("/b/k"),
					  .headers = &host,
					  .n_headers = 1 };
	const struct auth_signer signer = { .access_key = SLICE("ROTATING"),
					    .secret_key = slice_str(secret),
					    .region = SLICE("us-east-1"),
					    .service = "s3" };

	assert_int_equal(auth_presign(&req, &signer, 60, ROTATED_US, out), 0);
	return buf_slice(out);
}

static enum s3_error
verify_query(struct slice query)
{
	const struct auth_header host = { SLICE("Host"), SLICE("h") };
	const struct auth_request req = { .method = SLICE("GET"),
					  .raw_path = SLICE("/b/k"),
					  .raw_query = query,
					  .headers = &host,
					  .n_headers = 1 };
	const struct auth_policy policy = { .service = "s3",
					    .now_us = ROTATED_US };
	const struct auth_keys keys = { accounts_lookup, a };
	struct auth_identity id;
	struct arena arena;
	enum s3_error e;

	arena_init(&arena, 1 << 20);
	e = auth_verify(&req, &keys, &policy, &arena, &id, NULL);
	arena_release(&arena);
	return e;
}

static void
next_step(struct rotation *r, int what)
{
	atomic_store(&r->step, r->step / 10 * 10 + 10 + what);
}

/* An answer counts when nothing changed while it was found. */
static void *
ask_both(void *rotation)
{
	struct rotation *r = rotation;

	while (!atomic_load(&r->stop)) {
		for (int i = 0; i < 2; i++) {
			int before = atomic_load(&r->step);
			bool ok = verify_query(r->query[i]) == S3_OK;

			if (before % 10 == CHANGING ||
			    atomic_load(&r->step) != before)
				continue;
			if (ok != (before % 10 == i))
				atomic_fetch_add(&r->failures, 1);
		}
	}
	return NULL;
}

static void
test_accounts_rotated_keys_end_at_once_though_cached(void **state)
{
	static const char *const secrets[] = { "the first secret",
					       "the second secret" };
	struct buf queries[2] = { BUF_INIT, BUF_INIT };
	struct rotation r = { .step = NEITHER };
	pthread_t threads[3];

	(void)state;
	for (int i = 0; i < 2; i++)
		r.query[i] = presign(secrets[i], &queries[i]);
	assert_int_equal(add("rotor", "rotor", "OTHERKEY", "other secret"), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, ask_both, &r), 0);
	for (int i = 0; i < ROTATIONS; i++) {
		next_step(&r, CHANGING);
		assert_int_equal(add_key("rotor", "ROTATING", secrets[i % 2]),
				 0);
		next_step(&r, i % 2);
		assert_int_equal(verify_query(r.query[i % 2]), S3_OK);
		assert_int_equal(verify_query(r.query[1 - i % 2]),
				 S3_ERR_SIGNATURE_DOES_NOT_MATCH);
		next_step(&r, CHANGING);
		assert_int_equal(accounts_remove_key(a, SLICE("rotor"),
						     SLICE("ROTATING"), err),
				 0);
		next_step(&r, NEITHER);
		assert_int_equal(verify_query(r.query[i % 2]),
				 S3_ERR_INVALID_ACCESS_KEY_ID);
	}
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(r.failures, 0);
	buf_release(&queries[0]);
	buf_release(&queries[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ACCOUNTS_TEST(
		    test_accounts_open_without_a_file_knows_root_alone),
		ACCOUNTS_TEST(test_accounts_add_makes_up_what_is_not_given),
		ACCOUNTS_TEST(test_accounts_survive_a_restart),
		ACCOUNTS_TEST(
		    test_accounts_remove_ends_the_account_and_all_its_keys),
		ACCOUNTS_TEST(test_accounts_key_of_another_user_is_not_removed),
		ACCOUNTS_TEST(test_accounts_what_is_taken_is_refused),
		ACCOUNTS_TEST(test_accounts_root_is_not_changed),
		ACCOUNTS_TEST(test_accounts_malformed_words_are_refused),
		ACCOUNTS_TEST(test_accounts_display_names),
		ACCOUNTS_TEST(test_account_number_is_twelve_digits),
		ACCOUNTS_TEST(test_accounts_list_is_sorted_and_root_first),
		ACCOUNTS_TEST(test_accounts_change_while_requests_look_keys_up),
		ACCOUNTS_TEST(test_accounts_changes_at_once_are_all_kept),
		ACCOUNTS_TEST(
		    test_accounts_rotated_keys_end_at_once_though_cached),
	};

	return cmocka_run_group_tests_name("auth_accounts", tests,
					   accounts_setup, NULL);
}
