/*
 * Backup and restore by their parts: what is held is not unlinked, what is
 * copied is whole, what is damaged is told, and a restored index alone does
 * not write over the blobs it does not know.
 */
#include "tests/unit/store_multipart.h"

#include "store/local/blob.h"

#include <fcntl.h>
#include <time.h>

#define DELAY_MS 20

struct told {
	size_t n;
};

static void
note_damage(void *ctx, const char *line)
{
	struct told *t = ctx;

	assert_non_null(strstr(line, "blob"));
	t->n++;
}

/* A folder beside the store's own. */
static void
other_dir(const struct fixture *f, const char *name, char out[192])
{
	snprintf(out, 192, "%s.%s", f->dir, name);
	nftw(out, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(out, 0700), 0);
}

static void
remove_dir(const char *path)
{
	nftw(path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void
put(struct fixture *f, const char *key, size_t n, uint32_t seed)
{
	char *bytes = fixture_bytes(n, seed);

	assert_int_equal(fixture_put(f->s, slice_str(key), slice_mem(bytes, n)),
			 S3_OK);
	free(bytes);
}

static void
expect(struct fixture *f, const char *key, size_t n, uint32_t seed)
{
	char *bytes = fixture_bytes(n, seed);

	fixture_expect(f, slice_str(key), slice_mem(bytes, n));
	free(bytes);
}

/* Opens, has the index copied, and stops there. */
static struct store_copies *
begin(struct fixture *f, const char *to, struct told *told)
{
	const struct store_copies_conf conf = {
		.from = f->dir, .to = to, .damaged = note_damage, .ctx = told
	};
	char err[512] = "";
	struct store_copies *c = store_backup_open(&conf, err);

	if (!c)
		fail_msg("%s", err);
	assert_int_equal(store_backup_begin(f->s, store_backup_fd(c)), S3_OK);
	return c;
}

static struct store_copies_result
finish(struct fixture *f, struct store_copies *c)
{
	struct store_copies_result r;
	char err[512] = "";

	if (store_backup_blobs(c, err) != 0)
		fail_msg("%s", err);
	store_backup_end(f->s);
	if (store_backup_finish(c, err) != 0)
		fail_msg("%s", err);
	r = *store_copies_result(c);
	store_copies_close(c);
	return r;
}

static struct store_copies_result
backup(struct fixture *f, const char *to)
{
	struct told told = { 0 };
	struct store_copies_result r = finish(f, begin(f, to, &told));

	assert_int_equal(r.damaged, told.n);
	return r;
}

/* The fixture goes on with what was restored at @to. */
static struct store_copies_result
restore(struct fixture *f, const char *from, const char *to)
{
	const struct store_copies_conf conf = { .from = from,
						.to = to,
						.damaged = note_damage,
						.ctx = &(struct told){ 0 } };
	struct store_copies_result r;
	char err[512] = "";

	store_close(f->s);
	f->s = NULL;
	if (store_restore(&conf, &r, err) != 0)
		fail_msg("%s", err);
	remove_dir(f->dir);
	assert_int_equal(rename(to, f->dir), 0);
	fixture_reopen(f);
	return r;
}

static void
wait_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- tests --------------------------------------------------------------- */

static void
test_backup_holds_what_is_removed_meanwhile(void **state)
{
	struct fixture *f = *state;
	char to[192], restored[192];
	struct store_copies *c;
	struct told told = { 0 };

	f->conf.gc_delay_ms = DELAY_MS;
	fixture_reopen(f);
	put(f, "a", 50000, 1);
	put(f, "b", 60000, 2);
	other_dir(f, "backup", to);
	other_dir(f, "restored", restored);
	c = begin(f, to, &told);
	put(f, "a", 50000, 3); /* replaces it: the first is due soon */
	wait_ms(10 * DELAY_MS);
	assert_int_equal(fixture_blobs(f), 3);
	(void)finish(f, c);
	assert_int_equal(told.n, 0);
	/* and let go after it */
	for (size_t i = 0; fixture_blobs(f) > 2 && i < 500; i++)
		wait_ms(DELAY_MS);
	assert_int_equal(fixture_blobs(f), 2);
	expect(f, "a", 50000, 3);
	(void)restore(f, to, restored);
	expect(f, "a", 50000, 1);
	expect(f, "b", 60000, 2);
	remove_dir(to);
}

static void
test_backup_copies_what_is_new_and_removes_what_is_gone(void **state)
{
	struct fixture *f = *state;
	const struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_copies_result r;
	char to[192];

	put(f, "a", 50000, 1);
	put(f, "b", 60000, 2);
	other_dir(f, "backup", to);
	r = backup(f, to);
	assert_int_equal(r.copied, 2);
	assert_int_equal(r.copied_bytes, 110000);
	assert_int_equal(r.removed, 0);
	r = backup(f, to);
	assert_int_equal(r.copied, 0);
	put(f, "c", 70000, 3);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("a")),
				      NULL, &note, NULL),
			 S3_OK);
	r = backup(f, to);
	assert_int_equal(r.copied, 1);
	assert_int_equal(r.copied_bytes, 70000);
	assert_int_equal(r.removed, 1);
	assert_int_equal(r.blobs, 2);
	remove_dir(to);
}

