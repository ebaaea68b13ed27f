/*
 * Intents of a journal: durable before the call returns, one of intent and
 * event at any time, kept by what keeps a store - reopening, a backup, the
 * check - and unknown to stores from before them.
 */
#include "tests/unit/store_fixture.h"

#include "store/care.h"
#include "store/journal.h"
#include "store/local/local.h"

#include <fcntl.h>
#include <sys/wait.h>

static const struct store_event put_event = {
	.event_name = { "ObjectCreated:Put", 17 },
	.bucket = { "videos", 6 },
	.bucket_owner = { "owner", 5 },
	.key = { "a/b.mp4", 7 },
	.size = 1234,
	.etag = { "0123456789abcdef0123456789abcdef", 32 },
	.content_type = { "video/mp4", 9 },
	.principal_id = { "tester", 6 },
	.source_ip = { "192.0.2.1", 9 },
	.request_id = { "REQ7", 4 },
};

static struct journal_intent
intend(struct fixture *f)
{
	struct journal_intent i;

	assert_int_equal(journal_intend(f->s, &put_event, 1, &i), S3_OK);
	assert_true(i.id > 0);
	return i;
}

static size_t
open_intents(struct fixture *f, struct journal_intent **out)
{
	size_t n;

	assert_int_equal(journal_intents(f->s, 0, 1000, &f->a, out, &n), S3_OK);
	return n;
}

static struct store_event *
events(struct fixture *f, size_t want)
{
	struct store_event *e;
	size_t n;

	assert_int_equal(store_events(f->s, 0, 100, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, want);
	return e;
}

static void
expect_like_put(const struct store_event *e)
{
	assert_true(slice_eq(e->event_name, put_event.event_name));
	assert_true(slice_eq(e->bucket, put_event.bucket));
	assert_true(slice_eq(e->bucket_owner, put_event.bucket_owner));
	assert_true(slice_eq(e->key, put_event.key));
	assert_int_equal(e->size, put_event.size);
	assert_true(slice_eq(e->etag, put_event.etag));
	assert_true(slice_eq(e->content_type, put_event.content_type));
	assert_true(slice_eq(e->principal_id, put_event.principal_id));
	assert_true(slice_eq(e->source_ip, put_event.source_ip));
	assert_true(slice_eq(e->request_id, put_event.request_id));
}

static void
test_an_intent_outlives_the_process(void **state)
{
	struct fixture *f = *state;
	struct journal_intent i = intend(f), *open;

	fixture_reopen(f);
	assert_int_equal(open_intents(f, &open), 1);
	assert_int_equal(open[0].id, i.id);
	assert_string_equal(open[0].event.id, i.event.id);
	assert_int_equal(strlen(i.event.id), 32);
	assert_int_equal(open[0].event.time_us, i.event.time_us);
	expect_like_put(&open[0].event);
	events(f, 0);
}

static void
test_it_becomes_its_event_once(void **state)
{
	struct fixture *f = *state;
	struct journal_intent i = intend(f), *open;
	struct store_event told = i.event, *e;
	uint64_t seq;

	told.version_id = SLICE("v1");
	assert_int_equal(journal_settle(f->s, i.id, &told, &seq), S3_OK);
	assert_int_equal(seq, 1);
	assert_int_equal(journal_settle(f->s, i.id, &told, &seq), S3_OK);
	assert_int_equal(seq, 0);
	fixture_reopen(f);
	assert_int_equal(open_intents(f, &open), 0);
	e = events(f, 1);
	assert_string_equal(e[0].id, i.event.id);
	assert_true(slice_eq_str(e[0].version_id, "v1"));
	expect_like_put(&e[0]);
}

static void
test_it_ends_as_nothing(void **state)
{
	struct fixture *f = *state;
	struct journal_intent i = intend(f), *open;
	uint64_t seq = 7;

	assert_int_equal(journal_settle(f->s, i.id, NULL, &seq), S3_OK);
	assert_int_equal(seq, 0);
	assert_int_equal(open_intents(f, &open), 0);
	events(f, 0);
}

static void
test_ids_rise_also_over_restarts(void **state)
{
	struct fixture *f = *state;
	struct journal_intent *open;
	uint64_t last = 0;
	size_t n;

	for (size_t k = 0; k < 12; k++) {
		struct journal_intent i = intend(f);

		assert_true(i.id > last);
		last = i.id;
		if (k == 5)
			fixture_reopen(f);
	}
	assert_int_equal(open_intents(f, &open), 12);
	for (size_t k = 1; k < 12; k++)
		assert_true(open[k].id > open[k - 1].id);
	assert_int_equal(journal_intents(f->s, open[4].id, 3, &f->a, &open, &n),
			 S3_OK);
	assert_int_equal(n, 3);
}

/* ---- killed ------------------------------------------------------------- */

/* Intends and settles until it is killed; writes down each id that came back
 * (as it is), and each that was settled (its complement). */
static void
change_for_ever(struct fixture *f, int pipe)
{
	for (;;) {
		struct journal_intent i = intend(f);
		uint64_t word = i.id;

		if (write(pipe, &word, sizeof(word)) != sizeof(word))
			_exit(1);
		if (journal_settle(f->s, i.id, &i.event, NULL) != S3_OK)
			_exit(1);
		word = ~i.id;
		if (write(pipe, &word, sizeof(word)) != sizeof(word))
			_exit(1);
	}
}

/* Of those that came back each is an open intent or an event. */
static void
test_killed_at_any_time_none_is_lost(void **state)
{
	struct fixture *f = *state;
	uint64_t word, begun = 0, settled = 0, last = 0;
	struct journal_intent *open;
	struct store_info info;
	int fd[2];
	pid_t child;
	size_t n;

	store_close(f->s);
	f->s = NULL;
	assert_int_equal(pipe(fd), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fixture_reopen(f);
		close(fd[0]);
		change_for_ever(f, fd[1]);
	}
	close(fd[1]);
	while (settled < 40 &&
	       read(fd[0], &word, sizeof(word)) == sizeof(word)) {
		begun += word >> 63 == 0;
		settled += word >> 63;
		last = word >> 63 ? last : word;
	}
	assert_int_equal(settled, 40);
	kill(child, SIGKILL);
	while (read(fd[0], &word, sizeof(word)) == sizeof(word)) {
		begun += word >> 63 == 0;
		settled += word >> 63;
		last = word >> 63 ? last : word;
	}
	close(fd[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	fixture_reopen(f);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	n = open_intents(f, &open);
	assert_true(n <= 1); /* one thread */
	assert_true(info.last_seq >= settled);
	assert_true(info.last_seq + n >= begun);
	assert_true(info.last_seq + n <= begun + 1);
	if (n)
		assert_true(open[0].id >= last);
}

/* ---- beside it ---------------------------------------------------------- */

/* As a release before this table left it. */
static void
drop_table(struct fixture *f)
{
	char path[200];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	store_close(f->s);
	f->s = NULL;
	snprintf(path, sizeof(path), "%s/index", f->dir);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 1u << 30), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 32), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOTLS, 0640), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "intents", 0, &dbi), 0);
	assert_int_equal(mdb_drop(txn, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
fail_finding(void *ctx, const struct store_finding *found)
{
	(void)ctx;
	fail_msg("%s: %s", found->kind, found->text);
}

static void
count_finding(void *ctx, const struct store_finding *found)
{
	if (strstr(found->text, "table intents"))
		++*(size_t *)ctx;
}

static uint64_t
check(struct fixture *f, void (*found)(void *ctx, const struct store_finding *),
      void *ctx)
{
	const struct store_fsck_conf conf = { .dir = f->dir,
					      .found = found,
					      .ctx = ctx };
	struct store_fsck_result r;
	char err[512] = "";

	store_close(f->s);
	f->s = NULL;
	if (store_fsck(&conf, &r, err) != 0)
		fail_msg("%s", err);
	return r.findings;
}

static void
test_a_store_from_before_is_opened_and_checked(void **state)
{
	struct fixture *f = *state;
	struct journal_intent *open;

	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("x")), S3_OK);
	drop_table(f);
	assert_int_equal(check(f, fail_finding, NULL), 0);
	fixture_reopen(f);
	assert_int_equal(open_intents(f, &open), 0);
	intend(f);
	fixture_expect(f, SLICE("k"), SLICE("x"));
	assert_int_equal(check(f, fail_finding, NULL), 0);
}