static void
test_interrupted_backup_leaves_the_last_one(void **state)
{
	struct fixture *f = *state;
	char to[192], restored[192], err[512] = "";
	struct store_copies *c;
	struct told told = { 0 };

	put(f, "a", 50000, 1);
	other_dir(f, "backup", to);
	other_dir(f, "restored", restored);
	(void)backup(f, to);
	put(f, "a", 50000, 2);
	/* the index is there, the blobs are, the last step is not made */
	c = begin(f, to, &told);
	assert_int_equal(store_backup_blobs(c, err), 0);
	store_backup_end(f->s);
	store_copies_close(c);
	(void)restore(f, to, restored);
	expect(f, "a", 50000, 1);
	remove_dir(to);
}

static void
test_backup_tells_of_damage_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct store_copies_result r;
	char to[192], path[256], name[BLOB_NAME_MAX];
	int fd;

	put(f, "a", 50000, 1);
	put(f, "b", 60000, 2);
	put(f, "c", 70000, 3);
	blob_file_name(0, name);
	snprintf(path, sizeof(path), "%s/blobs/f/%s", f->dir, name);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "wrong", 5, 1000), 5);
	close(fd);
	blob_file_name(1, name);
	snprintf(path, sizeof(path), "%s/blobs/f/%s", f->dir, name);
	assert_int_equal(unlink(path), 0);
	other_dir(f, "backup", to);
	r = backup(f, to);
	assert_int_equal(r.damaged, 2);
	assert_int_equal(r.copied, 2); /* the wrong one as it is */
	remove_dir(to);
}

/* A file that ends early is left out, and nothing stays of its copy. */
static void
test_restore_of_a_cut_blob_leaves_no_part_of_it(void **state)
{
	struct fixture *f = *state;
	struct store_copies_result r;
	char name[BLOB_NAME_MAX], to[192], restored[192], path[288];

	put(f, "a", 5 << 20, 1);
	put(f, "b", 60000, 2);
	other_dir(f, "backup", to);
	other_dir(f, "restored", restored);
	(void)backup(f, to);
	blob_file_name(0, name);
	snprintf(path, sizeof(path), "%s/blobs/f/%s", to, name);
	assert_int_equal(truncate(path, 3 << 20), 0);
	r = restore(f, to, restored);
	assert_int_equal(r.damaged, 1);
	assert_int_equal(r.copied, 1);
	assert_int_equal(fixture_blobs(f), 1);
	expect(f, "b", 60000, 2);
	remove_dir(to);
}

static void
test_backup_into_one_folder_is_exclusive(void **state)
{
	struct fixture *f = *state;
	struct told told = { 0 };
	struct store_copies *c;
	struct store_copies_conf conf = { .from = f->dir };
	char to[192], err[512] = "";

	other_dir(f, "backup", to);
	c = begin(f, to, &told);
	conf.to = to;
	assert_null(store_backup_open(&conf, err));
	assert_non_null(strstr(err, "in use"));
	(void)finish(f, c);
	remove_dir(to);
}