static int
run_damage(struct writer_op *op, struct writer_txn *t)
{
	const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };

	(void)op;
	return local_row_put(t->ls, t->txn, TABLE_INTENTS, slice_mem(key, 8),
			     SLICE("no record"));
}

static void
test_a_damaged_row_is_found_and_is_no_intent(void **state)
{
	struct fixture *f = *state;
	struct writer_op op = { .run = run_damage };
	struct journal_intent *open;
	size_t n, found = 0;

	assert_int_equal(writer_run(local_of(f->s), &op), S3_OK);
	assert_int_equal(journal_intents(f->s, 0, 10, &f->a, &open, &n),
			 S3_ERR_INTERNAL_ERROR);
	check(f, count_finding, &found);
	assert_int_equal(found, 1);
}

static void
test_a_backup_holds_intents(void **state)
{
	struct fixture *f = *state;
	struct journal_intent i = intend(f), *open;
	char to[160], err[512] = "";
	const struct store_copies_conf backup = { .from = f->dir, .to = to };
	struct store_copies *c;
	struct fixture copy = *f;

	snprintf(to, sizeof(to), "%s/backup", f->dir);
	assert_int_equal(mkdir(to, 0750), 0);
	c = store_backup_open(&backup, err);
	assert_non_null(c);
	assert_int_equal(store_backup_begin(f->s, store_backup_fd(c)), S3_OK);
	assert_int_equal(store_backup_blobs(c, err), 0);
	assert_int_equal(store_backup_finish(c, err), 0);
	store_backup_end(f->s);
	store_copies_close(c);
	copy.s = NULL;
	copy.conf.data_dir = to;
	arena_init(&copy.a, 1u << 20);
	fixture_reopen(&copy);
	assert_int_equal(open_intents(&copy, &open), 1);
	assert_int_equal(open[0].id, i.id);
	store_close(copy.s);
	arena_release(&copy.a);
}

#define MANY 600u

/* Of a request that changes many: all are there, each ends by itself. */
static void
test_many_begin_and_end_at_once(void **state)
{
	struct fixture *f = *state;
	struct store_event *v = calloc(MANY, sizeof(*v));
	struct journal_intent *i = calloc(MANY, sizeof(*i)), *open;
	struct journal_end *ends = calloc(MANY, sizeof(*ends));
	struct store_event *told;
	size_t n;

	assert_true(v && i && ends);
	for (size_t k = 0; k < MANY; k++)
		v[k] = put_event;
	assert_int_equal(journal_intend(f->s, v, MANY, i), S3_OK);
	assert_int_equal(open_intents(f, &open), MANY);
	for (size_t k = 0; k < MANY; k++) {
		assert_int_equal(open[k].id, i[k].id);
		assert_string_equal(open[k].event.id, i[k].event.id);
		ends[k].id = i[k].id;
		ends[k].event = k % 2 ? &i[k].event : NULL;
	}
	journal_settle_all(f->s, ends, MANY);
	assert_int_equal(open_intents(f, &open), 0);
	assert_int_equal(store_events(f->s, 0, MANY, &f->a, &told, &n), S3_OK);
	assert_int_equal(n, MANY / 2);
	for (size_t k = 0; k < MANY; k++) {
		assert_int_equal(ends[k].err, S3_OK);
		assert_int_equal(ends[k].seq, k % 2 ? k / 2 + 1 : 0);
		if (k % 2)
			assert_string_equal(told[k / 2].id, i[k].event.id);
	}
	free(v);
	free(i);
	free(ends);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_an_intent_outlives_the_process),
		STORE_TEST(test_it_becomes_its_event_once),
		STORE_TEST(test_it_ends_as_nothing),
		STORE_TEST(test_ids_rise_also_over_restarts),
		STORE_TEST(test_killed_at_any_time_none_is_lost),
		STORE_TEST(test_a_store_from_before_is_opened_and_checked),
		STORE_TEST(test_a_damaged_row_is_found_and_is_no_intent),
		STORE_TEST(test_a_backup_holds_intents),
		STORE_TEST(test_many_begin_and_end_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