/* The index was lost, and its last copy is older than the blobs. */
static void
test_index_restored_alone_keeps_newer_blobs_and_their_ids(void **state)
{
	struct fixture *f = *state;
	struct store_copies_conf conf = { .damaged = note_damage,
					  .index_only = true };
	struct store_copies_result r;
	char to[192], path[224], err[512] = "";
	size_t blobs;

	put(f, "a", 50000, 1);
	other_dir(f, "backup", to);
	(void)backup(f, to);
	put(f, "b", 60000, 2);
	put(f, "c", 60000, 3);
	store_close(f->s);
	f->s = NULL;
	blobs = fixture_blobs(f);
	snprintf(path, sizeof(path), "%s/index/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	conf.from = to;
	conf.to = f->dir;
	if (store_restore(&conf, &r, err) != 0)
		fail_msg("%s", err);
	fixture_reopen(f);
	expect(f, "a", 50000, 1);
	for (uint32_t i = 0; i < 5; i++)
		put(f, "d", 50000, i);
	expect(f, "d", 50000, 4);
	assert_int_equal(fixture_blobs(f), blobs + 5);
	remove_dir(to);
}

static void
test_new_epoch_remembers_the_ones_with_events(void **state)
{
	struct fixture *f = *state;
	struct store_info before, after;
	struct store_identity id;
	char err[512] = "";

	put(f, "a", 100, 1);
	put(f, "a", 100, 2);
	assert_int_equal(store_info(f->s, &before), S3_OK);
	assert_int_equal(before.n_pasts, 0);
	store_close(f->s);
	f->s = NULL;
	assert_int_equal(store_new_epoch(f->dir, &id, err), 0);
	fixture_reopen(f);
	assert_int_equal(store_info(f->s, &after), S3_OK);
	assert_string_equal(after.deployment_id, before.deployment_id);
	assert_string_equal(after.epoch, id.epoch);
	assert_string_not_equal(after.epoch, before.epoch);
	assert_int_equal(after.n_pasts, 1);
	assert_string_equal(after.pasts[0].epoch, before.epoch);
	assert_int_equal(after.pasts[0].last_seq, 2);
	assert_int_equal(after.last_seq, 2);
	/* events go on where they were */
	put(f, "a", 100, 3);
	assert_int_equal(store_info(f->s, &after), S3_OK);
	assert_int_equal(after.last_seq, 3);
	assert_int_equal(store_new_epoch(f->dir, &id, err), -1);
	assert_non_null(strstr(err, "in use"));
	/* no room for more than the outbox can tell apart */
	store_close(f->s);
	f->s = NULL;
	for (size_t i = 1; i < LOCAL_PASTS_MAX; i++)
		assert_int_equal(store_new_epoch(f->dir, &id, err), 0);
	assert_int_equal(store_new_epoch(f->dir, &id, err), -1);
	assert_non_null(strstr(err, "epochs already"));
}

static void
test_new_epoch_without_a_store_makes_none(void **state)
{
	struct fixture *f = *state;
	struct store_identity id;
	char to[192], err[512] = "";

	other_dir(f, "none", to);
	assert_int_equal(store_new_epoch(to, &id, err), -1);
	assert_non_null(strstr(err, "holds no index"));
	assert_int_equal(rmdir(to), 0); /* still empty */
}

/* ---- long readers -------------------------------------------------------- */

static struct store_index_status
status(struct fixture *f)
{
	struct store_index_status s;

	assert_int_equal(store_index_status(f->s, &s), S3_OK);
	return s;
}

static void
test_reader_is_old_from_the_first_change_after_it(void **state)
{
	struct fixture *f = *state;
	MDB_txn *txn;

	f->conf.gc_delay_ms = DELAY_MS;
	fixture_reopen(f);
	put(f, "a", 100, 1);
	assert_int_equal(local_read_begin(local_of(f->s), &txn), 0);
	wait_ms(5 * DELAY_MS);
	/* the keeper may be late on a busy machine */
	for (size_t i = 0; status(f).readers != 1 && i < 500; i++)
		wait_ms(DELAY_MS);
	assert_int_equal(status(f).readers, 1);
	/* of the newest state: it keeps nothing */
	assert_int_equal(status(f).oldest_reader_us, 0);
	put(f, "a", 100, 2);
	for (size_t i = 0;
	     status(f).oldest_reader_us < 3 * DELAY_MS * 1000 && i < 500; i++)
		wait_ms(DELAY_MS);
	assert_true(status(f).oldest_reader_us >= 3 * DELAY_MS * 1000);
	mdb_txn_abort(txn);
	for (size_t i = 0; status(f).oldest_reader_us && i < 500; i++)
		wait_ms(DELAY_MS);
	assert_int_equal(status(f).oldest_reader_us, 0);
}

static void
test_index_status_tells_used_and_free(void **state)
{
	struct fixture *f = *state;
	const struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_index_status full, empty;
	char key[16];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%u", i);
		put(f, key, 4000, i);
	}
	full = status(f);
	assert_true(full.used_bytes > 200 * 4000u);
	assert_true(full.bytes >= full.used_bytes);
	assert_int_equal(full.map_bytes, f->conf.map_size);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(
		    store_remove(f->s, &STORE_REF(BUCKET, slice_str(key)), NULL,
				 &note, NULL),
		    S3_OK);
	}
	empty = status(f);
	assert_true(empty.bytes >= full.bytes);
	assert_true(empty.used_bytes + 200 * 4000u < full.used_bytes + 400000u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_backup_holds_what_is_removed_meanwhile),
		STORE_TEST(
		    test_backup_copies_what_is_new_and_removes_what_is_gone),
		STORE_TEST(test_interrupted_backup_leaves_the_last_one),
		STORE_TEST(test_backup_tells_of_damage_and_goes_on),
		STORE_TEST(test_restore_of_a_cut_blob_leaves_no_part_of_it),
		STORE_TEST(test_backup_into_one_folder_is_exclusive),
		STORE_TEST(
		    test_index_restored_alone_keeps_newer_blobs_and_their_ids),
		STORE_TEST(test_new_epoch_remembers_the_ones_with_events),
		STORE_TEST(test_new_epoch_without_a_store_makes_none),
		STORE_TEST(test_reader_is_old_from_the_first_change_after_it),
		STORE_TEST(test_index_status_tells_used_and_free),
	};

	return cmocka_run_group_tests_name("store_backup", tests, NULL, NULL);
}
